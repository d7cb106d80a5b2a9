"""A recurrent network that reads vectors, as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from cordsnet._checks import check_positive, is_int, is_number
from cordsnet.models.spec import ModelSpec, plain_number

AREA, VECTOR = "area1", "vector"
Recurrence = Literal["dense", "lowrank", "sparse", "conv"]
Phi = Literal["relu", "tanh", "softplus"]
Output = tuple[str, str, int]

TAKEN: Mapping[str, tuple[str, ...]] = {
    "name": (AREA, VECTOR, "image", "scores"),
    "axis": ("trial", "time", "class"),
}
"""Names and axes that an output cannot have, since they mean something else in this package."""


@dataclass(frozen=True)
class VectorSpec(ModelSpec):
    """One area that reads a vector and gives named outputs.

    Attributes
    ----------
    name : the network's name.
    vector_size : length of the input.
    outputs : (name, axis, size) of every output. Values on the axis "option" are scores of options; others, such as
        "unit", "coordinate" or "bit", are values.
    recurrence : W of the recurrence: "dense"; "lowrank", left right' / N of the given rank; "sparse", with zeros at
        fixed places; "conv", a convolution, whose area is a map [channels, side, side].
    units : units of the area, N; for "conv" the number of units is channels x side x side.
    rank : columns of left and right, from 1 to N; used by "lowrank".
    density : proportion of W's entries that are not zero, above 0 and at most 1; used by "sparse".
    channels, side, kernel : feature maps, their height and width, and side of the kernel, odd; used by "conv".
    activation : phi: "relu", "tanh" or "softplus".
    dale : share of excitatory units (of channels, for "conv"), above 0 and below 1: what a unit sends to the area has
        one sign for good. 0 for weights of any sign.
    gain : spectral radius of W as it is drawn, in the limit of many units.
    noise : standard deviation of the fluctuations of a linear unit without recurrence, in units of its rates; 0 for
        none.
    tau_ms : time constant, ms.
    dt_ms : step used where none is given, ms.
    response_ms : how long inputs are held before the network is read, where nothing else is said, ms.
    """

    kind: ClassVar[str] = "vector_rnn"
    name: str = "vector_rnn_dense"
    vector_size: int = 8
    outputs: tuple[Output, ...] = (("choice", "option", 3),)
    recurrence: Recurrence = "dense"
    units: int = 256
    rank: int = 8
    density: float = 0.1
    channels: int = 16
    side: int = 4
    kernel: int = 3
    activation: Phi = "relu"
    dale: float = 0.0
    gain: float = 0.9
    noise: float = 0.05
    tau_ms: float = 100.0
    dt_ms: float = 20.0
    response_ms: float = 1000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "outputs", _as_outputs(self.outputs))
        for name in ("vector_size", "units", "rank", "channels", "side", "kernel"):
            if not is_int(getattr(self, name), 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {getattr(self, name)!r}")
        for name in ("tau_ms", "dt_ms", "response_ms"):
            check_positive(getattr(self, name), name)
        for name in ("gain", "noise"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
        for name, kinds in (("recurrence", get_args(Recurrence)), ("activation", get_args(Phi))):
            if getattr(self, name) not in kinds:
                raise ValueError(f"{name} must be one of {', '.join(kinds)}, got {getattr(self, name)!r}")
        self._check_recurrence()
        self._check_dale()

    def _check_recurrence(self) -> None:
        if self.recurrence == "lowrank" and self.rank > self.units:
            raise ValueError(f"rank must be at most the number of units, {self.units}, got {self.rank}")
        if not is_number(self.density) or not 0 < self.density <= 1:
            raise ValueError(f"density must be above 0 and at most 1, got {self.density!r}")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, so that the map keeps its size, got {self.kernel}")

    def _check_dale(self) -> None:
        if not is_number(self.dale) or not 0 <= self.dale < 1:
            raise ValueError(f"dale must be a share of excitatory units, from 0 (none) to below 1, got {self.dale!r}")
        if not self.dale:
            return
        if self.recurrence == "lowrank":
            raise ValueError(
                f"dale = {self.dale:g} needs weights with a sign of their own, which those of recurrence 'lowrank', "
                "sums over ranks, do not have; use 'dense', 'sparse' or 'conv'"
            )
        if self.activation == "tanh":
            raise ValueError(f"dale = {self.dale:g} needs rates that are never negative; use 'relu' or 'softplus'")
        if self.sources < 2:
            raise ValueError(f"dale = {self.dale:g} needs at least two units (two channels of 'conv'), got 1")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the area: [N], or [channels, side, side]."""
        return (self.channels, self.side, self.side) if self.recurrence == "conv" else (self.units,)

    @property
    def size(self) -> int:
        """Number of units of the area."""
        return math.prod(self.shape)

    @property
    def sources(self) -> int:
        """Number of units, or of channels for "conv", that have a sign of their own under Dale's law."""
        return self.shape[0]

    @property
    def entries(self) -> int:
        """Entries of a sparse W that are not zero."""
        return max(1, round(self.density * self.units**2))

    @property
    def recurrent_parameters(self) -> int:
        """Number of trainable parameters of the recurrence."""
        counts = {
            "dense": self.units**2,
            "lowrank": 2 * self.units * self.rank,
            "sparse": self.entries,
            "conv": (self.channels * self.kernel) ** 2,
        }
        return counts[self.recurrence]

    @property
    def parameters(self) -> int:
        """Number of trainable parameters of the network."""
        read = sum(size * (self.size + 1) for _, _, size in self.outputs)
        return self.recurrent_parameters + self.size * (self.vector_size + 1) + read

    @property
    def width(self) -> int:
        """Number of units, or of channels for "conv"."""
        return self.sources

    def with_width(self, width: int) -> "VectorSpec":
        """The spec with `width` units, or channels for "conv"."""
        return self.changed(channels=width) if self.recurrence == "conv" else self.changed(units=width)


def _as_outputs(given: object) -> tuple[Output, ...]:
    """Outputs as tuples, from lists too, as JSON gives them back. Raises ValueError for what are none."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError(f"outputs must be one or more of (name, axis, size), got {given!r:.100}")
    made = tuple(_as_output(one) for one in given)
    names = [name for name, _, _ in made]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"outputs has two of the name {name!r}; rename one")
    return made


def _as_output(given: object) -> Output:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 3:
        raise ValueError(
            f"outputs must be one or more of (name, axis, size), such as ('choice', 'option', 3), got {given!r:.100}"
        )
    name, axis, size = given[0], given[1], plain_number(given[2])
    for what, word in (("name", name), ("axis", axis)):
        if not isinstance(word, str) or not word.isidentifier():
            raise ValueError(f"the {what} of an output must be a word such as 'choice' or 'option', got {word!r:.100}")
        if word in TAKEN[what]:
            raise ValueError(f"the {what} of an output cannot be {word!r}, which has a meaning of its own; rename it")
    if not is_int(size, 1):
        raise ValueError(f"the size of output {name!r} must be a whole number of at least 1, got {size!r:.100}")
    return name, axis, size
