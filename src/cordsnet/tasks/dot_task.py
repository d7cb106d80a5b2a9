"""Base of tasks in which one field of moving dots is judged."""

from dataclasses import dataclass

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.tasks.choice import ChoiceTask
from cordsnet.tasks.dots import Algorithm, check_algorithm, check_coherences, check_field, check_way


@check_init
@dataclass(frozen=True)
class DotTask(ChoiceTask):
    """Task in which a field of moving dots is judged.

    Attributes
    ----------
    coherences : proportions of dots that move together.
    speed_deg_s : speed of the dots, degrees of visual angle per second.
    field_deg : width of the field, degrees.
    density : dots per square degree and second.
    algorithm : how dots move, "movshon", "limited_lifetime" or "random_walk".
    """

    coherences: tuple[float, ...] = (0.0, 0.064, 0.128, 0.256, 0.512)
    speed_deg_s: float = 5.0
    field_deg: float = 5.0
    density: float = 16.7
    algorithm: Algorithm = "movshon"

    def check(self) -> None:
        """Raise ValueError for coherences, dots or an algorithm that cannot be."""
        super().check()
        object.__setattr__(self, "coherences", check_coherences(self.coherences))
        check_positive(self.speed_deg_s, "speed_deg_s")
        check_field(self.density, self.field_deg, self.frame_ms)
        check_way(self.way, "speed_deg_s")
        check_algorithm(self.algorithm)

    @property
    def dots(self) -> int:
        """Dots in each frame."""
        return max(1, round(self.density * self.field_deg**2 * self.frame_ms / 1000))

    @property
    def way(self) -> float:
        """Way of a dot from one frame to the next, in widths of the field."""
        return self.speed_deg_s * self.frame_ms / 1000 / self.field_deg
