"""One run of a model through experiments, each kept in a folder of its own with a key of all that it depends on."""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from cordsnet._files import writable_folder, write_whole
from cordsnet.experiments.experiment import Setting
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.result import Result
from cordsnet.experiments.storage import read_result, write_data
from cordsnet.experiments.subjects import Subject, images_and_notes, load_subjects
from cordsnet.experiments.table import EXPERIMENTS
from cordsnet.models.digest import model_digest
from cordsnet.models.pretrained import list_pretrained

KEY = "key.json"
FOREIGN = ("cordsnet", "torch", "builtins", "abc", "typing")
"""Packages whose code is told by `code_version`."""

STATIC = "it is static, and what models with dynamics are compared with"
NO_PARTNER = "its claims need a static model, such as a CNN, that is shown the same images, among the models"
PARTNER = "cnn_r2_small"
"""A static model whose weights come with the package for some data sets."""


@dataclass(frozen=True)
class Plan:
    """Settings that all cells of a comparison share.

    Attributes
    ----------
    experiments : names.
    preset : row of options of every experiment.
    folder : folder of the comparison; cells are below it.
    data : name or path of the data set that all models are shown; None is what each was trained on.
    seed : of everything that is drawn.
    device : "cpu" or "cuda".
    """

    experiments: tuple[str, ...]
    preset: str
    folder: str
    data: str | None = None
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Cell:
    """A model in an experiment.

    Attributes
    ----------
    experiment : its name.
    folder : of the result, relative to that of the comparison; "" where the model was left out.
    reason : reason why it was left out; "" where it was not.
    reused : True if the result was there already.
    """

    experiment: str
    folder: str = ""
    reason: str = ""
    reused: bool = False


def run_cells(plan: Plan, label: str, source: str, place: str, beside: tuple[str, str] | None = None) -> list[Cell]:
    """Run one model through all experiments of a plan; finished cells are not run again.

    Parameters
    ----------
    plan : of the comparison.
    label, source : name of the model in tables, and what it is loaded from.
    place : name of the run, below the folder of each experiment.
    beside : label and source of a static model, which joins the experiments that compare with one.

    Returns
    -------
    One cell for each experiment, in the order of the plan.
    """
    torch.manual_seed(plan.seed)
    try:
        subjects, setting = _prepared(plan, {label: source})
    except ValueError as error:
        return [Cell(name, reason=str(error)) for name in plan.experiments]
    alone, pair, lacking = (subjects, setting), None, _no_partner(subjects[label].data)
    if beside is not None and is_dynamical(subjects[label].model):
        try:
            pair = _prepared(plan, {label: source, beside[0]: beside[1]})
        except ValueError as error:  # of the other model, since this one could be loaded
            lacking = f"the static model {beside[0]!r} cannot be compared with ({error})"
    cells = []
    for name in plan.experiments:
        given = pair if EXPERIMENTS[name].paired else alone
        if not EXPERIMENTS[name].paired or given is not None:
            assert given is not None
            cells.append(_cell(plan, name, *given, place))
        else:
            cells.append(Cell(name, reason=lacking if is_dynamical(subjects[label].model) else STATIC))
    return cells


def _no_partner(data: str) -> str:
    """Say that a static model is needed, and which to add; by name where the package has weights for these images."""
    known = (PARTNER, data) in list_pretrained()
    return f"{NO_PARTNER}; add {f'{PARTNER}@{data}' if known else f'the folder of one that was trained on {data}'}"


def _prepared(plan: Plan, sources: Mapping[str, str]) -> tuple[dict[str, Subject], Setting]:
    """Models by label, and the setting with their test images.

    Raises ValueError for a model, or images, that cannot be loaded.
    """
    subjects = dict(zip(sources, load_subjects(list(sources.values()), plan.data).values(), strict=True))
    images, notes = images_and_notes(subjects)
    for one in subjects.values():
        one.model.to(plan.device)
    models = {name: one.model for name, one in subjects.items()}
    about = {name: {"source": one.source, "data": one.data} for name, one in subjects.items()}
    return subjects, Setting(models, images, about, notes, seed=plan.seed)


def _cell(plan: Plan, name: str, subjects: Mapping[str, Subject], setting: Setting, place: str) -> Cell:
    """Run one experiment, or find its result."""
    experiment = EXPERIMENTS[name]
    setting = dataclasses.replace(setting, shown={})
    options = experiment.preset(plan.preset).options
    try:
        experiment.check(setting.models)
    except ValueError as error:
        return Cell(name, reason=str(error))
    key = {
        "experiment": name,
        "options": repr(options),
        "seed": plan.seed,
        "device": plan.device,
        "models": {label: _model_key(one) for label, one in subjects.items()},
        "code": [code_version(), _own_code(experiment.run, *(type(one.model) for one in subjects.values()))],
    }
    where = f"{name}/{place}"
    folder = Path(plan.folder) / where
    if _is_kept(folder, key):
        return Cell(name, where, reused=True)
    try:
        result = experiment(setting, options)
    except (ValueError, ArithmeticError) as error:  # also of networks that diverge or do not converge
        return Cell(name, reason=str(error))
    writable_folder(folder)
    (folder / KEY).unlink(missing_ok=True)  # so that a cell that is half written is not taken for a finished one
    write_data(result, folder)
    write_whole(folder / KEY, json.dumps(key, indent=1).encode())
    return Cell(name, where)


def read_cell(plan: Plan, cell: Cell) -> Result:
    """The result of a cell that was not left out."""
    return read_result(Path(plan.folder) / cell.folder)


def _is_kept(folder: Path, key: Mapping[str, Any]) -> bool:
    try:
        kept = json.loads((folder / KEY).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(kept == key)


def _model_key(subject: Subject) -> dict[str, Any]:
    """Digests of a model, and of the images that it is shown."""
    return {"weights": model_digest(subject.model), "data": subject.loaded.identity}


@cache
def code_version() -> str:
    """Digest of the source of the package and the versions of torch and NumPy: with another, cells are run again."""
    import numpy

    digest = hashlib.blake2b(f"{torch.__version__} {numpy.__version__}".encode(), digest_size=16)
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def _own_code(*made: Any) -> str:
    """Digest of the files, outside the package, in which a user's own experiment and classes of models are written."""
    bases = [base for one in made for base in (one.__mro__ if isinstance(one, type) else (one,))]
    files = {inspect.getsourcefile(base) for base in bases if base.__module__.partition(".")[0] not in FOREIGN}
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(filter(None, files)):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def place_of(source: str, taken: Sequence[str]) -> str:
    """A name for the folder of a run, unlike those that are taken."""
    words = "".join(sign if sign.isalnum() or sign in "=_-@." else "-" for sign in source).strip("-.")[-80:] or "model"
    names = (words, *(f"{words}-{k}" for k in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
