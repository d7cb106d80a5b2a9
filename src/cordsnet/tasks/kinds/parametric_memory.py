"""Parametric working memory: which of two frequencies, shown one after the other, was higher?"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive, is_number
from cordsnet.tasks.choice import FIXATE, ChoiceTask
from cordsnet.tasks.drawing import blank, fixation, grating, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan

RADIUS = 0.9
"""Radius of the gratings in movies, in half-widths of the field."""


@check_init
@dataclass(frozen=True)
class ParametricMemory(ChoiceTask):
    """Parametric working memory (Romo et al. 1999): two frequencies with a delay between them.

    The monkeys of the paper felt vibrations. A movie of 20 ms a frame cannot show a flicker of 34 Hz, so movies show a
    spatial frequency instead: a still vertical grating with `cycles_per_hz` cycles per width of the field for each Hz,
    and a phase drawn for each of the two, by which no single pixel tells the frequency.

    Each pair is shown in both orders, each as likely as the other. Some first frequencies occur as the lower or the
    higher one only: with the five pairs, one who remembers nothing but the first is right in 70 % of
    trials, and so is one who sees nothing but the second.

    Attributes
    ----------
    pairs : frequencies that are compared, Hz.
    cycles_per_hz : cycles of the grating per width of the field, for each Hz.
    """

    kind: ClassVar[str] = "parametric_memory"
    source: ClassVar[str] = (
        "Romo et al., Nature 1999; timing and pairs of neurogym's DelayComparison, where frequencies are vectors"
    )
    about: ClassVar[str] = "Parametric working memory: say which of two frequencies was higher."
    periods: ClassVar = {"fixation": 500.0, "f1": 500.0, "delay": 1000.0, "f2": 500.0, "decision": 100.0}
    channels: ClassVar = (FIXATE, "frequency", "complement of the frequency")

    pairs: tuple[tuple[float, float], ...] = ((18.0, 10.0), (22.0, 14.0), (26.0, 18.0), (30.0, 22.0), (34.0, 26.0))
    cycles_per_hz: float = 0.1

    def check(self) -> None:
        """Raise ValueError for pairs that cannot be, or gratings that are too fine for the pixels."""
        super().check()
        pairs = tuple(tuple(pair) if isinstance(pair, list | tuple) else () for pair in self.pairs)
        if not pairs or not all(len(p) == 2 and all(map(_is_frequency, p)) and p[0] != p[1] for p in pairs):
            raise ValueError(f"pairs must hold two different frequencies in Hz each, got {self.pairs!r}")
        object.__setattr__(self, "pairs", pairs)
        check_positive(self.cycles_per_hz, "cycles_per_hz")
        if (finest := max(map(max, pairs)) * self.cycles_per_hz) > self.image_size / 2:
            raise ValueError(
                f"cycles_per_hz must leave two pixels of {self.image_size} to a cycle, got {finest:g} cycles; "
                f"take {self.image_size / 4 / max(map(max, pairs)):g}"
            )

    @property
    def options(self) -> tuple[str, ...]:
        """The first was higher, and the second was."""
        return ("first", "second")

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Both frequencies and how much higher the second is, Hz, and the duration of the delay, ms."""
        table = torch.tensor(self.pairs, dtype=torch.float64, device=draws.seeds.device)
        pair = table[draws.integers("pair", len(table))]
        turned = draws.integers("order", 2)[:, None]
        f1, f2 = pair.gather(1, turned)[:, 0], pair.gather(1, 1 - turned)[:, 0]
        return {"f1_hz": f1, "f2_hz": f2, "difference_hz": f2 - f1, "delay_ms": self.duration_ms(draws, "delay")}

    def right(self, plan: Plan) -> Tensor:
        """The higher frequency."""
        return (plan.conditions["difference_hz"] > 0).long()

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, the frequency from 0 (the lowest of all pairs) to 1 (the highest), and 1 less it."""
        low, high = min(map(min, self.pairs)), max(map(max, self.pairs))
        waiting = self.waiting(plan)[..., None].double()
        shown = torch.zeros_like(waiting)
        for period in ("f1", "f2"):
            scaled = (plan.conditions[f"{period}_hz"] - low) / (high - low)
            shown = shown + plan.during(period)[..., None] * torch.stack([scaled, 1 - scaled], -1)
        return torch.cat([waiting, shown], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and a grating."""
        movie = blank(plan, self.image_size)
        for period in ("f1", "f2"):
            cycles = plan.conditions[f"{period}_hz"] * self.cycles_per_hz
            phase = plan.draws.uniform(f"phase of {period}") * 2 * math.pi
            stamp(movie, grating(cycles, phase, RADIUS, self.image_size), plan.during(period))
        return fixation(movie, self.waiting(plan))


def _is_frequency(value: object) -> bool:
    return is_number(value) and 0 < value < math.inf  # type: ignore[operator]
