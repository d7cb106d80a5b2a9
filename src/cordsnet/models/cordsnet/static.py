"""A feedforward network under the time loops."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import NONE, Clock, Effects, Inputs, Signal, State, System
from cordsnet.models.cordsnet.circuit import SCORES
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec
from cordsnet.models.interface import IMAGE


@runtime_checkable
class Feedforward(Protocol):
    """A feedforward network as `StaticSystem` needs it."""

    spec: NetworkSpec

    @property
    def like(self) -> Tensor:
        """A parameter, for device and dtype."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""

    @property
    def outputs(self) -> Mapping[str, tuple[str, ...]]:
        """Class scores."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images."""

    def rates(self, images: Tensor) -> dict[str, Tensor]:
        """Area -> activity [B, C, H, W]."""

    def drives(self, images: Tensor, effects: Effects = NONE) -> dict[str, Tensor]:
        """Area -> activity before the rectification, with interventions acting."""

    def scores(self, rates: Mapping[str, Tensor]) -> Tensor:
        """Class scores [B, K]."""


class StaticSystem(System[dict[str, Tensor]]):
    """A feedforward network under the time loops: its activity is that of the image of the moment.

    The context is the activity under the held image, [B, C, H, W] by area; it is computed anew only while an
    intervention acts.
    """

    unrolling = "sweep"

    def __init__(self, model: Feedforward, dt: float) -> None:
        self.model, self.like = model, model.like
        self.clock = Clock(dt, "static")
        self.signals = tuple(Signal(area, shape) for area, shape in model.shapes.items())
        self.outputs = model.outputs
        self.sources = (Signal(STEM, layout(model.spec).shapes[STEM]),)
        own = [f"{area} -> {area}" for area in model.shapes]
        self.pathways = (*dict.fromkeys(f"{c.source} -> {c.target}" for c in model.spec.connections), *own)

    def hold(self, inputs: Inputs) -> dict[str, Tensor]:
        """The activity that the image causes, and the image."""
        image = inputs.get(IMAGE)
        image = self.like.new_zeros(1, *self.model.input_shape) if image is None else image
        return {**self.model.rates(image), IMAGE: image}

    def encoded(self, context: dict[str, Tensor]) -> dict[str, Tensor]:
        """The stem's maps."""
        return {STEM: context[STEM]}

    def advance(self, state: State, context: dict[str, Tensor], effects: Effects = NONE) -> State:
        """The activity that the image causes."""
        rates = context
        if effects:
            drives = self.model.drives(context[IMAGE], effects)
            rates = {area: functional.relu(drive) for area, drive in drives.items()}
        batch = state.batch
        return state.after({area: rates[area].expand(batch, *rates[area].shape[1:]) for area in self.areas})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores."""
        return {SCORES: self.model.scores(state.values)}
