"""tau dr/dt = -r + phi(drive): the equation, written over a circuit that supplies the drive.

The engines know nothing of images or layers. A circuit answers four questions: what a held
frame contributes, what an area receives from the others, what it receives from itself, and
how fast it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.state import State

Reader: TypeAlias = Callable[[str, float], Tensor]
"""(source, delay in ms) -> what that source emitted then, [B, C, H, W]."""


@dataclass(frozen=True)
class Held:
    """What one frame contributes for as long as it is held; computed once per frame.

    Attributes
    ----------
    drive : area -> the part of its drive that does not change, biases included, [1 or B, C, H, W].
    emitted : the encoded frame itself [1 or B, C, H, W], for connections that read it later.
    """

    drive: Mapping[str, Tensor]
    emitted: Tensor


@runtime_checkable
class LinearMap(Protocol):
    """A linear operator from an area's rates to its drive, with its adjoint and the gradient of its weight."""

    weight: Tensor

    def __call__(self, rates: Tensor) -> Tensor:
        """The operator applied to rates [B, C, H, W]."""

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The adjoint operator applied to a drive [B, C, H, W]; `size` is (H, W) of what it returns."""

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """Gradient of <drive, operator(rates)> with respect to `weight`, summed over the batch."""


@runtime_checkable
class Circuit(Protocol):
    """A network with its weights materialised: pure functions of rates and frames."""

    areas: tuple[str, ...]
    """Names, lowest first."""
    source: str
    """Name of the encoded input, which areas may read like an area."""
    shapes: Mapping[str, tuple[int, int, int]]
    """[C, H, W] of every area and of the source."""
    tau_ms: Mapping[str, float | Tensor]
    """Time constant of every area, one number or [C, H, W] (broadcast)."""
    is_cascade: bool
    """Whether no connection leads back to the same or a lower area."""
    delays_ms: Mapping[str, tuple[float, ...]]
    """Every delay above zero with which a source is read."""

    recurrent: Mapping[str, LinearMap]
    """Recurrent operator of every area that has one; it sees the rates themselves, which may be negative."""

    def hold(self, frame: Tensor | None) -> Held:
        """Everything that stays constant while `frame` is held."""

    feedforward: Mapping[str, LinearMap]
    """Operator of every area from what it reads of the others to its drive."""

    def reads(self, area: str) -> Sequence[tuple[str, str]]:
        """(source, "input" or "drive") of every connection from other areas into `area`."""

    def link_kernels(self, area: str) -> Sequence[Tensor]:
        """Kernels of those connections, for the connections that have one."""

    def gather(self, area: str, read: Reader) -> Tensor | None:
        """What the feedforward operator of `area` reads from other areas, or None when it reads none."""

    def onto_drive(self, area: str, read: Reader) -> Tensor | None:
        """What reaches the drive of `area` from other areas past its feedforward operator, or None."""

    def readout(self, read: Reader) -> Tensor:
        """Class scores [B, K] from what areas emit, an affine function of it."""


def emit(rates: Tensor) -> Tensor:
    """What an area passes on, and what is read out: rectified, since a rate that acts at a distance is a spike rate."""
    return functional.relu(rates)


@dataclass(frozen=True)
class RateEquation:
    """tau dr/dt = -r + phi(drive) over a circuit (Soo et al. 2024, section 3)."""

    circuit: Circuit
    activation: Activation

    def readout(self, rates: Mapping[str, Tensor]) -> Tensor:
        """Class scores [B, K] at these rates."""
        return self.circuit.readout(lambda area, delay_ms: emit(rates[area]))

    def target(self, area: str, rates: Mapping[str, Tensor], held: Held, read: Reader) -> Tensor:
        """phi(drive) of one area: where its rates are heading, [B, C, H, W]."""
        drive = held.drive[area]
        if (gathered := self.circuit.gather(area, read)) is not None:
            drive = drive + self.circuit.feedforward[area](gathered)
        if (direct := self.circuit.onto_drive(area, read)) is not None:
            drive = drive + direct
        if area in self.circuit.recurrent:
            drive = drive + self.circuit.recurrent[area](rates[area])
        return self.activation(drive)

    def targets(self, state: State, held: Held, dt: float) -> dict[str, Tensor]:
        """Targets of all areas at once, every area reading the same instant (a synchronous update)."""
        read = self._reader(state, held, dt)
        return {area: self.target(area, state.rates, held, read) for area in self.circuit.areas}

    def carry(self, state: State, rates: Mapping[str, Tensor], held: Held) -> State:
        """The state one step later, with new `rates`: what was emitted now joins what is under way."""
        past = {}
        for source, queue in state.past.items():
            emitted = held.emitted if source == self.circuit.source else emit(state.rates[source])
            past[source] = (emitted, *queue[:-1])
        return State(rates, past)

    def _reader(self, state: State, held: Held, dt: float) -> Reader:
        emitted: dict[str, Tensor] = {self.circuit.source: held.emitted}

        def read(source: str, delay_ms: float) -> Tensor:
            if delay_ms:
                return state.past[source][round(delay_ms / dt) - 1]
            if source not in emitted:
                emitted[source] = emit(state.rates[source])
            return emitted[source]

        return read


def zero_state(circuit: Circuit, batch: int, dt: float, like: Tensor) -> State:
    """All rates zero, and nothing under way in delayed connections, with `like`'s device and dtype."""
    zeros = {
        name: like.new_zeros(batch, *shape).contiguous(memory_format=torch.channels_last)
        for name, shape in circuit.shapes.items()
    }
    past = {source: (zeros[source],) * round(max(delays) / dt) for source, delays in circuit.delays_ms.items()}
    return State({area: zeros[area] for area in circuit.areas}, past)
