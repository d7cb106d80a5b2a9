"""Trials per second on one core, ours in pixels and in vectors beside those of neurogym in vectors, as a table.

    python benchmarks/trials.py                                       # ours alone
    python benchmarks/trials.py --neurogym PYTHON                     # an interpreter with neurogym (2.3.1) beside it
    python benchmarks/trials.py --neurogym PYTHON --frame-ms 100      # the step of neurogym's own settings

Both make trials of the same periods, so of as many steps; a step is a frame. A trial of ours has inputs, targets,
masks, conditions and answers; one of neurogym has observations and targets. Ours come from `Task.sample`, 100 at once.
Those of neurogym come from `env.new_trial()` or from `Dataset`, 100 trials' worth of steps at once, whichever is
faster. Sides take turns, each in processes of their own with one thread; a rate is trials per second of the processor.
The exit status is 1 if a trial in pixels, of any size, is slower to make than one of neurogym in vectors.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

SECONDS, BATCH = 0.5, 100
PART = "--part"

PAIRS: dict[str, tuple[str, dict[str, int], dict[str, int]]] = {
    "random_dots": ("PerceptualDecisionMaking-v0", {}, {}),
    "match_to_sample": ("DelayMatchSample-v0", {}, {}),
    "go_nogo": ("GoNogo-v0", {}, {}),
    "parametric_memory": ("DelayComparison-v0", {}, {}),
    "context_decision": ("ContextDecisionMaking-v0", {"stimulus": 800, "delay": 600}, {"stimulus": 800, "delay": 600}),
    "multisensory": ("MultiSensoryIntegration-v0", {}, {"fixation": 100, "stimulus": 800, "decision": 600}),
}
"""Task -> environment of neurogym, and periods in ms of ours and of it where they differ from their own."""


def rate(make: Callable[[], int]) -> float:
    """Trials per second of the processor; `make` makes some and returns how many."""
    make()
    made, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SECONDS:
        made += make()
    return made / spent


def ours(name: str, frame_ms: float, size: int) -> dict[str, float]:
    """Steps of a trial of ours, and trials per second; in vectors where `size` is 0."""
    import itertools

    import torch

    from cordsnet.tasks import create_task

    torch.set_num_threads(1)
    shown: dict[str, Any] = {"rendering": "image", "image_size": size} if size else {}
    task = create_task(name, frame_ms=frame_ms, timing=PAIRS[name][1], **shown)
    seeds = itertools.count()
    return {"steps": task.sample(1).frames, "rate": rate(lambda: len(task.sample(BATCH, next(seeds))))}


def neurogym(name: str, frame_ms: float) -> dict[str, float]:
    """Steps of a trial of neurogym, and trials per second, one by one or as a data set."""
    warnings.filterwarnings("ignore")
    import neurogym as ngym

    environment, _, timing = PAIRS[name]
    env = ngym.make(environment, dt=round(frame_ms), timing=timing).unwrapped
    env.seed(0)
    env.new_trial()
    steps = len(env.gt)
    data = ngym.Dataset(ngym.make(environment, dt=round(frame_ms), timing=timing), batch_size=BATCH, seq_len=steps)

    def alone() -> int:
        env.new_trial()
        return 1

    def together() -> int:
        data()
        return BATCH

    return {"steps": steps, "rate": max(rate(alone), rate(together))}


def apart(python: str, words: list[Any]) -> dict[str, float]:
    """Steps and trials per second, measured in a process of another interpreter."""
    command = [python, __file__, PART, json.dumps(words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - itself
    if done.returncode:
        raise RuntimeError(f"{words} failed: {(done.stderr.strip().splitlines() or ['nothing was said'])[-1]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def row(name: str, options: argparse.Namespace) -> bool:
    """Print the row of a task; True unless pixels are slower than neurogym."""
    sides = {size: [] for size in (0, *options.sizes)} | ({None: []} if options.neurogym else {})
    steps = set()
    for _ in range(options.rounds):  # sides take turns, so that both meet the same other work of the machine
        for side, rates in sides.items():
            python = options.neurogym if side is None else sys.executable
            found = apart(python, [name, options.frame_ms] if side is None else [name, options.frame_ms, side])
            rates.append(found["rate"])
            steps.add(found["steps"])
    if len(steps) > 1:
        raise RuntimeError(f"trials of {name!r} must have as many steps on both sides, got {sorted(steps)}")
    middles = {side: statistics.median(rates) for side, rates in sides.items()}
    cells = [f"{middles[side]:,.0f}" for side in (0, *options.sizes)]
    good = True
    if options.neurogym:
        pairs = {size: [a / b for a, b in zip(sides[size], sides[None], strict=True)] for size in options.sizes}
        cells.append(f"{middles[None]:,.0f}")
        cells += [f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in pairs.values()]
        good = all(statistics.median(one) >= 1 for one in pairs.values())
    print(f"| {name} | {steps.pop()} | " + " | ".join(cells) + " |", flush=True)
    return good


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", help=f"of {', '.join(PAIRS)}")
    parser.add_argument("--neurogym", help="Python interpreter of an environment in which neurogym is installed")
    parser.add_argument("--frame-ms", type=float, default=20.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64], help="of movies, px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(PART, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        words = json.loads(options.part)
        print(json.dumps(neurogym(*words) if len(words) == 2 else ours(*words)))
        return 0
    if unknown := sorted(set(options.tasks) - set(PAIRS)):
        parser.error(f"no task {unknown[0]!r}; there are {', '.join(PAIRS)}")
    heads = ["task", "steps", "ours, vectors", *(f"ours, {size} px" for size in options.sizes)]
    if options.neurogym:
        heads += ["neurogym, vectors", *(f"{size} px / neurogym" for size in options.sizes)]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    return int(not min([row(name, options) for name in options.tasks or PAIRS]))


if __name__ == "__main__":
    sys.exit(main())
