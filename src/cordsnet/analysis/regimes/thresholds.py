"""Times and thresholds of the regime classifier, as one tree of plain data."""

from dataclasses import dataclass

from cordsnet._checks import check_positive


@dataclass(frozen=True)
class RegimeSettings:
    """Times and thresholds of the classifier.

    Attributes
    ----------
    image_ms : trained duration T of an image; answers are compared T and `holds` x T after onset.
    holds : how many times as long the images are held.
    patience : parts of T after which a network that has not come to rest is judged as it is.
    tau_ms : the unit of time in which speed is measured; the networks' time constant.
    rest_speed : at rest is what changes by less than this share of the response in `tau_ms`.
    same_state : states closer than this share of the response are the same.
    lost_answers : share of the images whose answer may be lost between T and `holds` x T.
    noise : standard deviation of perturbations over the root mean square of the response.
    noisy_starts : perturbed initial states of each image, and of the blank field.
    seed : of the perturbations.
    growth, steadiness : a probe is cut into thirds, and the largest distance from its start is taken of each. Rates
        grow without bound when it rises by more than `growth` of itself from the second third to the last, and by at
        least `steadiness` of its rise before.
    slowing : rates that move are on their way to rest when their mean speed falls to less than this share from the
        second third to the last.
    parting : parts of T for which pairs of neighbouring trajectories are followed that do not come to rest, to tell
        chaos from oscillation.
    certainty, folds : chaos is where they part at a rate above zero by more than `certainty` standard errors, and by
        more than exp(folds) in all: along a cycle distances change as speed does, by a factor that does not grow.

    A mode that decays with the time constant t moves by tau / t of its distance in tau. With the default values it is
    followed until it is within `same_state`, for any t up to 25 s; a slower one counts as another attractor.
    """

    image_ms: float = 200.0
    holds: int = 10
    patience: int = 100
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
    parting: int = 50
    certainty: float = 3.0
    folds: float = 5.0

    def __post_init__(self) -> None:
        positive = ("image_ms", "tau_ms", "rest_speed", "same_state", "noise", "growth", "steadiness", "slowing")
        for name in (*positive, "certainty", "folds"):
            check_positive(getattr(self, name), name)
        if self.holds < 2 or self.patience < 3 or self.noisy_starts < 1:
            given = f"{self.holds}, {self.patience} and {self.noisy_starts}"
            raise ValueError(f"holds must be at least 2, patience 3 and noisy_starts 1, got {given}")
        if self.parting < 2:
            raise ValueError(f"parting must be at least 2 parts of image_ms, got {self.parting}")
        if not 0 <= self.lost_answers < 1:
            raise ValueError(f"lost_answers must be a share from 0 to below 1, got {self.lost_answers:g}")
