"""Flip-flop: hold the sign of the last pulse on each of several channels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_at_least, check_count, check_positive
from cordsnet.tasks.choice import check_frames_of
from cordsnet.tasks.drawing import add, blank, square
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.task import Answers, Task
from cordsnet.tasks.timing import check_grace, longest
from cordsnet.tasks.trials import Plan, Trials

BITS = "bits"
"""Name of the output [F, B, bits]: one value per bit, 1 or -1."""

SHARE = 0.95
"""Least share of the frames that count in which all signs must be right."""

GREY, CONTRAST = 0.5, 0.5
"""Background of the movies, and how much brighter or darker pulses are."""

MOST_BITS = 8
"""Largest number of bits, which have their places on a circle in movies."""


@check_init
@dataclass(frozen=True)
class FlipFlop(Task):
    """The flip-flop of Sussillo & Barak (2013): pulses of 1 or -1 on each bit, and outputs that hold the last one.

    Every bit has a pulse in the first frame, so that there is always something to hold. Later pulses begin at random
    times (a Poisson process, cut into frames), each positive or negative with the same chance, so that half of them
    change nothing. A pulse that begins during another one replaces it.

    Attributes
    ----------
    bits : number of bits, from 1 to 8.
    rate_hz : pulses of a bit per second, on average.
    pulse_ms : duration of a pulse, ms; at least a frame.
    grace_ms : time after any bit has changed in which no error counts, ms.
    """

    kind: ClassVar[str] = "flip_flop"
    source: ClassVar[str] = "Sussillo & Barak, Neural Computation 2013; durations are our own"
    about: ClassVar[str] = "Flip-flop: on every channel, hold the sign of the last pulse."
    periods: ClassVar = {"hold": 3000.0}

    bits: int = 3
    rate_hz: float = 1.0
    pulse_ms: float = 100.0
    grace_ms: float = 160.0

    def check(self) -> None:
        """Raise ValueError for pulses that are too short or too many, or a trial within the grace time."""
        check_count(self.bits, "bits", 1, most=MOST_BITS)
        check_positive(self.rate_hz, "rate_hz")
        check_at_least(self.grace_ms, "grace_ms", 0)
        check_positive(self.pulse_ms, "pulse_ms")
        if self.pulse_ms < self.frame_ms:
            raise ValueError(f"pulse_ms must be a frame of {self.frame_ms:g} ms at least, got {self.pulse_ms:g} ms")
        check_grace(self.timings, "hold", self.grace_ms, self.frame_ms)

    @property
    def vector_channels(self) -> tuple[str, ...]:
        """The bits."""
        return tuple(f"bit {k + 1}" for k in range(self.bits))

    @property
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """One value per bit."""
        return ((BITS, "bit", self.bits),)

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Signs of the first pulses [B, bits]; how many pulses follow, and how many change their bit, in the trial."""
        frames = round(longest(self.timings["hold"]) / self.frame_ms)
        pulses = self._pulses(draws, frames)
        state, _ = _held(pulses)
        inside = (torch.arange(frames, device=draws.seeds.device)[:, None] < self.edges(draws)["hold"][:, 1])[
            1:, :, None
        ]
        return {
            "first": pulses[0],
            "pulses": ((pulses[1:] != 0) & inside).sum((0, 2)),
            "flips": ((state[1:] != state[:-1]) & inside).sum((0, 2)),
        }

    def vector(self, plan: Plan) -> Tensor:
        """The pulses."""
        return self._shown(plan)

    def image(self, plan: Plan) -> Tensor:
        """A square for each bit on mid-grey, white during a positive pulse and black during a negative one.

        The middles of the squares lie on a circle, from the top and clockwise.
        """
        movie, shown = blank(plan, self.image_size, GREY), self._shown(plan)
        for k in range(self.bits):
            angle = torch.tensor(math.pi / 2 - 2 * math.pi * k / self.bits, dtype=torch.float64, device=movie.device)
            half = 0.3 if self.bits <= 4 else 0.18
            add(movie, square(0.6 * angle.cos(), 0.6 * angle.sin(), half, self.image_size), CONTRAST * shown[..., k])
        return movie

    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """The sign of the last pulse of every bit; the answer is the signs in the last frame."""
        state, _ = _held(self._pulses(plan.draws, plan.frames))
        changed = torch.ones_like(state[..., 0], dtype=torch.bool)
        changed[1:] = (state[1:] != state[:-1]).any(-1)
        since = (plan.index - _latest(changed) + 0.5) * self.frame_ms
        final = state.gather(0, (plan.lengths - 1)[None, :, None].expand(1, -1, self.bits))[0]
        return {BITS: state}, {BITS: (since > self.grace_ms).double()}, final.long()

    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """The signs of the outputs in the last frame, 0 for an output of exactly 0.

        An answer is right if all signs are right in at least 95 % of the frames that count, of which there must be one.
        No answer is early.
        """
        values = outputs[BITS]
        check_frames_of(values, trials, BITS)
        counted = (trials.mask[BITS] > 0).to(values.device)
        right = (values.sign() == trials.targets[BITS].to(values)).all(-1) & counted
        share = right.sum(0) / counted.sum(0).clamp_min(1)
        last = (trials.lengths - 1).to(values.device)
        response = values[last, torch.arange(len(trials), device=values.device)].sign().long()
        return Answers((share >= SHARE) & counted.any(0), response, torch.zeros_like(share, dtype=torch.bool))

    def _pulses(self, draws: Draws, frames: int) -> Tensor:
        """Signs of the pulses that begin in each frame, or 0 [F, B, bits]."""
        begins = draws.uniform("pulses", frames, self.bits) < -math.expm1(-self.rate_hz * self.frame_ms / 1000)
        begins[:, 0] = True
        signs = 1 - 2 * draws.integers("signs", 2, frames, self.bits)
        return (begins * signs).double().transpose(0, 1)

    def _shown(self, plan: Plan) -> Tensor:
        """Pulses as they are shown [F, B, bits]."""
        state, began = _held(self._pulses(plan.draws, plan.frames))
        return state * ((plan.index[..., None] - began) * self.frame_ms < self.pulse_ms - 1e-6 * self.frame_ms)


def _latest(true: Tensor) -> Tensor:
    """Number of the latest frame that is true [F, ...]; the first one is."""
    index = torch.arange(len(true), device=true.device).view(-1, *[1] * (true.ndim - 1))
    return torch.where(true, index, torch.zeros_like(index)).cummax(0).values


def _held(pulses: Tensor) -> tuple[Tensor, Tensor]:
    """Sign of the last pulse, and the frame in which it began [F, B, bits]."""
    began = _latest(pulses != 0)
    return pulses.gather(0, began), began
