"""Kill, stop and interrupt a training run at random moments, and check that it ends as if nothing had happened.

    python benchmarks/kills.py [--seconds S] [--seed N] [--kills K] [--updates U] [--stages NAME ...] [--json FILE]

A tiny recipe goes through every kind of stage. Each attempt at it is a process that gets SIGKILL, SIGTERM, SIGINT or
SIGUSR1: while it starts, at a random time of a stage, while a file is being written, or right before a random file is
opened, renamed or removed. Then the run is started again. A run that has had its kills must end with the weights, bit
for bit, and the files of the run that nobody disturbed; no more updates may be lost than lie between two checkpoints,
and none after a signal that can be answered. Prints a table with a row for each stage and signal.
"""

import argparse
import collections
import hashlib
import importlib
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

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
from cordsnet.training.stages import gauss_newton

fit = importlib.import_module("cordsnet.training.fit")  # the module, for the package has a function of that name
for slow in ("sklearn.datasets", "kornia.augmentation", "cordsnet.cli.training"):  # once, not in every attempt
    importlib.import_module(slow)

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGUSR1")
MODES = ("start", "time", "write", "file")
"""When a signal is sent: after the start, in the course of a stage, while a file is written, before a file call."""

FILE_EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree")
"""What the auditing of Python says of files."""

NAME = "killed"
STEPS, AREAS = 3, 2
"""Steps of Gauss-Newton in each area, and the number of areas."""

LONGEST_ATTEMPT = 300.0
"""Seconds after which an attempt counts as one that hangs."""


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


