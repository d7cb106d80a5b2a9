"""Base of the stages of training, and the context in which they run."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from cordsnet.data import AUGMENTATIONS
from cordsnet.dynamics.engines import ENGINES
from cordsnet.errors import RunError
from cordsnet.models import KINDS, ModelSpec, build, load_model
from cordsnet.models.capabilities import FeedforwardTwin
from cordsnet.training.sources import LabelledImages, Source, as_source

Capability = TypeVar("Capability")


@dataclass(frozen=True)
class Context:
    """Network, data and folder that a stage may use.

    Attributes
    ----------
    spec : the network that is being trained.
    data : what it is trained on: labelled images, or any other `Source`.
    run : folder of the run; each stage has the folder `run / stage.name`.
    seed : of everything that is drawn; every stage of a run has the same.
    progress : True draws progress bars.
    kind : row of `KINDS` of the network.
    fingerprint : digest of all that the result of the stage depends on; checkpoints of others do not count.
    """

    spec: ModelSpec
    data: Any
    run: Path
    seed: int
    progress: bool = True
    kind: str = ""
    fingerprint: str = ""

    @cached_property
    def source(self) -> Source:
        """The data as a source of batches and measures."""
        return as_source(self.data)

    def fresh_model(self, feedforward: bool = False) -> Any:
        """The network with random weights; or the feedforward network with its kernels.

        Raises RunError when there is no such feedforward network.
        """
        kind = self.kind or self.spec.kind
        if feedforward:
            twin = KINDS[kind].feedforward_kind
            if twin is None:
                raise RunError(f"models of kind {kind!r} have no feedforward twin to train; use stage Train")
            kind = twin
        return build(self.spec, self.seed, kind)

    def model_of(self, stage: str) -> Any:
        """The model with which another stage ended, without what was written down about that stage."""
        model = load_model(self.run / stage)
        model.metadata = {}
        return model

    def model_with(self, stage: str, capability: type[Capability], ending: str) -> Capability:
        """The model with which another stage ended, for a stage that needs one of its capabilities.

        Raises RunError, saying what the stage should have ended with, when the model does not offer it.
        """
        model = self.model_of(stage)
        if not isinstance(model, capability):
            raise RunError(f"stage {stage!r} ended with a {type(model).__name__}; name one that ends with {ending}")
        return model

    def folded_twin_of(self, stage: str) -> Any:
        """The folded feedforward network with which another stage ended. Raises RunError for another model."""
        twin = self.model_with(stage, FeedforwardTwin, "a folded feedforward network")  # type: ignore[type-abstract]
        if not twin.folded:
            raise RunError(f"stage {stage!r} ended with a network that has batch norms; name one that ends with a fold")
        return twin

    def training_images(self, count: int, model: nn.Module) -> Tensor:
        """Some training images of all classes [N, C, H, W], normalised, on the device and in the precision of a model.

        Raises RunError where they are streamed, or where the data are no labelled images.
        """
        if not isinstance(self.source, LabelledImages):
            raise RunError(f"this stage needs labelled images, and {self.source.name!r} has none; choose other data")
        return self.source.first(count, model)

    def test_images(self, count: int, model: nn.Module) -> Tensor:
        """Some test images, as `training_images`."""
        images: Tensor = self.source.probe(count, model)
        return images

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Measure a model's performance on the test data; return measure, such as `test_accuracy`, -> value."""
        return self.source.measure(model)


@dataclass(frozen=True)
class StageResult:
    """Result of a stage: its model, numbers worth reporting, and layers that its loss had put on top."""

    model: Any
    metrics: dict[str, float]
    head: nn.Module | None = None


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

    def check(self) -> None:
        """Raise ValueError, with the known ones, for names that no table has; called before anything is trained."""
        for name, table in (("augmentation", AUGMENTATIONS), ("engine", ENGINES)):
            given = getattr(self, name, None)
            if given is not None and given not in table and given != "auto":
                try:
                    table[given]
                except ValueError as error:
                    raise RunError(f"stage {self.name!r}: {error}") from error

    def check_data(self, source: Source) -> None:  # noqa: B027
        """Raise RunError for data that the stage cannot use; called before anything is trained."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the kind of the stage and its settings."""
        return {"kind": self.kind, **dataclasses.asdict(self)}
