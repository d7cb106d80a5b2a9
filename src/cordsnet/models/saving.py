"""Description, saving, loading and sharing of models: the base of all kinds."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from torch import Tensor, nn

from cordsnet.dynamics import Lesion
from cordsnet.errors import CheckpointError
from cordsnet.models.card import write_model_card
from cordsnet.models.files import CARD, as_folder, read_model, write_model
from cordsnet.models.hub import download, upload
from cordsnet.models.preprocessing import Preprocessing
from cordsnet.models.spec import ModelSpec
from cordsnet.models.summary import Summary
from cordsnet.models.table import KINDS

FIXED = ("num_classes", "in_channels", "image_size")
"""Sizes that the weights of a model have; another one needs another model."""


def is_time(name: str) -> bool:
    """True for names of durations, such as "tau_ms" and "ms_per_step", which can be changed in a model."""
    return name.endswith("_ms") or name == "ms_per_step"


Saved = TypeVar("Saved", bound="SavedModel")


class SavedModel(nn.Module):
    """A module that is made from a spec and can be written to a folder.

    A subclass names its kind, its type of spec and what it is. One with settings beside its spec, such as an
    activation, adds them in `description` and reads them back in `from_described`.

    Attributes
    ----------
    kind : row of `KINDS`, which is written into files.
    spec_type : class of its spec.
    feedforward_kind : row of `KINDS` of the feedforward network with the same kernels, from which the model can be
        made; None where there is none.
    about : one sentence that says what the model is, with its paper, in Markdown; for cards and summaries.
    tags : words under which the hub lists it.
    spec : the model as data.
    metadata : plain data that belongs to the weights, such as the data set they were trained on; saved with them.
    lesions : parts that are gone for good; make them with `lesion(model, ...)`.
    notes : what was assumed when the model was loaded, in sentences; not saved.
    """

    kind: ClassVar[str]
    spec_type: ClassVar[type[ModelSpec]]
    feedforward_kind: ClassVar[str | None] = None
    about: ClassVar[str]
    tags: ClassVar[tuple[str, ...]] = ("neuroscience", "vision")
    spec: ModelSpec
    metadata: dict[str, Any]
    lesions: tuple[Lesion, ...]
    notes: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self.metadata = {}
        self.lesions = ()
        self.notes = ()

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        if name == "preprocessing":  # torch would replace the reason why there is none by "has no attribute"
            raise self._no_preprocessing()
        if is_time(name) and hasattr(self.__dict__.get("spec"), name):
            found: Any = getattr(self.spec, name)
            return cast("Tensor", found)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set times of the spec, such as `model.tau_ms = 20`, in the spec, so that they count everywhere."""
        spec = self.__dict__.get("spec")
        if spec is not None and hasattr(spec, name) and (is_time(name) or name in FIXED):
            if name in FIXED and spec.changed(**{name: value}) != spec:
                raise ValueError(
                    f"{name} of a model cannot be changed, since its weights have that size; create another"
                )
            self.spec = self._with_time(name, value)
        else:
            super().__setattr__(name, value)

    def _with_time(self, name: str, value: Any) -> ModelSpec:
        """The spec with another time. Raises ValueError when it is no duration."""
        return self.spec.changed(**{name: value})

    @property
    def preprocessing(self) -> Preprocessing:
        """Turns pixels into the images that the model was trained on.

        Raises AttributeError, so that `hasattr` answers, when the metadata does not say how they were normalised.
        """
        return Preprocessing.of(self.metadata, self.spec)

    def _no_preprocessing(self) -> AttributeError:
        try:
            Preprocessing.of(self.metadata, self.spec)
        except AttributeError as error:
            return error
        return AttributeError(f"preprocessing of {type(self).__name__} cannot be read")

    def summary(self) -> Summary:
        """Facts about the model, in numbers and words."""
        shapes = cast("Mapping[str, tuple[int, ...]]", self.shapes)
        return Summary(
            name=str(getattr(self.spec, "name", type(self).__name__)),
            kind=self.kind,
            about=self.about,
            areas=dict(shapes),
            units=sum(math.prod(shape) for shape in shapes.values()),
            parameters=sum(parameter.numel() for parameter in self.parameters()),
            inputs=dict(cast("Mapping[str, tuple[int, ...]]", self.inputs)),
            num_classes=getattr(self.spec, "num_classes", None),
            timing=cast("str", self.timing),
            tags=self.tags,
        )

    def description(self) -> dict[str, Any]:
        """The model without its weights, ready for JSON."""
        described = {"kind": self.kind, "spec": self.spec.to_dict(), "metadata": self.metadata}
        return described | ({"lesions": [one.to_dict() for one in self.lesions]} if self.lesions else {})

    @classmethod
    def from_description(cls: type[Saved], description: Mapping[str, Any], path: Path) -> Saved:
        """The model that a description, read from `path`, describes, of whatever kind among those of this class.

        Raises CheckpointError when the description does not fit.
        """
        kind = description["kind"]
        if not isinstance(kind, str) or kind not in KINDS:
            raise CheckpointError(f"{path}: kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
        found = KINDS[kind]
        if not issubclass(found, cls):
            raise CheckpointError(f"{path} describes a {kind}, no {cls.__name__}; use cordsnet.load_model")
        try:
            model = found.from_described(description)
            model.lesions = tuple(Lesion.from_dict(one) for one in description.get("lesions", ()))
        except (TypeError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} does not describe a network: {error}") from error
        model.metadata = dict(description["metadata"])
        return model

    @classmethod
    def from_described(cls: type[Saved], description: Mapping[str, Any]) -> Saved:
        """A model of this class from its description; the weights are read into it afterwards."""
        return cast("Saved", cast("Any", cls)(cls.spec_type.from_dict(description["spec"])))

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write weights, description and, unless there is one already, a model card. Returns the folder."""
        folder = write_model(self, folder, self.description())
        if not (folder / CARD).exists():
            write_model_card(folder, self.summary(), self.metadata)
        return folder

    @classmethod
    def from_pretrained(
        cls: type[Saved], name: str | Path, *, revision: str | None = None, token: str | None = None
    ) -> Saved:
        """The model in a folder, or in the Hugging Face repository of that name; in evaluation mode.

        `VisionModel.from_pretrained` reads models of every kind, a subclass those of its own.

        Parameters
        ----------
        name : folder that `save_pretrained` or `save_model` wrote, or "owner/name".
        revision : branch, tag or commit of the repository.
        token : for private repositories; None is the one that `hf auth login` stored.

        Raises
        ------
        CheckpointError : there is no such folder and the hub does not have it, or its content does not fit.
        """
        place = as_folder(name)
        folder = place if place.is_dir() else download(str(name), revision, token)
        return read_model(folder, cls.from_description)

    def push_to_hub(self, name: str, *, token: str | None = None, private: bool | None = None) -> str:
        """Put weights, description and model card into the Hugging Face repository "owner/name"; made if need be.

        The card is written anew. Returns the repository's address. Raises RunError when the hub cannot be reached or
        refuses.
        """

        def save(folder: str) -> None:
            write_model(self, folder, self.description())
            write_model_card(folder, self.summary(), self.metadata, where=name)

        return upload(save, name, token, private)