# --- the process that trains ------------------------------------------------------------------------------------------
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
    """Count the file calls that every stage makes in the folder of the run; send a signal before a chosen one."""

    def __init__(self, folder: Path, shot: "Shot | None") -> None:
        self.folder, self.shot, self.stage = str(folder), shot, ""
        self.seen: collections.Counter[str] = collections.Counter()
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python calls before every event that it audits."""
        if event not in FILE_EVENTS or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        if not os.fsdecode(arguments[0]).startswith(self.folder):
            return
        self.seen[self.stage] += 1
        shot = self.shot
        if shot is None:
            return
        after = self.stage != shot.stage and self.seen[shot.stage]  # a stage that goes on makes fewer calls
        if after or (self.stage == shot.stage and self.seen[self.stage] == shot.call):
            self.shot = None
            os.kill(os.getpid(), shot.number)


def train(folder: Path, updates: int, shot: "Shot | None") -> int:
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


# --- the process that kills -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Shot:
    """A signal to be sent: its name, the stage that it shall meet, how the moment is chosen, and after how long or at
    which file call.
    """

    signal: str
    stage: str
    mode: str
    delay: float = 0.0
    call: int = 0

    @property
    def number(self) -> int:
        """Number of the signal."""
        return int(signal.Signals[self.signal])


@dataclass
class Row:
    """What came of the signals of one kind in one stage."""

    kills: int = 0
    lost: int = 0
    runs: set[str] = field(default_factory=set)


class Killer:
    """Runs the recipe again and again, disturbs it, and compares what it ends with to an undisturbed run."""

    def __init__(self, root: Path, options: argparse.Namespace) -> None:
        self.root, self.updates, self.kills = root, options.updates, options.kills
        self.draw = random.Random(options.seed)  # noqa: S311
        self.pending: tuple[Row, int, str] | None = None  # a signal of which the loss is not known yet, and the most
        self.rows: dict[tuple[str, str], Row] = collections.defaultdict(Row)
        self.faults: list[str] = []
        self.equal: dict[str, set[str]] = {}
        self.reference = root / "undisturbed"
        code, _ = self.attempt(self.reference, None)
        if code:
            raise SystemExit(f"the undisturbed run fails: {self.said(self.reference)}")
        self.seconds = self._durations()
        self.calls = json.loads(self.reference.with_name("undisturbed.calls").read_text())
        self.stages = options.stages or list(self.seconds)

    def said(self, folder: Path) -> str:
        """What the last attempt wrote on its standard error."""
        return folder.with_name(f"{folder.name}.err").read_text()

    def progress(self, folder: Path) -> list[list[str]]:
        """Lines of the file of progress, as words."""
        path = folder.with_name(f"{folder.name}.progress")
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def _durations(self) -> dict[str, float]:
        """Stage -> seconds that it took undisturbed."""
        names = [path.parent.name for path in sorted(self.reference.glob("*/result.json"), key=os.path.getmtime)]
        return {
            name: float(json.loads((self.reference / name / "result.json").read_text())["seconds"]) for name in names
        }

    def attempt(self, folder: Path, shot: Shot | None) -> tuple[int, bool]:
        """Start the run in a process of its own, and send it a signal. Returns its exit code, and whether it was sent."""
        known, process = len(self.progress(folder)), os.fork()
        if process == 0:
            code = 99
            try:
                code = train(folder, self.updates, shot)
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                sys.stderr.flush()
                os._exit(code)
        sent, until = False, time.monotonic() + LONGEST_ATTEMPT
        moment = None if shot is None else self._moments(folder, shot, known)
        while True:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status), sent or (shot is not None and shot.mode == "file")
            if moment is not None and not sent and next(moment):
                os.kill(process, shot.number if shot else 0)
                sent = True
            if time.monotonic() > until:
                self.faults.append(f"{shot}: the process hangs")
                os.kill(process, signal.SIGKILL)
                until += LONGEST_ATTEMPT
            time.sleep(0.001)

    def _moments(self, folder: Path, shot: Shot, known: int) -> Iterator[bool]:
        """True once, when the signal shall be sent."""
        start = time.monotonic()
        if shot.mode != "start":
            while ["begin", shot.stage] not in self.progress(folder)[known:]:
                yield False
            start = time.monotonic()
        if shot.mode == "write":
            while not self._writing(folder, shot.stage) and self._last(folder)[0] == shot.stage:
                yield False
            start = time.monotonic()
        while time.monotonic() - start < shot.delay:
            yield False
        yield shot.mode != "file"
        while True:
            yield False

    @staticmethod
    def _writing(folder: Path, stage: str) -> bool:
        places = (folder / stage / "checkpoints", folder / stage, folder)
        return any(name.endswith(".part") for place in places if place.is_dir() for name in os.listdir(place))

    def run(self, name: str, until: float) -> None:
        """One run with its kills in every chosen stage, then to its end, then compared."""
        folder, met = self.root / name, collections.Counter[str]()
        self.pending = None
        while time.monotonic() < until:
            current = self._next(folder, met)
            if current is None:
                break
            shot, before, known = self._shot(current), self._last(folder), len(self.progress(folder))
            code, sent = self.attempt(folder, shot)
            self._judge_loss(folder, name, before, known)
            self._judge_end(folder, name, shot, known, code, sent)
            met[current] += 1
        before, known = self._last(folder), len(self.progress(folder))
        code, _ = self.attempt(folder, None)
        self._judge_loss(folder, name, before, known)
        if code or self.said(folder):
            self.faults.append(f"{name}: the last attempt ends with {code} and says {self.said(folder)!r}")
        self._compare(folder, name)

    def _next(self, folder: Path, met: "collections.Counter[str]") -> str | None:
        """The first stage that is neither finished nor has had its kills."""
        for stage in self.stages:
            if not (folder / stage / "result.json").exists() and met[stage] < self.kills:
                return stage
        return None

    def _shot(self, stage: str) -> Shot:
        kind, mode = self.draw.choice(SIGNALS), self.draw.choice(MODES)
        longest = {"start": 0.5, "time": 1.1 * self.seconds[stage], "write": 0.004, "file": 0.0}[mode]
        call = self.draw.randint(1, max(1, self.calls.get(stage, 1)))
        return Shot(kind, stage, mode, self.draw.uniform(0, longest), call)

    def _last(self, folder: Path) -> tuple[str, int]:
        """The stage that was under way last, and the number of updates that it had made, whether saved or not."""
        stage, made = "", 0
        for word, value in self.progress(folder):
            if word == "begin" and value != stage:
                stage, made = value, 0
            elif word in ("made", "from"):
                made = int(value)
        return stage, made

    def _judge_end(self, folder: Path, name: str, shot: Shot, known: int, code: int, sent: bool) -> None:
        """Count a signal that ended an attempt, in the stage that it met."""
        stage, said = self._last(folder)[0] or shot.stage, self.said(folder).strip()
        if code not in (-shot.number, 128 + shot.number):
            if code:
                self.faults.append(f"{name}, {shot}: ended with {code} and said {said!r}")
            return
        row = self.rows[stage, shot.signal]
        row.kills += 1
        row.runs.add(name)
        if "Traceback" in said or "\n" in said:
            self.faults.append(f"{name}, {shot} in {stage}: said {said!r}")
        if self.pending is None or any(word == "made" for word, _ in self.progress(folder)[known:]):
            self.pending = row, 0 if "which is saved" in said else self.every(stage), f"{name}, {shot} in {stage}"

    def every(self, stage: str) -> int:
        """Updates or steps between two checkpoints of a stage, as `training/checkpoints.py` states them."""
        return math.ceil((AREAS * STEPS if stage == "gauss_newton" else self.updates) / 5)

    def _judge_loss(self, folder: Path, name: str, before: tuple[str, int], known: int) -> None:
        """How many updates an attempt has to make again, noted for the signal that ended the one before it."""
        stage, made = before
        if self.pending is None:
            return
        current = ""
        for word, value in self.progress(folder)[known:]:
            current = value if word == "begin" else current
            if word == "from" and current == stage:
                row, allowed, what = self.pending
                lost = max(0, made - int(value))
                row.lost = max(row.lost, lost)
                if lost > allowed:
                    self.faults.append(f"{what}: {lost} updates lost, of {made}; at most {allowed} may be")
                break
        else:
            if current in ("", stage):  # killed before it came to go on
                return
        self.pending = None

    def _compare(self, folder: Path, name: str) -> None:
        """Compare weights, metrics and names of files with those of the undisturbed run."""
        for stage in self.seconds:
            files = [run / stage / "model.safetensors" for run in (self.reference, folder)]
            same = len({digest(path) for path in files}) == 1
            self.equal.setdefault(stage, set()).update([name] if same else [])
            wanted, found = (measured(run / stage / "result.json") for run in (self.reference, folder))
            if not same or wanted != found:
                self.faults.append(f"{name}: {stage} ends with other {'metrics' if same else 'weights'}")
        more = names(folder) ^ names(self.reference)
        if more:
            self.faults.append(f"{name}: files that only one of the two runs has: {', '.join(sorted(more))}")
        if not self.faults:
            shutil.rmtree(folder)

    def table(self) -> list[dict[str, Any]]:
        """Rows of the table, in the order of the stages."""
        order = {stage: k for k, stage in enumerate(self.seconds)}
        return [
            {
                "stage": stage,
                "signal": kind,
                "kills": row.kills,
                "updates lost at most": row.lost,
                "runs with equal bits": f"{len(row.runs & self.equal.get(stage, set()))} of {len(row.runs)}",
            }
            for (stage, kind), row in sorted(self.rows.items(), key=lambda one: (order.get(one[0][0], -1), one[0][1]))
        ]


def digest(path: Path) -> str:
    """SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def measured(path: Path) -> dict[str, float]:
    """The metrics of a stage, without its share of time."""
    metrics = json.loads(path.read_text())["metrics"] if path.exists() else {}
    return {name: value for name, value in metrics.items() if name != loop.WAITING}


