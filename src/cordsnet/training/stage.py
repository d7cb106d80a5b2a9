"""What a stage of training is, and what it is given."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from cordsnet.data import Stream, VisionData
from cordsnet.errors import RunError
from cordsnet.models import CNN, CordsNet, NetworkSpec, load_model


@dataclass(frozen=True)
class Context:
    """What a stage may use.

    Attributes
    ----------
    spec : the network that is being trained.
    data : images and labels.
    run : folder of the run; each stage has the folder `run / stage.name`.
    seed : of everything that is drawn; every stage of a run has the same.
    progress : whether to draw progress bars.
    """

    spec: NetworkSpec
    data: VisionData
    run: Path
    seed: int
    progress: bool = True

    def model_of(self, stage: str) -> CordsNet | CNN:
        """The model with which another stage ended."""
        return load_model(self.run / stage)

    def cordsnet_of(self, stage: str) -> CordsNet:
        """As `model_of`, for stages that need a dynamical network."""
        model = self.model_of(stage)
        if not isinstance(model, CordsNet):
            raise RunError(f"stage {stage!r} ended with a feedforward network; name one that ends with a CordsNet")
        return model

    def cnn_of(self, stage: str) -> CNN:
        """As `model_of`, for stages that need a feedforward network."""
        model = self.model_of(stage)
        if not isinstance(model, CNN):
            raise RunError(f"stage {stage!r} ended with a CordsNet; name one that ends with a feedforward network")
        return model

    def training_images(self, count: int, model: CordsNet | CNN) -> Tensor:
        """The first images of training [N, C, H, W], normalised, on the device and in the precision of a model.

        Raises RunError where they are streamed.
        """
        if isinstance(self.data.train, Stream):
            raise RunError(f"{self.data.name!r} streams its images, and this stage wants {count} at once; download it")
        return self.data.train.take(count).to(model).images


@dataclass(frozen=True)
class StageResult:
    """How a stage ended: its model, and numbers worth reporting."""

    model: CordsNet | CNN
    metrics: dict[str, float]


@dataclass(frozen=True)
class Stage(ABC):
    """One idea of the training scheme with its settings; frozen data that can be written down and compared.

    Attributes
    ----------
    name : of the stage and of its folder.
    start : name of the stage whose model it starts from; "" for those that start from random weights.
    """

    name: str
    start: str = ""
    kind: ClassVar[str]

    @abstractmethod
    def run(self, context: Context) -> StageResult:
        """Train (or transform) and return the model."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the kind of the stage and its settings."""
        return {"kind": self.kind, **dataclasses.asdict(self)}
