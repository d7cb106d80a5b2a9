"""A run that kills itself, for `kills.py`: a recipe with every kind of stage, and what its process writes down."""

import collections
import errno
import hashlib
import importlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.cli.main import main as cordsnet
from cordsnet.training import (
    RECIPES,
    Fold,
    GaussNewton,
    Imitate,
    InverseInit,
    LastStep,
    ModelChoice,
    Objective,
    Optimisation,
    RandomInit,
    Recipe,
    Train,
    TrainCNN,
    TrainDynamics,
    TrainSettled,
    Trial,
    loop,
)
from cordsnet.training.checkpoints import CheckpointWriter
from cordsnet.training.logs import read_curve
from cordsnet.training.stages import gauss_newton

fit = importlib.import_module("cordsnet.training.fit")  # the module, for the package has a function of that name
for slow in ("sklearn.datasets", "kornia.augmentation", "cordsnet.cli.training"):  # once, not in every attempt
    importlib.import_module(slow)


FULL = "full disk"
"""Takes the place of a signal: from a chosen file call on, nothing can be written any more."""

FILE_EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree")
"""What the auditing of Python says of files."""

STEPS, AREAS = 3, 2
"""Steps of Gauss-Newton in each area, and the number of areas."""

NAME = "killed"


@dataclass(frozen=True)
class Shot:
    """A signal to be sent: its name, the stage that it shall meet, how the moment is chosen, after how long or at which
    file call, and how often.
    """

    signal: str
    stage: str
    mode: str
    delay: float = 0.0
    call: int = 0
    times: int = 1

    @property
    def number(self) -> int:
        """Number of the signal; 0 for a full disk."""
        return 0 if self.signal == FULL else int(signal.Signals[self.signal])


def recipe(updates: int) -> Recipe:
    """Return a recipe with a stage of every kind, on 12 px digits with four channels."""
    trial = Trial(before=10.0, image=20.0, decision=10.0, after=10.0, baseline=4.0)
    how = Optimisation(lr=1e-3, updates=updates, batch=16, clip=1.0)
    stages = (
        RandomInit(),
        TrainCNN(optimisation=how, augmentation="shift_flip_mixing"),
        Fold(),
        GaussNewton(images=24, steps=STEPS, iterations=2),
        InverseInit(optimisation=how),
        Imitate(optimisation=how),
        TrainSettled(start="gauss_newton", optimisation=how, augmentation="small_affine"),
        TrainDynamics("linear", "inverse", slopes=(1.0,), objective=Objective(trial=trial), optimisation=how),
        TrainDynamics("anneal", "linear", slopes=(0.5, 0.0), objective=Objective(trial=trial), optimisation=how),
        TrainDynamics("warm", "anneal", spontaneous_residual=1e-3, objective=Objective(trial=trial), optimisation=how),
        Train("direct", "random", LastStep(ms=10.0), how, "small_affine"),
    )
    return Recipe(NAME, stages, ModelChoice(image_size=12, width=4))


def note(progress: Path, *words: object) -> None:
    """Append a line to the file of progress, which outlives the process."""
    with open(progress, "ab", buffering=0) as stream:
        stream.write((" ".join(map(str, words)) + "\n").encode())


def watch_progress(progress: Path, calls: "FileCalls") -> None:
    """Write down which stage begins, from which update it goes on, and every update or step that it makes."""
    run_stage, on_start, step = fit._run_stage, CheckpointWriter.on_train_start, loop.TrainingModule.optimizer_step
    newest, after = gauss_newton.StepKeeper.newest, gauss_newton.StepKeeper.after

    def began(recipe: Recipe, stage: Any, *rest: Any) -> Any:
        calls.stage = stage.name
        note(progress, "begin", stage.name)
        return run_stage(recipe, stage, *rest)

    def started(writer: Any, trainer: Any, module: Any) -> None:
        note(progress, "from", trainer.global_step)
        on_start(writer, trainer, module)

    def updated(module: Any, *args: Any, **kwargs: Any) -> None:
        step(module, *args, **kwargs)
        note(progress, "made", module.global_step)

    def found(keeper: Any) -> Any:
        state, at = newest(keeper)
        note(progress, "from", at)
        return state, at

    def stepped(keeper: Any, at: int, state: Any) -> None:
        note(progress, "made", at)
        after(keeper, at, state)

    setattr(fit, "_run_stage", began)  # noqa: B010
    CheckpointWriter.on_train_start = started  # type: ignore[method-assign]
    loop.TrainingModule.optimizer_step = updated  # type: ignore[method-assign]
    gauss_newton.StepKeeper.newest = found  # type: ignore[method-assign]
    gauss_newton.StepKeeper.after = stepped  # type: ignore[method-assign]


class FileCalls:
    """Count the file calls that every stage makes in the folder of the run; disturb the run at a chosen one."""

    def __init__(self, folder: Path, shot: Shot | None) -> None:
        self.folder, self.shot, self.stage, self.full = f"{folder}/", shot, "", False
        self.seen: collections.Counter[str] = collections.Counter()
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python calls before every event that it audits."""
        if event not in FILE_EVENTS or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(arguments[0])
        if not path.startswith(self.folder):
            return
        self.seen[self.stage] += 1
        if self.shot is not None and self._is_due(self.shot):
            number, self.shot = self.shot.number, None
            self.full = not number
            if number:
                os.kill(os.getpid(), number)
        if self.full and _writes(event, arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _is_due(self, shot: Shot) -> bool:
        if self.stage == shot.stage:
            return self.seen[self.stage] >= shot.call
        return bool(self.seen[shot.stage])  # a stage that goes on makes fewer calls


def _writes(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.mkdir", "os.rename")


def train(folder: Path, updates: int, shot: Shot | None) -> int:
    """Train in this process, as the command line does. Returns its exit code."""
    progress = folder.with_name(f"{folder.name}.progress")
    for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
        target = os.open(folder.with_name(f"{folder.name}.{name}"), os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(target, stream.fileno())
    RECIPES.add(NAME, lambda: recipe(updates))
    calls = FileCalls(folder, shot if shot is not None and shot.mode == "file" else None)
    watch_progress(progress, calls)
    code = cordsnet(["train", NAME, "--quiet", "--output", str(folder)])
    if shot is None:
        folder.with_name(f"{folder.name}.calls").write_text(json.dumps(calls.seen))
    return code


def digest(path: Path) -> str:
    """SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def measured(path: Path) -> dict[str, float]:
    """The metrics of a stage, without its share of time."""
    metrics = json.loads(path.read_text())["metrics"] if path.exists() else {}
    return {name: value for name, value in metrics.items() if name not in loop.MACHINE}


def curve(stage: Path) -> Any:
    """The losses of a stage, update by update; None for one that has none."""
    return read_curve(stage, "loss") if list(stage.glob("logs_*")) else None


def names(folder: Path) -> set[str]:
    """Files of a run, without the logs of its attempts."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if not any(part.startswith(("logs_", "tensorboard_")) for part in path.parts)}
