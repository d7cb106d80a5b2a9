"""Kill, stop and interrupt a training run at random moments, and check that it ends as if nothing had happened.

    python benchmarks/kills.py [--seconds S] [--seed N] [--kills K] [--updates U] [--stages NAME ...] [--json FILE]

A tiny recipe goes through every kind of stage. Each attempt at it is a process that gets SIGKILL, SIGTERM, SIGINT or
SIGUSR1: while it starts, at a random time of a stage, while a file is being written, or right before a random file is
opened, renamed or removed; or from such a moment on its disk is full. Then the run is started again. A run that has had
its kills must end with the weights, bit for bit, and the files and losses of the run that nobody disturbed; no more
updates may be lost than lie between two checkpoints, and none after a signal that was answered. Prints a table with a
row for each stage and signal.
"""

import argparse
import collections
import json
import math
import os
import random
import re
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
from kills_run import AREAS, FULL, STEPS, Shot, curve, digest, measured, names, train

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGUSR1")
MODES = ("start", "time", "write", "file")
"""When a signal is sent: after the start, in the course of a stage, while a file is written, before a file call."""

FULL_SENTENCE = (
    r"^cordsnet: error: .*/\S+ cannot be written \(No space left on device, [\d.]+ \w+ are free there\); free"
)
"""What a run says when its disk is full."""

LONGEST_ATTEMPT = 300.0
"""Seconds after which an attempt counts as one that hangs."""


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
        """Start the run in a process of its own, and send it a signal. Returns its exit code, and if it was sent."""
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
            if shot is not None and moment is not None and not sent and next(moment):
                for _ in range(shot.times):
                    os.kill(process, shot.number)
                    time.sleep(0.02 * (shot.times - 1))
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
        kind, mode = self.draw.choice((*SIGNALS, FULL)), self.draw.choice(MODES)
        mode = "file" if kind == FULL else mode
        times = self.draw.choice((1, 2)) if kind == "SIGINT" else 1
        longest = {"start": 0.5, "time": 1.1 * self.seconds[stage], "write": 0.004, "file": 0.0}[mode]
        call = self.draw.randint(1, max(1, self.calls.get(stage, 1)))
        return Shot(kind, stage, mode, self.draw.uniform(0, longest), call, times)

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
        if shot.signal == FULL and code == 2 and re.search(FULL_SENTENCE, said.splitlines()[-1]):
            said = said.splitlines()[-1]  # after warnings of checkpoints that could not be written
        elif shot.signal == FULL or code not in (-shot.number, 128 + shot.number):
            if code:
                self.faults.append(f"{name}, {shot}: ended with {code} and said {said!r}")
            return
        row = self.rows[stage, shot.signal]
        row.kills += 1
        row.runs.add(name)
        if "Traceback" in said or "\n" in said:
            self.faults.append(f"{name}, {shot} in {stage}: said {said!r}")
        if self.pending is None or any(word == "made" for word, _ in self.progress(folder)[known:]):
            most = 0 if "which is saved" in said else self.every(stage)
            self.pending = row, self.updates if shot.signal == FULL else most, f"{name}, {shot} in {stage}"

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
            if curve(self.reference / stage) != curve(folder / stage):
                self.faults.append(f"{name}: {stage} has another curve of the loss")
        more = names(folder) ^ names(self.reference)
        if more:
            self.faults.append(f"{name}: files that only one of the two runs has: {', '.join(sorted(more))}")
        if not any(fault.startswith(name) for fault in self.faults):
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
