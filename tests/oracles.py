"""Slow, obvious versions of what the library does, and the tiny networks on which both are run.

Nothing here uses the library's own circuit, wiring or steppers: weights are read from a state dict and the
equations are written out again.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cordsnet import AreaSpec, ConnectionSpec, CordsNet, NetworkSpec, StemSpec
from cordsnet.models import build, cordsnet_spec


def nested(values: Tensor):
    """A tensor as nested tuples of numbers."""
    return tuple(nested(row) for row in values) if values.ndim else values.item()


POINT_STEM = StemSpec(channels=2, kernel=1, stride=1, pool_kernel=1, pool_stride=1)
CASCADE = NetworkSpec(
    "cascade",
    StemSpec(channels=2, kernel=3, stride=1, pool_kernel=3, pool_stride=1),
    (AreaSpec("area1", 2), AreaSpec("area2", 3)),
    (
        ConnectionSpec("stem", "area1"),
        ConnectionSpec("area1", "area2"),
        ConnectionSpec("stem", "area2", kernel=3),
    ),
    readout=("area2",),
    in_channels=1,
    image_size=(5, 5),
    num_classes=3,
)
FEEDBACK = NetworkSpec(
    "feedback",
    StemSpec(channels=2, kernel=3, stride=1, pool_kernel=1, pool_stride=1),
    (AreaSpec("low", 2), AreaSpec("high", 3, stride=2), AreaSpec("top", 3, recurrent_kernel=None)),
    (
        ConnectionSpec("stem", "low"),
        ConnectionSpec("low", "high"),
        ConnectionSpec("high", "top"),
        ConnectionSpec("low", "top", kernel=1, stride=2, onto="drive"),
        ConnectionSpec("top", "low", kernel=1),
        ConnectionSpec("high", "low", kernel=3, onto="drive"),
        ConnectionSpec("top", "high", onto="drive"),
    ),
    readout=("high", "top"),
    in_channels=2,
    image_size=(5, 6),
    num_classes=3,
)
DELAYS = NetworkSpec(
    "delays",
    POINT_STEM,
    (AreaSpec("low", 2), AreaSpec("high", 2)),
    (
        ConnectionSpec("stem", "low", delay_ms=4.0),
        ConnectionSpec("stem", "low", kernel=3, onto="drive"),
        ConnectionSpec("low", "high", delay_ms=6.0),
        ConnectionSpec("stem", "high", kernel=1, delay_ms=2.0, onto="drive"),
        ConnectionSpec("high", "low", kernel=3, delay_ms=10.0, onto="drive"),
    ),
    readout=("low", "high"),
    in_channels=1,
    image_size=(5, 5),
    num_classes=3,
)
PER_AREA_TAU = dataclasses.replace(
    CASCADE, name="per_area_tau", areas=(AreaSpec("area1", 2, tau_ms=5.0), AreaSpec("area2", 3, tau_ms=33.0))
)
PER_UNIT_TAU = dataclasses.replace(
    CASCADE,
    name="per_unit_tau",
    areas=(
        AreaSpec("area1", 2, tau_ms=(((8.0,),), ((24.0,),))),
        AreaSpec("area2", 3, tau_ms=nested(5.0 + torch.arange(75.0).reshape(3, 5, 5) / 4)),
    ),
)
NETWORKS = {spec.name: spec for spec in (CASCADE, FEEDBACK, DELAYS, PER_AREA_TAU, PER_UNIT_TAU)}


def tiny_r(depth: int, image_size: int | tuple[int, int] = 16, **changes) -> NetworkSpec:
    """The CordsNet scheme of any depth with two channels in the first areas."""
    spec = cordsnet_spec(f"tiny_r{depth}", depth, StemSpec(channels=2, kernel=3, stride=1), 16)
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    return dataclasses.replace(spec, in_channels=1, num_classes=3, image_size=size, **changes)


def one_area(**changes) -> NetworkSpec:
    """A single area of 2 channels on 4 x 4 maps that reads the image through one-pixel kernels."""
    spec = NetworkSpec(
        "one_area",
        POINT_STEM,
        (AreaSpec("area1", 2),),
        (ConnectionSpec("stem", "area1"),),
        readout=("area1",),
        in_channels=1,
        image_size=(4, 4),
        num_classes=3,
    )
    return dataclasses.replace(spec, **changes)


def randomised(spec: NetworkSpec, seed: int = 0, bias: float = 0.3) -> CordsNet:
    """A float64 network with random weights, gains of either sign, and random biases for every unit."""
    model = build(spec, seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if "bias" in name:
                parameter.copy_(bias * noise)
            elif name.endswith("original0"):
                parameter.mul_(1 + 0.2 * noise)
    return model


def random_images(spec: NetworkSpec, batch: int = 2, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, spec.in_channels, *spec.image_size, generator=generator, dtype=torch.float64)


def kernel(model: CordsNet, name: str) -> Tensor:
    """A weight from its gain and direction: g v / |v|, the norm taken for each output channel."""
    state = model.state_dict()
    gain = state[f"wiring.{name}.parametrizations.weight.original0"]
    direction = state[f"wiring.{name}.parametrizations.weight.original1"]
    norms = torch.stack([torch.sqrt((row * row).sum()) for row in direction])
    return gain * direction / norms.reshape(gain.shape)


def dense_convolution(weight: np.ndarray, height: int, width: int) -> np.ndarray:
    """The matrix of a zero-padded stride-1 convolution, entry by entry: [Cout H W, Cin H W]."""
    outputs, inputs, size, _ = weight.shape
    reach = size // 2
    matrix = np.zeros((outputs, height, width, inputs, height, width))
    for out in range(outputs):
        for row in range(height):
            for column in range(width):
                for source in range(inputs):
                    for dy in range(size):
                        for dx in range(size):
                            y, x = row + dy - reach, column + dx - reach
                            if 0 <= y < height and 0 <= x < width:
                                matrix[out, row, column, source, y, x] = weight[out, source, dy, dx]
    return matrix.reshape(outputs * height * width, inputs * height * width)


def enlarge_nearest(value: Tensor, height: int, width: int) -> Tensor:
    """Row y of the result is row floor(y * old / new) of the source, and so for columns."""
    rows = [math.floor(y * value.shape[2] / height) for y in range(height)]
    columns = [math.floor(x * value.shape[3] / width) for x in range(width)]
    return value[:, :, rows][:, :, :, columns]


def naive_simulation(
    model: CordsNet,
    frames: Sequence[Tensor | None],
    dt: float,
    phi: Callable[[Tensor], Tensor] = torch.relu,
    top_down_in_place: bool = False,
) -> list[dict[str, Tensor]]:
    """Rates of all areas after 0, 1, 2, ... Euler steps from rest, one frame per step; None is a blank field.

    With `top_down_in_place` a cascade is updated the way a single array of states can be: highest area first.
    """
    spec = model.spec
    batch = next(len(frame) for frame in frames if frame is not None)
    blank = torch.zeros(batch, spec.in_channels, *spec.image_size, dtype=torch.float64)
    stems = [_stem(model, blank if frame is None else frame) for frame in frames]
    shapes = {area.name: _shape(model, area.name) for area in spec.areas}
    history = [{name: torch.zeros(batch, *shape, dtype=torch.float64) for name, shape in shapes.items()}]
    for step in range(len(frames)):
        before = history[-1]
        now = dict(before)
        for area in reversed(spec.areas) if top_down_in_place else spec.areas:
            reads = now if top_down_in_place else before
            drive = model.state_dict()[f"bias.{area.name}"]
            if area.recurrent_kernel:
                drive = drive + _same(reads[area.name], kernel(model, f"recurrent.{area.name}"))
            drive = drive + _afferent(model, area.name, step, dt, stems, [*history[:-1], reads])
            tau = spec.tau_ms if area.tau_ms is None else torch.tensor(area.tau_ms, dtype=torch.float64)
            now[area.name] = reads[area.name] + dt / tau * (phi(drive) - reads[area.name])
        history.append(now)
    return history


def naive_readout(model: CordsNet, rates: dict[str, Tensor]) -> Tensor:
    pooled = torch.stack([torch.relu(rates[area]).mean((2, 3)) for area in model.spec.readout]).sum(0)
    return pooled @ kernel(model, "readout").T + model.state_dict()["wiring.readout.bias"]


def _afferent(
    model: CordsNet, area: str, step: int, dt: float, stems: list[Tensor], history: list[dict[str, Tensor]]
) -> Tensor:
    spec = model.spec
    onto_input, onto_drive = [], []
    for link in spec.connections:
        if link.target != area:
            continue
        late = round(link.delay_ms / dt)
        if link.source == "stem":
            value = stems[step - late] if step >= late else torch.zeros_like(stems[0])
        else:
            source = history[step - late] if step >= late else history[0]
            value = torch.relu(source[link.source])
            value = value if step >= late else torch.zeros_like(value)
        if link.kernel is not None:
            weight = kernel(model, f"links.{link.name}")
            value = functional.conv2d(value, weight, stride=link.stride, padding=link.kernel // 2)
        (onto_input if link.onto == "input" else onto_drive).append(value)
    weight, stride = kernel(model, f"feedforward.{area}"), spec.area(area).stride
    height = max(value.shape[2] for value in onto_input)
    width = max(value.shape[3] for value in onto_input)
    joined = sum(enlarge_nearest(value, height, width) for value in onto_input)
    drive = functional.conv2d(joined, weight, stride=stride, padding=weight.shape[-1] // 2)
    return drive + sum(enlarge_nearest(value, *drive.shape[2:]) for value in onto_drive)


def _stem(model: CordsNet, frame: Tensor) -> Tensor:
    stem = model.spec.stem
    maps = functional.conv2d(frame, kernel(model, "stem"), stride=stem.stride, padding=stem.kernel // 2)
    reach = stem.pool_kernel // 2
    padded = functional.pad(maps, (reach, reach, reach, reach))
    windows = padded.unfold(2, stem.pool_kernel, stem.pool_stride).unfold(3, stem.pool_kernel, stem.pool_stride)
    return windows.mean((4, 5))


def _shape(model: CordsNet, area: str) -> tuple[int, ...]:
    return tuple(model.state_dict()[f"bias.{area}"].shape)


def _same(value: Tensor, weight: Tensor) -> Tensor:
    return functional.conv2d(value, weight, padding=weight.shape[-1] // 2)
