"""Models whose step and time of reading are fields of their specs."""

from cordsnet.dynamics import Clock
from cordsnet.models.interface import VisionModel


class TimedModel(VisionModel):
    """Model whose spec has the fields `dt_ms` and `response_ms`; its clock runs in continuous time."""

    @property
    def clock(self) -> Clock:
        """Continuous time with the spec's step."""
        return Clock(self.spec.dt_ms)

    @property
    def response_ms(self) -> float:
        """`response_ms` of the spec."""
        found: float = self.spec.response_ms
        return found
