"""Times and thresholds of the regime classifier, as plain data."""

from dataclasses import dataclass

from cordsnet._arguments import check_init
from cordsnet._checks import check_count, check_positive

MOST_DURATIONS = 100_000
"""Largest number of durations, and of noisy starts, that is accepted."""


@check_init
@dataclass(frozen=True)
class RegimeSettings:
    """Times and thresholds of the regime classifier.

    Attributes
    ----------
    image_ms : trained duration T of an image, ms; answers are compared T and `holds` x T after onset.
    holds : duration for which images are held, in units of T.
    max_durations : time after which a network that has not come to rest is classified as it is, in units of T.
    tau_ms : unit of time for speeds, ms; the time constant of the networks.
    rest_speed : a state is at rest if it changes by less than this share of the response in `tau_ms`.
    same_state : states closer than this share of the response are the same.
    lost_answers : share of the images that may lose their answer between T and `holds` x T.
    noise : standard deviation of perturbations relative to the root mean square of the response.
    noisy_starts : perturbed initial states of each image, and of the blank field.
    seed : seed of the perturbations.
    growth, steadiness : rates grow without bound if their largest distance from the start rises from the second to the
        last third of a probe by more than `growth` of itself, and by at least `steadiness` of its rise before.
    slowing : moving rates approach rest if their mean speed falls below this share from the second to the last third.
    divergence_durations : time for which pairs of neighbouring trajectories that do not come to rest are followed, in
        units of T, to distinguish chaos from oscillation.
    certainty, min_log_growth : a system is chaotic if the pairs diverge at a rate above zero by more than `certainty`
        standard errors, and by more than a factor exp(min_log_growth) in total. Along a cycle distances change in
        proportion to speed, which is bounded.

    A mode that decays with time constant t moves by tau / t of its distance in tau. With the default values it is
    followed to within `same_state` for any t up to 25 s; a slower mode counts as another attractor.
    """

    image_ms: float = 200.0
    holds: int = 10
    max_durations: int = 100
    tau_ms: float = 10.0
    rest_speed: float = 2e-5
    same_state: float = 0.05
    lost_answers: float = 0.1
    noise: float = 1.0
    noisy_starts: int = 2
    seed: int = 0
    growth: float = 0.1
    steadiness: float = 0.9
    slowing: float = 0.8
    divergence_durations: int = 50
    certainty: float = 3.0
    min_log_growth: float = 5.0

    def __post_init__(self) -> None:
        positive = ("image_ms", "tau_ms", "rest_speed", "same_state", "noise", "growth", "steadiness", "slowing")
        for name in (*positive, "certainty", "min_log_growth"):
            check_positive(getattr(self, name), name)
        if self.holds < 2 or self.max_durations < 3 or self.noisy_starts < 1:
            given = f"{self.holds}, {self.max_durations} and {self.noisy_starts}"
            raise ValueError(f"holds must be at least 2, max_durations 3 and noisy_starts 1, got {given}")
        if self.divergence_durations < 2:
            raise ValueError(f"divergence_durations must be at least 2, got {self.divergence_durations}")
        for name in ("holds", "max_durations", "noisy_starts", "divergence_durations"):
            check_count(getattr(self, name), name, 1, MOST_DURATIONS)
        if not 0 <= self.lost_answers < 1:
            raise ValueError(f"lost_answers must be a share from 0 to below 1, got {self.lost_answers:g}")