def names(folder: Path) -> set[str]:
    """Files of a run, without the logs of its attempts."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if not any(part.startswith(("logs_", "tensorboard_")) for part in path.parts)}


def main() -> int:
    """Kill runs until the time is over, and print what came of it. Returns the number of faults, at most 99."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no attempt to be killed after this time")
    parser.add_argument("--seed", type=int, default=0, help="of signals and moments")
    parser.add_argument("--kills", type=int, default=4, help="in each stage of a run")
    parser.add_argument("--updates", type=int, default=10, help="of each stage that is trained")
    parser.add_argument("--stages", nargs="*", default=[], help="to disturb; default: all")
    parser.add_argument("--runs", type=int, default=1000, help="at most")
    parser.add_argument("--folder", type=Path, default=None, help="where to; default: one that is removed at the end")
    parser.add_argument("--json", type=Path, default=None, help="file for the table and the faults")
    options = parser.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as temporary:
        killer = Killer(options.folder or Path(temporary), options)
        for number in range(options.runs):
            if time.monotonic() > until:
                break
            killer.run(f"run_{number}", until)
            print(f"run_{number}: {sum(row.kills for row in killer.rows.values())} kills", file=sys.stderr, flush=True)
    rows = killer.table()
    heads = list(rows[0]) if rows else []
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")
    for fault in killer.faults:
        print(f"fault: {fault}")
    print(f"{sum(row['kills'] for row in rows)} kills, {len(killer.faults)} faults")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "faults": killer.faults}, indent=1))
    return min(len(killer.faults), 99)


if __name__ == "__main__":
    sys.exit(main())
