"""One area's whole time course at once, with no graph kept.

A cascade has no feedback, so what drives an area is known for a whole stretch of time before the area is
run: its feedforward drive is one convolution over time x batch, and only its recurrent map is applied
step after step. `adjoint` is the same in reverse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.circuit import Circuit, Pathway, emit
from cordsnet.dynamics.engines.scratch import as_course

CHUNK_BYTES = {"cpu": 4 * 2**20, "cuda": 64 * 2**20}
"""Size of the pieces in which time x batch is convolved: on a processor so small that temporaries stay near the cache,
on a GPU so large that a launch has much to do."""

CACHE_BYTES = 2**20
"""Rates of the trials that are run through time together on a processor: a step touches them some five times."""


@dataclass(frozen=True)
class Plan:
    """Everything that stays the same while one area is run through a block of steps.

    Attributes
    ----------
    share : share of the way to its target that a unit moves in one step (dt / tau for Euler).
    row : for each step, the row of the constant drive that holds then.
    sources : areas that the area reads, in the order in which their courses are given.
    positive : areas whose rates cannot be negative, so that they emit their rates as they are.
    noise : step of the block, from 0 -> noise of the drive [B, *shape]; None for an area without noise.
    """

    circuit: Circuit
    area: str
    activation: Activation
    share: float | Tensor
    row: tuple[int, ...]
    sources: tuple[str, ...]
    positive: frozenset[str] = frozenset()
    noise: Callable[[int], Tensor] | None = None

    def run(self, start: Tensor, constant: Tensor, courses: Sequence[Tensor], space: Tensor | None = None) -> Tensor:
        """The course [T + 1, B, *shape] whose row 0 is `start`, written into `space` where that is given.

        Sources are read one step back.
        """
        steps = len(self.row)
        course = new_course(start, steps + 1) if space is None else space[: steps + 1]
        course[0] = start
        recurrent = self.circuit.recurrent.get(self.area)
        for piece in pieces(steps, start):
            afferent = self._afferent([source[piece] for source in courses])
            noise = None if self.noise is None else [self.noise(k) for k in range(piece.start, piece.stop)]
            for some in trials(start):
                # views of all steps at once: each costs some microseconds
                rows = course[piece.start : piece.stop + 1, some].unbind()
                drives = [part if len(part) == 1 else part[some] for part in constant]
                arriving = None if afferent is None else afferent[:, some].unbind()
                for k, step in enumerate(range(piece.start, piece.stop)):
                    drive = drives[self.row[step]]
                    if noise is not None:
                        drive = drive + noise[k][some]
                    if arriving is not None:
                        drive = arriving[k].add_(drive)
                    if recurrent is not None:
                        drive = recurrent(rows[k]).add_(drive)
                    target = self.activation(drive) if recurrent is None else self.activation.overwrite(drive)
                    torch.lerp(rows[k], target, self.share, out=rows[k + 1])
        return course

    def _afferent(self, courses: Sequence[Tensor]) -> Tensor | None:
        """Drive from the courses of lower areas, [T, B, *shape], in memory of its own."""
        if not courses:
            return None
        pathways = self.circuit.afferent[self.area]
        drive = self.circuit.drive(self.area, pathways, self._reader(self.emitted(courses)))
        assert drive is not None
        if len(pathways) == 1 and pathways[0].map is None and pathways[0].onto == "drive":
            drive = drive.clone()  # the course of the source itself
        return torch.unflatten(drive, 0, courses[0].shape[:2])

    def emitted(self, courses: Sequence[Tensor]) -> list[Tensor]:
        """Emitted rates of the sources [T x B, *shape], from their courses [T, B, *shape]."""
        flat = [course.flatten(0, 1) for course in courses]
        return [r if source in self.positive else emit(r) for source, r in zip(self.sources, flat, strict=True)]

    def gather(self, emitted: Sequence[Tensor]) -> tuple[Tensor | None, Tensor | None]:
        """Input of the feedforward map, and the drive that bypasses it, for emitted rates [T x B, *shape]."""
        return self.circuit.gather(self.circuit.afferent[self.area], self._reader(emitted))

    def weights(self) -> list[Tensor]:
        """Weights of the area, each once, in the order of `Circuit.weights`."""
        return self.circuit.weights(self.area)

    def _reader(self, emitted: Sequence[Tensor]) -> Callable[[Pathway], Tensor]:
        signals = dict(zip(self.sources, emitted, strict=True))
        return lambda pathway: signals[pathway.source]


def new_course(rates: Tensor, steps: int) -> Tensor:
    """An empty course [steps, *rates.shape]; maps have their channels last in memory."""
    return as_course(rates.new_empty(steps * rates.numel()), steps, rates.shape)


def trials(rates: Tensor) -> Iterator[slice]:
    """Cut a batch [B, *shape] into groups whose rates take at most `CACHE_BYTES`, so that they stay in the cache."""
    one = max(1, rates[0].numel() * rates.element_size()) if len(rates) else 1
    length = max(1, CACHE_BYTES // one) if rates.device.type == "cpu" else len(rates)
    for start in range(0, len(rates), length):
        yield slice(start, min(start + length, len(rates)))


def pieces(steps: int, rates: Tensor) -> Iterator[slice]:
    """Cut `steps` steps into stretches whose rates take at most `CHUNK_BYTES` of the device (elsewhere a GPU's)."""
    longest = CHUNK_BYTES.get(rates.device.type, CHUNK_BYTES["cuda"])
    length = max(1, longest // max(1, rates.numel() * rates.element_size()))
    for start in range(0, steps, length):
        yield slice(start, min(start + length, steps))
