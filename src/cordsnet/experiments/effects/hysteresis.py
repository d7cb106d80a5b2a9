"""Mixtures that are swept up and down: where the answer switches, and what of the difference is lag."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Record, State, simulate
from cordsnet.experiments.effects.latencies import crossing_times
from cordsnet.experiments.effects.mixture_states import margin, mix
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, movie, show

Array = NDArray[np.float64]
Answers = tuple[NDArray[np.int64], NDArray[np.int64]]
SAMPLES = 200
"""Times of a sweep at which scores are kept, at most."""


@dataclass(frozen=True)
class Loop:
    """A sweep from the second image to the first, and one back.

    Attributes
    ----------
    sweep_ms : duration of each of the two, in whole steps of the model.
    shares : share of the first image when scores were kept, of the sweep up [T]; that down is its mirror image.
    up, down : margin of the answer to the first image over that to the second [T, P].
    notes : durations that were rounded, and sweeps with fewer frames.
    """

    sweep_ms: float
    shares: Array
    up: Array
    down: Array
    notes: tuple[str, ...] = ()

    @property
    def switch_up(self) -> Array:
        """Share of the first image from which its answer wins on the way up [P]; NaN where it does not by the end."""
        return crossing_times(self.up, self.shares, 0.0)

    @property
    def switch_down(self) -> Array:
        """Share of the first image from which the other answer wins on the way down [P]; NaN where it does not."""
        return 1 - crossing_times(-self.down, self.shares, 0.0)

    @property
    def width(self) -> Array:
        """Share at the switch on the way up less that on the way down [P]."""
        return self.switch_up - self.switch_down

    @property
    def unswitched(self) -> int:
        """Pairs whose answer does not switch in one of the sweeps, so that they have no width."""
        return int(np.isnan(self.width).sum())


@check_arguments
def without_lag(fast: Loop, slow: Loop) -> Array:
    """Width of the loop of each pair [P] in the limit of a slow sweep; NaN where a sweep is too fast for a switch.

    A delay of d ms widens the loop by 2 d / sweep_ms, so that width = rest + 2 d / sweep_ms, which two sweeps give.
    """
    found: Array = (slow.width * slow.sweep_ms - fast.width * fast.sweep_ms) / (slow.sweep_ms - fast.sweep_ms)
    return found


@dataclass
class _Run:
    """A model that sees one stretch after the other."""

    model: VisionModel
    seed: int
    state: State | None = None
    notes: list[str] = field(default_factory=list)

    def see(self, protocol: Protocol, every: int) -> tuple[Array, Array]:
        """Times [T] and scores [T, P, K] at every so many steps."""
        record = Record(every_ms=self.model.clock.time_ms(every))
        run = simulate(self.model, protocol, record=record, initial_state=self.state, seed=self.seed)
        self.state = run.final_state
        self.notes += [note for note in run.notes if note not in self.notes]
        return run.time_ms.cpu().numpy(), run.outputs[SCORES].cpu().double().numpy()


@check_arguments
@torch.no_grad()
def sweep(
    model: VisionModel, first: Tensor, second: Tensor, answers: Answers, hold_ms: float, sweep_ms: float, frames: int,
    seed: int = 0,
) -> Loop:  # fmt: skip
    """Hold the second image of each pair and sweep to the first; hold that, and sweep back.

    Both ways begin in the model's own start, so that a network that is stuck in an answer is not taken for one that has
    no loop.

    Parameters
    ----------
    first, second : images [P, C, H, W].
    answers : classes of the first and of the second image of each pair [P].
    hold_ms, sweep_ms : duration of each hold and of each sweep.
    frames : mixtures in a sweep; fewer where the model has fewer steps.
    """
    notes = list[str]()
    clock = model.clock
    steps = clock.steps(sweep_ms, "sweep_ms", notes)
    hold = clock.time_ms(clock.steps(hold_ms, "hold_ms", notes))
    lasts, shown = clock.time_ms(steps), min(frames, steps)
    if shown < frames:
        notes.append(f"a sweep of {lasts:g} ms has {shown} mixtures, one for each step")
    levels = ((np.arange(shown) + 0.5) / shown).tolist()
    rising = torch.stack([mix(first, second, level) for level in levels])
    every, found = max(1, steps // SAMPLES), []
    for still, moving in ((second, rising), (first, rising.flip(0))):
        run = _Run(model, seed)
        run.see(show(still, hold), clock.steps(hold, "hold_ms"))
        times, scores = run.see(movie(moving, lasts / shown, lasts), every)
        found.append(margin(scores, *answers))
    return Loop(lasts, times / lasts, found[0], found[1], tuple(dict.fromkeys((*notes, *run.notes))))
