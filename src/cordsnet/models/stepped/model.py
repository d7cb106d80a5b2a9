"""Base of the networks that evolve in steps."""

from typing import Any

from torch import nn

from cordsnet.dynamics import Clock, Precision
from cordsnet.models.interface import VisionModel
from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.stepped.system import SteppedSystem


class SteppedModel(VisionModel):
    """A network of steps: its layers are modules, and its system computes with their tensors.

    A subclass makes its layers in `__init__`, after `super().__init__(spec)`, and names the class of its system.

    Attributes
    ----------
    system_type : class of its system; of the subclass, or of one model where the spec decides.
    """

    system_type: type[SteppedSystem[Any]]
    spec: SteppedSpec

    def __init__(self, spec: SteppedSpec) -> None:
        super().__init__()
        self.spec = spec

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> shape of its rates, lowest area first."""
        return dict(self.spec.shapes)

    @property
    def clock(self) -> Clock:
        """Steps of `spec.ms_per_step`."""
        return Clock(self.spec.ms_per_step, "steps")

    @property
    def response_ms(self) -> float:
        """As many steps as the spec says, ms."""
        return self.spec.steps * self.spec.ms_per_step

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """All layers: the system computes with their tensors."""
        return tuple(name for name, _ in nn.Module.named_children(self))

    def bind(self, dt: float, stepper: str, precision: Precision) -> SteppedSystem[Any]:
        """The network with steps of `dt` ms, which need no stepper."""
        return self.system_type(self, dt, precision)
