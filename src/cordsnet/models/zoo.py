"""The table of networks: one row each, and the functions that find and make them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cordsnet.models.cordsnet.cnn import CNN
from cordsnet.models.cordsnet.model import CordsNet
from cordsnet.models.cordsnet.spec import STEM, AreaSpec, ConnectionSpec, NetworkSpec, StemSpec, square
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import seeded
from cordsnet.models.pretrained import load_pretrained
from cordsnet.registry import Registry

Maker: TypeAlias = Callable[..., VisionModel]

SPECS: Registry[NetworkSpec] = Registry("network spec")
MODELS: Registry[Maker] = Registry("model")

PAPER_STEM = StemSpec(channels=64)
SMALL_STEM = StemSpec(channels=16, kernel=3, stride=1)

# name, recurrent areas, stem, image size; channels double at every second area after the second.
ROWS = (
    ("cordsnet_r2", 2, PAPER_STEM, 224),
    ("cordsnet_r4", 4, PAPER_STEM, 224),
    ("cordsnet_r6", 6, PAPER_STEM, 224),
    ("cordsnet_r8", 8, PAPER_STEM, 224),
    ("cordsnet_r2_small", 2, SMALL_STEM, 16),
    ("cordsnet_r4_small", 4, SMALL_STEM, 32),
    ("cordsnet_r6_small", 6, SMALL_STEM, 32),
    ("cordsnet_r8_small", 8, SMALL_STEM, 32),
)


def cordsnet_spec(name: str, depth: int, stem: StemSpec, image_size: int) -> NetworkSpec:
    """The CordsNet scheme for any even depth (Soo et al. 2024, section 3 and appendix).

    Areas come in pairs. Odd areas read the two areas below them and, from area 3 on, halve the map and
    double the channels; even areas read the one below plus a skip from three below through a kernel.
    """
    if depth < 2 or depth % 2:
        raise ValueError(f"depth must be an even number of areas, at least 2, got {depth}")
    names = [STEM, *(f"area{k}" for k in range(1, depth + 1))]
    areas = [
        AreaSpec(names[k], stem.channels * 2 ** ((k - 1) // 2), stride=2 if k > 2 and k % 2 else 1)
        for k in range(1, depth + 1)
    ]
    links = [ConnectionSpec(names[k - 1], names[k]) for k in range(1, depth + 1)]
    links += [ConnectionSpec(names[k - 2], names[k]) for k in range(3, depth + 1, 2)]
    links += [ConnectionSpec(STEM, "area2", kernel=3)]
    links += [ConnectionSpec(names[k - 2], names[k], kernel=1, stride=2) for k in range(4, depth + 1, 2)]
    return NetworkSpec(name, stem, tuple(areas), tuple(links), readout=tuple(names[-2:]), image_size=square(image_size))


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | Sequence[int] | None = None,
    width: int | None = None,
    seed: int = 0,
    pretrained: str | None = None,
    **changes: Any,
) -> VisionModel:
    """Make a model by name, with random weights, or with those that come with the package.

    Parameters
    ----------
    name : one of `list_models()`.
    num_classes, in_channels, image_size : of the task; None keeps the row's.
    width : channels of the stem and the first areas; the others follow in proportion.
    seed : of the random weights.
    pretrained : name of a data set for which the model has weights (`list_pretrained()`).
    changes : any other field of `NetworkSpec`, for example `tau_ms=20.0`.

    Raises
    ------
    ValueError : unknown name (the nearest are offered) or values that do not fit, or conflict with `pretrained`.
    """
    maker = MODELS[name]
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size, **changes}
    given = {key: value for key, value in given.items() if value is not None}
    if pretrained is not None:
        return load_pretrained(name, pretrained, given | ({} if width is None else {"width": width}))
    return maker(width=width, seed=seed, **given)


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models that match a shell pattern such as `cordsnet_*`."""
    return MODELS.names(pattern)


def build(spec: NetworkSpec, seed: int = 0, kind: type[CordsNet] | type[CNN] = CordsNet) -> VisionModel:
    """A network, or its CNN twin, made from a spec with random weights drawn from `seed` alone."""
    return seeded(lambda: kind(spec), seed)


def resized(spec: NetworkSpec, width: int | None = None, **changes: Any) -> NetworkSpec:
    """A spec with some fields changed, and its channels scaled so that the stem has `width` of them."""
    known = {f.name for f in dataclasses.fields(NetworkSpec)}
    if unknown := sorted(set(changes) - known):
        raise ValueError(f"create_model has no argument {unknown[0]!r}; NetworkSpec has {', '.join(sorted(known))}")
    if "image_size" in changes:
        changes["image_size"] = square(changes["image_size"])
    if width is None:
        return dataclasses.replace(spec, **changes)

    def scale(channels: int) -> int:
        scaled, rest = divmod(channels * width, spec.stem.channels)
        if width < 1 or rest or not scaled:
            raise ValueError(f"width = {width} does not scale {channels} channels to a whole number; try a multiple")
        return scaled

    areas = tuple(dataclasses.replace(area, channels=scale(area.channels)) for area in spec.areas)
    stem = dataclasses.replace(spec.stem, channels=width)
    return dataclasses.replace(spec, stem=stem, areas=areas, **changes)


def _add_row(name: str, depth: int, stem: StemSpec, image_size: int) -> None:
    spec = SPECS.add(name, cordsnet_spec(name, depth, stem, image_size))

    def make(*, width: int | None = None, seed: int = 0, **changes: Any) -> VisionModel:
        model = build(resized(spec, width, **changes), seed)
        assert isinstance(model, VisionModel)
        return model

    MODELS.add(name, make)


for _row in ROWS:
    _add_row(*_row)
