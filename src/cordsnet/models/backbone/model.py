"""Base of the networks with a feedforward front end."""

import copy
from collections.abc import Iterable
from typing import Any, TypeVar

from torch import Tensor

from cordsnet.dynamics import Precision
from cordsnet.models.backbone.spec import BackboneSpec
from cordsnet.models.backbone.system import BackboneSystem
from cordsnet.models.cordsnet.cnn import CNN
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.model import SteppedModel

Model = TypeVar("Model", bound="BackboneModel")


class BackboneModel(MeasuresBatchNorms, SteppedModel):
    """A feedforward network `cnn`, which sees a held image once, and a head that evolves in time.

    A subclass adds the layers of its head. Where `spec.train_backbone` is False, the feedforward network is frozen.
    """

    spec: BackboneSpec

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        self.cnn = CNN(spec.network)
        del self.cnn.wiring.readout  # the head reads the areas in its place
        self.cnn.requires_grad_(spec.train_backbone)
        self.train(self.training)

    def take(self: Model, cnn: CNN) -> Model:
        """Fill the feedforward network with the weights and statistics of a trained one of the same sizes.

        What the trained network has lost is lost here too, beside the model's own lesions. What its metadata say of the
        images that it was trained on takes the place of what the model's say, but for the names of classes where their
        numbers differ.

        Raises ValueError for a network of other sizes, and for a folded one, which has no batch norms any more.
        """
        found = {name: value for name, value in cnn.state_dict().items() if not name.startswith("wiring.readout.")}
        wanted = self.cnn.state_dict()
        if {name: value.shape for name, value in found.items()} != {n: value.shape for n, value in wanted.items()}:
            raise ValueError(
                f"cnn must have the areas and channels of this network's feedforward part and its batch norms, got "
                f"{cnn.spec.name!r}"
            )
        self.cnn.load_state_dict(found)
        self.lesions = tuple(dict.fromkeys((*self.lesions, *cnn.lesions)))
        if "data" in cnn.metadata:
            self.metadata["data"] = copy.deepcopy(cnn.metadata["data"])
            if cnn.num_classes != self.num_classes:
                self.metadata["data"].pop("classes", None)
        return self

    def train(self: Model, mode: bool = True) -> Model:
        """As every module; a frozen feedforward network stays in evaluation mode, with the statistics that it has."""
        super().train(mode)
        if not self.spec.train_backbone:
            self.cnn.eval()
        return self

    def bind(self, dt: float, stepper: str, precision: Precision) -> BackboneSystem[Any]:
        """The network with steps of `dt` ms, which need no stepper; errors are those of `check_precision`."""
        self.check_precision(precision)
        system: BackboneSystem[Any] = self.system_type(self, dt, precision)
        return system

    def check_precision(self, precision: Precision) -> None:
        """Raise ValueError for another precision than the model's own, in which the feedforward network computes."""
        compute, rates = precision.of_convolutions(self.like), precision.of_rates(self.like)
        if compute != self.like.dtype or rates != self.like.dtype:
            raise ValueError(f"{type(self).__name__} computes in {self.like.dtype}; convert it with model.to(dtype)")

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """As `MeasuresBatchNorms`; a frozen feedforward network keeps its statistics."""
        if self.spec.train_backbone:
            super().calibrate(batches)
