"""The folder of a stage: claimed for its settings, kept inside the run, and freed of what killed attempts have left."""

import os
import re
import shutil
import warnings
from pathlib import Path

from cordsnet._files import cannot_write, check_name, remove_parts, write_whole
from cordsnet.errors import RunError
from cordsnet.training.checkpoints import discard_checkpoints
from cordsnet.training.divergence import LAST_GOOD
from cordsnet.training.recipe import Recipe
from cordsnet.training.result import RESULT
from cordsnet.training.stage import Stage

STARTED = "started.txt"
MARK = re.compile("[0-9a-f]{64}")
"""Form of a fingerprint."""


def remove_unneeded(folder: Path) -> None:
    """Remove what is only needed while a stage is not finished."""
    for left in ("checkpoints", LAST_GOOD):
        shutil.rmtree(folder / left, ignore_errors=True)


def tidy(folder: Path, finished: bool) -> None:
    """Remove what attempts that were killed have left in the folder of a stage. One that is a link is left alone."""
    if folder.is_symlink():
        return
    remove_parts(folder)
    if finished:
        remove_unneeded(folder)


def claim(folder: Path, mark: str) -> None:
    """Write down which stage is trained in `folder`; remove checkpoints and logs of one with other settings.

    A note that is damaged removes nothing: the names of checkpoints say to which settings they belong.
    """
    note = folder / STARTED
    written = note.read_bytes()[:100].decode(errors="replace") if note.is_file() else mark
    if MARK.fullmatch(written) is None:
        warnings.warn(f"{note} is damaged; whole checkpoints of the same settings are used", stacklevel=2)
    elif written != mark:
        discard_checkpoints(folder / "checkpoints", mark)
        for left in (*folder.glob("logs_*"), *folder.glob("tensorboard_*")):
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(cannot_write(folder, error)) from error
    write_whole(note, mark.encode())


def is_claimed(folder: Path, mark: str) -> bool:
    """True if the main process has claimed the folder for the settings that `mark` stands for."""
    note = folder / STARTED
    return note.is_file() and note.read_bytes() == mark.encode()


def stage_folder(output: Path, stage: Stage) -> Path:
    """Folder of a stage that is to be written or removed. Raises RunError for one that lies outside the run.

    A finished stage may be read through a link.
    """
    folder = output / check_name(stage.name, "stage")
    if folder.is_symlink():
        raise RunError(
            f"{folder} is a link to {os.readlink(folder)}, outside the run; remove it, or move the run itself"
        )
    return folder


def discard(recipe: Recipe, stage: Stage, output: Path) -> None:
    """Remove a stage and every stage that builds on it."""
    gone = [stage]
    for later in recipe.stages:
        if later.start in [one.name for one in gone]:
            gone.append(later)
    for folder in [stage_folder(output, one) for one in reversed(gone)]:  # all are checked before the first is removed
        if folder.is_dir():
            (folder / RESULT).unlink(missing_ok=True)  # first, so that half a folder never passes for a finished stage
            shutil.rmtree(folder)
