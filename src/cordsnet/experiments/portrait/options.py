"""Options of a portrait."""

from dataclasses import dataclass

from cordsnet._checks import check_count, check_positive

MOST = 100_000
"""Largest number of anything, and longest duration in ms, that is accepted."""


@dataclass(frozen=True)
class PortraitOptions:
    """Sizes and tolerances of a portrait.

    Attributes
    ----------
    trials : number of test images of the trajectories and of the regime's probes.
    eigenvalues : per area and state.
    patterns : image patterns that are amplified most.
    states : images at which the network is linearised, beside the blank field.
    starts : initial states from which fixed points are sought, under each of those.
    exponents : Lyapunov exponents.
    followed_tau : time constants for which Lyapunov exponents are averaged.
    tol : relative residual of eigenvalues and singular values.
    image_ms : for how long trajectories are followed, and the trained duration of an image in the regime's probes.
    """

    trials: int = 16
    eigenvalues: int = 8
    patterns: int = 4
    states: int = 2
    starts: int = 20
    exponents: int = 2
    followed_tau: int = 100
    tol: float = 1e-4
    image_ms: float = 200.0

    def __post_init__(self) -> None:
        for name in ("tol", "image_ms"):
            check_positive(getattr(self, name), name)
        for name in ("trials", "eigenvalues", "patterns", "states", "starts", "exponents", "followed_tau"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
            check_count(getattr(self, name), name, 1, MOST)
        if self.tol >= 1:
            raise ValueError(f"tol must be below 1, since it is a relative residual, got {self.tol}")
        if self.image_ms > MOST:
            raise ValueError(f"image_ms must be at most {MOST:,} ms, got {self.image_ms:g}")
