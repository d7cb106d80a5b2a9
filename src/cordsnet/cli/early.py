"""Checks of names and folders before anything slow is imported. Whatever passes is checked again by its owner."""

import difflib
import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cordsnet.data.table import DATASETS, is_path
from cordsnet.errors import CheckpointError, DataError, RunError
from cordsnet.models.names import MODELS
from cordsnet.registry import Registry
from cordsnet.training.table import RECIPES

DESCRIPTION, WEIGHTS, RECIPE = "model.json", "model.safetensors", "recipe.json"
OPTION = re.compile(r"--[A-Za-z_][\w.]*")
NAME = re.compile(r'^    (\w+): |"(?:--)?(\w+)"', re.MULTILINE)
"""A field of a class or a parameter of a function, or a word in quotes, of an option or of a stage."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"
"""Holds a folder MODEL-DATA for each set of weights that comes with the package."""


CACHES = (
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "TORCH_HOME",
    "MPLCONFIGDIR",
    "HF_DATASETS_CACHE",
    "HF_HOME",
    "XDG_CACHE_HOME",
    "HOME",
)
"""Environment variables with folders that libraries write to."""


def unwritable_cache(error: OSError) -> str | None:
    """One sentence on the variable whose folder cannot be written to, if that is why a library failed; else None."""
    if not isinstance(error.filename, str):
        return None
    failed = Path(error.filename).absolute()
    for name in CACHES:
        value = os.environ.get(name)
        folder = Path(value).expanduser().absolute() if value else failed
        near = folder.is_relative_to(failed) or failed.is_relative_to(folder)
        if value and near and not os.access(folder, os.W_OK):
            return f"{name} is {value!r}, and that folder cannot be written to ({error.strerror}); set it to another"
    return None


def given(words: Sequence[str], option: str) -> str | None:
    """The last value of an option, written as `--option value` or `--option=value`; None where it is not given."""
    found = None
    for k, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == option:
            found = value if equals else (words[k + 1] if k + 1 < len(words) else None)
    return found


def check_recipe(name: str) -> None:
    """Raise ValueError for a recipe that is neither in the table nor in a file or module."""
    if ":" not in name:
        RECIPES.check(name)
        return
    place = name.rpartition(":")[0]
    if place.endswith(".py") and not Path(place).is_file():
        raise ValueError(f"recipe {name!r} cannot be loaded (there is no file {place}); write file.py:function")


def check_data(words: Sequence[str]) -> None:
    """Raise an error for a data set in `--data` that has no row, or DataError for a path that does not exist."""
    name = given(words, "--data")
    if name is None:
        return
    if not is_path(name):
        DATASETS.check(name)
    elif not Path(name).expanduser().exists():
        raise DataError(f"there is no folder {name!r}; --data takes the name of a data set or the path of a folder")


def check_model_name(words: Sequence[str]) -> None:
    """Raise ValueError for an unknown name in `--model.name`."""
    name = given(with_model_name(words), "--model.name")
    if name is not None:
        MODELS.check(name)


def check_subjects(words: Sequence[str]) -> None:
    """Check the models that come before the first option.

    Raises
    ------
    CheckpointError : a folder does not exist, or holds no model.
    ValueError : no model has that name, or it has no weights for that data set.
    """
    for word in words:
        if word.startswith("-"):
            return
        if os.sep in word or Path(word).is_dir():
            check_checkpoint(word, (DESCRIPTION, RECIPE))
            continue
        name, at, data = word.partition("@")
        MODELS.check(name)
        if at:
            _check_pretrained(name, data)


def check_checkpoint(folder: str, files: Sequence[str] = (DESCRIPTION,)) -> None:
    """Raise CheckpointError unless there is a folder with one of the files of a model, or of a run."""
    if not Path(folder).is_dir():
        raise CheckpointError(
            f"there is no folder {folder!r}; give the folder of a checkpoint, such as runs/demo/finetune"
        )
    if not any((Path(folder) / name).is_file() for name in files):
        raise CheckpointError(f"folder {folder!r} holds no checkpoint, for there is no {' or '.join(files)} in it")


def _check_pretrained(name: str, data: str) -> None:
    known: Registry[Path] = Registry(f"pretrained weights of {name!r}")
    for path in sorted(PRETRAINED.glob(f"{name}-*")):
        known.add(path.name.removeprefix(f"{name}-"), path)
    if list(known):
        known.check(data)


def check_evaluated(name: str) -> None:
    """Check what `evaluate` is given: a folder or a file of a model, a run, or NAME@DATA.

    Raises
    ------
    CheckpointError : there is no such thing, or it holds no model.
    RunError : no stage of a run is finished.
    ValueError : no model has that name, or it has no weights for that data set.
    """
    path = Path(name).expanduser()
    model, at, data = name.partition("@")
    if path.is_dir():
        check_checkpoint(str(path), (DESCRIPTION, RECIPE))
        if not (path / DESCRIPTION).is_file() and not any(path.glob(f"*/{DESCRIPTION}")):
            raise RunError(f"run {name!r} has no finished stage yet; train it first")
    elif path.exists() and path.name not in (DESCRIPTION, WEIGHTS):
        raise CheckpointError(f"{name!r} is a file and no model; give the folder of a run, of a stage or of a model")
    elif not path.exists() and at:
        MODELS.check(model)
        _check_pretrained(model, data)
    elif not path.exists():
        known = ", ".join("@".join(one.name.rsplit("-", 1)) for one in sorted(PRETRAINED.glob("*-*")))
        raise CheckpointError(
            f"there is no checkpoint {name!r}: give the folder of a run, of a stage or of a saved model, or one of "
            f"{known}"
        )


def check_options(command: str, words: Sequence[str], package: str) -> None:
    """Raise ValueError for an option with a part that is no name of any setting.

    The names are read from the source of the commands and of a package, `training` or `experiments`, which takes a
    hundredth of the time of importing it. They are those of all stages or experiments together, so a name that passes
    may still be one of another; the parser of options tells. Nothing is checked where there is no source to read.
    """
    known = _names(package)
    for word in words if known else ():
        flag = word.partition("=")[0]
        for part in flag.removeprefix("--").split(".") if OPTION.fullmatch(flag) else ():
            if part not in known:
                near = difflib.get_close_matches(part, known, n=3, cutoff=0.75)
                offer = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
                raise ValueError(f"unknown option {flag}; {offer}'cordsnet {command} --help' lists the options")


@functools.cache
def _names(package: str) -> frozenset[str]:
    """Names of fields and options, and all words in quotes, in the source of a package and of the commands."""
    root = Path(__file__).parents[1]
    folders = (root / "cli", root / package, root / "dynamics", root / "data")
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))]
    return frozenset(name for text in sources for pair in NAME.findall(text) for name in pair if name)


def with_model_name(words: Sequence[str]) -> list[str]:
    """The words, with `--model NAME` written out as `--model.name NAME`; a file of settings stays as it is."""
    found: list[str] = []
    for k, word in enumerate(words):
        flag, equals, value = word.partition("=")
        value = value if equals else words[k + 1] if k + 1 < len(words) else ""
        if flag == "--model" and not Path(value).is_file():
            word = f"--model.name={value}" if equals else "--model.name"
        found.append(word)
    return found
