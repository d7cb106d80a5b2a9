"""What a portrait measures, and how finely."""

from dataclasses import dataclass

from cordsnet._checks import check_positive


@dataclass(frozen=True)
class PortraitSettings:
    """Sizes and tolerances of a portrait.

    Attributes
    ----------
    eigenvalues : per area and state.
    patterns : image patterns that are amplified most.
    states : images at which the network is linearised, beside the blank field.
    starts : initial states from which fixed points are sought, under each of those.
    exponents : Lyapunov exponents.
    tol : relative residual of eigenvalues and singular values.
    image_ms : for how long trajectories are followed, and the trained duration of an image in the regime's probes.
    seed : of everything that is drawn.
    """

    eigenvalues: int = 8
    patterns: int = 4
    states: int = 2
    starts: int = 20
    exponents: int = 2
    tol: float = 1e-4
    image_ms: float = 200.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("tol", "image_ms"):
            check_positive(getattr(self, name), name)
        for name in ("eigenvalues", "patterns", "states", "starts", "exponents"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
