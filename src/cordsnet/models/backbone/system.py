"""Base of the systems of networks with a feedforward front end."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from cordsnet.dynamics import NONE, Effects, Inputs, Precision, Signal, State
from cordsnet.models.backbone.spec import BackboneSpec
from cordsnet.models.cordsnet.spec import STEM
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.system import SteppedSystem

Fed = TypeVar("Fed")


@dataclass(frozen=True)
class Seen(Generic[Fed]):
    """Feedforward rates under a held image, and the input to the head.

    Attributes
    ----------
    image : [1 or B, C, H, W].
    rates : area of the feedforward network -> its rates [1 or B, C, H, W]; its stem's maps beside them.
    fed : their input to the head.
    """

    image: Tensor
    rates: Mapping[str, Tensor]
    fed: Fed


class BackboneSystem(SteppedSystem[Seen[Fed]]):
    """A feedforward network that sees a held image once, and a head that evolves in time.

    Subclasses give `feed`, `head` and `read`. While an intervention acts, the image is seen anew in every step.
    """

    unrolling, sees_anew = "sweep", True
    spec: BackboneSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.cnn, network = model.cnn, self.spec.network
        self.maps = self.spec.maps
        own = [f"{area} -> {area}" for area in self.maps]
        self.pathways = (*dict.fromkeys(f"{c.source} -> {c.target}" for c in network.connections), *own)
        self.sources = (Signal(STEM, self.spec.stem),)
        self.tops = network.readout

    @abstractmethod
    def feed(self, rates: Mapping[str, Tensor], effects: Effects) -> Fed:
        """Compute what the rates of the feedforward network bring to the head."""

    @abstractmethod
    def head(self, state: State, fed: Fed, effects: Effects) -> dict[str, Tensor]:
        """Signals of the head one step later."""

    def hold(self, inputs: Inputs) -> Seen[Fed]:
        """Compute what the image causes; a blank field is one trial."""
        image = self.image(inputs)
        if "image" not in inputs and self.layers.uses_batch:
            # two trials of zeros have the statistics of any number of them, also where a map has a single unit
            seen = self._see(image.expand(2, *image.shape[1:]), NONE)
            rates = {area: maps[:1] for area, maps in seen.rates.items()}
            return Seen(image, rates, self.feed(rates, NONE))
        return self._see(image, NONE)

    def encoded(self, context: Seen[Fed]) -> dict[str, Tensor]:
        """The stem's maps."""
        return {STEM: context.rates[STEM]}

    def advance(self, state: State, context: Seen[Fed], effects: Effects = NONE) -> State:
        """One step of the head, on what the image causes."""
        if effects:
            context = self._see(context.image.expand(state.batch, *context.image.shape[1:]), effects)
        return state.after({**self._of_areas(context, state.batch), **self.head(state, context.fed, effects)})

    def _of_areas(self, context: Seen[Fed], batch: int) -> dict[str, Tensor]:
        """Rates of the feedforward network, for all trials."""
        if len(context.image) == batch:
            return {area: context.rates[area] for area in self.maps}
        return {area: context.rates[area].expand(batch, *shape) for area, shape in self.maps.items()}

    def _see(self, image: Tensor, effects: Effects) -> Seen[Fed]:
        def norm(name: str, maps: Tensor) -> Tensor:
            return self.layers.norm(f"cnn.{name}", maps)

        drives = self.cnn.drives(image, effects, norm)
        rates = {area: drive if area == STEM else torch.relu(drive) for area, drive in drives.items()}
        return Seen(image, rates, self.feed(rates, effects))
