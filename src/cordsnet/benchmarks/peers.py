"""A ConvLSTM through our engines, beside its own loop written by hand."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Record, simulate
from cordsnet.models import create_model
from cordsnet.stimuli import show


@dataclass(frozen=True)
class PeerWorkload:
    """A ConvLSTM shown images for some steps, in a forward pass or with the gradient of all weights.

    Attributes
    ----------
    name : name of the workload.
    steps : number of steps.
    image_size : px.
    training : True computes the gradient too.
    memory : memory budget of our side; None keeps everything, as the loop does.
    batch, precision, device : as in `Workload`.
    model : name of the network.
    """

    name: str
    steps: int
    image_size: int
    training: bool = False
    memory: str | None = None
    batch: int = 8
    precision: str = "float32"
    device: str | None = None
    model: str = "convlstm"

    def flops(self) -> None:
        """None: the floor of these convolutions is not computed."""
        return

    def reference_key(self) -> tuple[object, ...]:
        """Key of the reference's measurement: everything that it depends on."""
        return self.model, self.steps, self.image_size, self.training, self.batch


def prepare_peer(workload: PeerWorkload, side: str, batch: int, device: str) -> Callable[[], Tensor]:
    """Prepare one side of a workload as a function that gives the mean square of the last scores."""
    model = create_model(workload.model, image_size=workload.image_size, num_classes=10).to(device)
    images = torch.randn(batch, *model.input_shape, generator=torch.Generator().manual_seed(1)).to(device)
    last = workload.steps * model.dt_ms
    record, engine = Record(times_ms=(last,)), "time_major" if workload.memory is None else "auto"

    def ours() -> Tensor:
        protocol, grad = show(images, last), workload.training
        found = simulate(model, protocol, grad=grad, memory=workload.memory, record=record, engine=engine).logits
        assert found is not None
        return found[-1]

    def loop() -> Tensor:
        with torch.set_grad_enabled(workload.training):
            return _loop(dict(model.named_parameters()), model.spec, images, workload.steps)

    scores = ours if side == "ours" else loop

    def run() -> Tensor:
        model.zero_grad()
        value = scores().square().mean()
        if workload.training:
            value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    return run


def _loop(weights: dict[str, Tensor], spec: object, images: Tensor, steps: int) -> Tensor:
    """Class scores after some steps, as one would write the network without this package."""
    strides: tuple[int, ...] = spec.strides  # type: ignore[attr-defined]
    kernel = weights["stem.weight"]
    maps = functional.conv2d(images, kernel, stride=spec.stem_stride, padding=kernel.shape[-1] // 2)  # type: ignore[attr-defined]
    shown = functional.avg_pool2d(maps, 3, 2, 1)
    states: dict[str, tuple[Tensor, Tensor]] = {}
    for _ in range(steps):
        maps = shown
        for k, stride in enumerate(strides, 1):
            area = f"cells.area{k}"
            kernel, recurrent = weights[f"{area}.input.weight"], weights[f"{area}.recurrent.weight"]
            gates = functional.conv2d(maps, kernel, weights[f"{area}.bias"], stride, kernel.shape[-1] // 2)
            if area not in states:
                zeros = gates.new_zeros(len(gates), gates.shape[1] // 4, *gates.shape[2:])
                states[area] = zeros, zeros
            rate, cell = states[area]
            gates = gates + functional.conv2d(rate, recurrent, padding=recurrent.shape[-1] // 2)
            into, kept, candidate, out = gates.chunk(4, 1)
            cell = torch.sigmoid(kept) * cell + torch.sigmoid(into) * torch.tanh(candidate)
            maps = torch.sigmoid(out) * torch.tanh(cell)
            states[area] = maps, cell
    return functional.linear(maps.mean((2, 3)), weights["decoder.weight"], weights["decoder.bias"])
