"""Experiments: each is one function from a setting and options to a result, with a row in `EXPERIMENTS`."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from cordsnet.data import Split
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim
from cordsnet.experiments.reading import check_reading, without_readers
from cordsnet.experiments.result import Result, with_meta
from cordsnet.experiments.table import EXPERIMENTS
from cordsnet.models import VisionModel
from cordsnet.registry import Registry
from cordsnet.training.record import describe_process

Options = TypeVar("Options")
Tell: TypeAlias = Callable[[str, int, int], None]
"""(what is measured now, how many parts are done, of how many)."""
Need: TypeAlias = Callable[[Any], str]
"""A model -> what it lacks for an experiment, as the end of a sentence that begins with "it"; "" where nothing."""


def silent(label: str, done: int, total: int) -> None:
    """Tell nobody."""


def unsaid(sentence: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Setting:
    """Models, data and folders of one run of an experiment, besides its options.

    Attributes
    ----------
    models : label -> model. Empty for experiments that train their own.
    data : test images for all models, or label -> test images.
    sources : label -> plain data about where model and images come from, for `meta`.
    notes : label -> what was chosen or assumed for a model, for the table "notes".
    output : folder for what is trained; None for experiments that train nothing.
    seed : of everything that is drawn.
    workers : networks trained at once.
    tell : called as parts begin.
    progress : True if training may draw progress bars.
    shown : label -> files, or rows, of the test images that were asked for; filled by `images`, for `meta`.
    say : called with sentences before a part begins, such as on the memory and time that it takes.
    """

    models: Mapping[str, VisionModel] = field(default_factory=dict)
    data: Split | Mapping[str, Split] | None = None
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    output: Path | None = None
    seed: int = 0
    workers: int = 1
    tell: Tell = silent
    progress: bool = False
    shown: dict[str, list[str]] = field(default_factory=dict)
    say: Callable[[str], None] = unsaid

    def __post_init__(self) -> None:
        if wrong := [label for label in self.models if "/" in label or not label]:
            raise ValueError(f"labels of models must be words without '/', got {wrong[0]!r}")

    def subjects(self, trials: int) -> Iterator[tuple[str, VisionModel, Split]]:
        """Label, model in evaluation mode, and `trials` of its test images, in its precision and on its device."""
        for label, model in self.models.items():
            yield label, model.eval(), self.images(label, trials)

    def images(self, label: str, trials: int) -> Split:
        """`trials` test images of a model, drawn from all classes, the same for every experiment (`Split.take`).

        Raises ValueError when it has none, or for fewer than one.
        """
        if trials < 1:
            raise ValueError(f"trials must be at least 1, got {trials}")
        data = self.data.get(label) if isinstance(self.data, Mapping) else self.data
        if data is None:
            raise ValueError(f"there are no test images for {label!r}; give them as data")
        split = data.take(trials)
        self.shown[label] = [split.file(index) for index in range(len(split))]
        return split.to(self.models[label])

    def folder(self) -> Path:
        """The output folder. Raises ValueError when there is none."""
        if self.output is None:
            raise ValueError("this experiment trains networks and needs an output folder; give output")
        return self.output


Run: TypeAlias = Callable[[Setting, Options], Result]


@dataclass(frozen=True)
class Preset(Generic[Options]):
    """Options of an experiment at one size.

    Attributes
    ----------
    options : the row of options.
    minutes : estimated time on two cores, for the smallest networks where models are given.
    gigabytes : estimated memory.
    up_to : longest time that was measured on two cores that were busy otherwise, minutes; None where it was not.
    """

    options: Options
    minutes: float
    gigabytes: float
    up_to: float | None = None

    def __str__(self) -> str:
        lasts = f"about {_duration(self.minutes)}"
        if self.up_to is not None:
            lasts = f"{self.minutes:g} to {self.up_to:g} minutes, as fast and as busy as they are,"
        return f"{lasts} on two cores and {self.gigabytes:g} GB of memory"


@dataclass(frozen=True)
class Experiment(Generic[Options]):
    """A row of the table of experiments.

    Attributes
    ----------
    name : its name on the command line.
    description : one line.
    run : the function.
    options : the dataclass of its options.
    presets : "smoke", "desk", "paper" -> options with an estimate of time and memory.
    claims : what it decides, declared in code.
    needs : requirements on every model.
    trains : True if it trains its own networks and takes no models.
    stored : True if it measures answers that are stored in files, and takes no models.
    own_images : True if it shows pictures of its own, so that the test images of models are not needed.
    paired : True if its claims compare dynamical models with static ones that are given beside them.
    default : the preset that is used where none is named.
    of_readers : names of the claims that mean something only for a model that reads its whole images; a model that
        reads them no better than chance is not measured.
    read_after : option with the time in ms after which a model is read; "" is each model's own time.
    """

    name: str
    description: str
    run: Run[Options]
    options: type[Options]
    presets: Mapping[str, Preset[Options]]
    claims: tuple[Claim, ...]
    needs: tuple[Need, ...] = ()
    trains: bool = False
    default: str = "desk"
    paired: bool = False
    stored: bool = False
    of_readers: tuple[str, ...] = ()
    read_after: str = ""
    own_images: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.of_readers) - {claim.name for claim in self.claims}):
            raise ValueError(f"of_readers of experiment {self.name!r} names no claim of it: {unknown[0]!r}")

    def preset(self, name: str | None = None) -> Preset[Options]:
        """A preset by name, or the default one. Raises ValueError for unknown names."""
        known: Registry[Preset[Options]] = Registry(f"preset of {self.name!r}")
        for row, preset in self.presets.items():
            known.add(row, preset)
        return known[name or self.default]

    def check(self, models: Mapping[str, Any]) -> None:
        """Raise ValueError, in one sentence, unless the experiment can be run with these models."""
        if self.trains and models:
            raise ValueError(f"experiment {self.name!r} trains its own networks; leave out {next(iter(models))!r}")
        if self.stored and models:
            raise ValueError(f"experiment {self.name!r} measures stored answers; leave out {next(iter(models))!r}")
        if not (self.trains or self.stored or models):
            raise ValueError(f"experiment {self.name!r} needs a model: a folder, NAME@DATA, or the name of a model")
        for label, model in models.items():
            if lack := self.lack(model):
                raise ValueError(f"experiment {self.name!r} cannot be run with {label!r}: it {lack}")

    def lack(self, model: Any) -> str:
        """Say what a model lacks of what the experiment needs; "" where nothing."""
        return next(filter(None, (need(model) for need in self.needs)), "")

    def __call__(self, setting: Setting, options: Options | None = None) -> Result:
        """Run it; `meta` of the result says with what, when and for how long.

        Raises ValueError when a model lacks what the experiment needs.
        """
        self.check(setting.models)
        options = self.preset().options if options is None else options
        about = describe_process()
        started = time.perf_counter()
        setting = replace(setting, shown={})  # of this run alone
        result = self._of_readers(self.run(setting, options), setting, options)
        if undeclared := {claim.name for claim in result.claims} - {claim.name for claim in self.claims}:
            raise RunError(f"experiment {self.name!r} reports a claim that it does not declare: {min(undeclared)!r}")
        meta = {
            "experiment": self.name,
            "description": self.description,
            "options": _json(dataclasses.asdict(options)),  # type: ignore[call-overload]
            "models": {
                label: {
                    **describe_model(model),
                    **setting.sources.get(label, {}),
                    "images": setting.shown.get(label, []),
                }
                for label, model in setting.models.items()
            },
            "seed": setting.seed,
            "workers": setting.workers,
            "seconds": time.perf_counter() - started,
            **about,
        }
        return with_meta(_with_notes(result, setting.notes), meta)

    def _of_readers(self, result: Result, setting: Setting, options: Options) -> Result:
        """The result with a note on every model that does not read its images, and without claims that need one.

        Networks that the experiment trained itself are not among the models; it measures what they read.
        """
        image_ms = getattr(options, self.read_after) if self.read_after else None
        notes, unread = dict[str, tuple[str, ...]](), list[str]()
        shown = {label: files for label, files in setting.shown.items() if label in setting.models}
        for label, files in shown.items():
            model, split = setting.models[label].eval(), setting.images(label, len(files))
            found = check_reading(label, model, split, image_ms, setting.seed, claims=bool(self.of_readers))
            notes[label] = found.notes
            unread += [] if found.reads else [label]
        claims = without_readers(result.claims, self.of_readers, unread)
        return _with_notes(replace(result, claims=claims), notes)


def experiment(
    name: str,
    *,
    options: type[Options],
    presets: Mapping[str, Preset[Options]],
    claims: Sequence[Claim],
    needs: Sequence[Need] = (),
    trains: bool = False,
    default: str = "desk",
    description: str = "",
    paired: bool = False,
    stored: bool = False,
    of_readers: Sequence[str] = (),
    read_after: str = "",
    own_images: bool = False,
) -> Callable[[Run[Options]], Experiment[Options]]:
    """Enter a function into `EXPERIMENTS`; its description is the first line of its docstring unless one is given."""

    def enter(run: Run[Options]) -> Experiment[Options]:
        line = description or (run.__doc__ or "").strip().splitlines()[0]
        parts = (tuple(claims), tuple(needs), trains, default, paired, stored, tuple(of_readers), read_after)
        row = Experiment(name, line, run, options, presets, *parts, own_images)
        EXPERIMENTS.add(name, row, run.__module__)
        return row

    return enter


def _with_notes(result: Result, notes: Mapping[str, Sequence[str]]) -> Result:
    """The result with notes on models before its own."""
    rows = [{"model": label, "note": note} for label, about in notes.items() for note in about]
    if not rows:
        return result
    return replace(result, tables={**result.tables, "notes": (*rows, *result.tables.get("notes", ()))})


def describe_model(model: VisionModel) -> dict[str, Any]:
    """Plain data about a model: its kind and size, its clock, and what its weights were trained on."""
    trained_on = model.metadata.get("data")
    return {
        "kind": model.kind,
        "areas": list(model.areas),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "clock": f"{model.clock.kind}, {model.dt_ms:g} ms",
        "precision": str(model.like.dtype).removeprefix("torch."),
        "device": str(model.like.device),
        "trained_on": trained_on.get("name", "") if isinstance(trained_on, Mapping) else "",
    }


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{60 * minutes:.0f} seconds"
    if minutes < 120:
        return "1 minute" if round(minutes) == 1 else f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if minutes < 60 * 72 else f"{minutes / 60 / 24:.0f} days"
