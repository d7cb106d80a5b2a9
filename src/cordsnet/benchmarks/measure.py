"""One measurement in a process of its own: seconds of each repetition, and peak memory over the idle process."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cordsnet.benchmarks.works import WORKS, Side


@dataclass(frozen=True)
class Measurement:
    """Of one side of one work.

    Attributes
    ----------
    first : seconds of the first run, which pays for spontaneous activity and warms up.
    seconds : of the runs after it.
    peak_bytes : largest resident memory over that before the first run.
    value : a number that both sides must agree on.
    """

    first: float
    seconds: list[float]
    peak_bytes: int
    value: float


def measure(work: str, side: Side, repeats: int) -> Measurement:
    """Measure in a fresh process. Raises RuntimeError, with what it printed, when that process fails."""
    command = [sys.executable, "-m", "cordsnet.benchmarks.measure", work, side, str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"measuring {work!r} ({side}) failed: {done.stderr.strip().splitlines()[-1]}")
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def gemm_rate(size: int = 2048, repeats: int = 5) -> float:
    """Best rate of a float32 matrix product, flop/s: what the floor is computed from."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = min(_timed(lambda: a @ b)[0] for _ in range(repeats + 1))
    return float(2 * size**3 / best)


def _timed(run: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def _resident() -> int:
    """Resident bytes now, on Linux; elsewhere the peak so far."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return _peak()


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _main(work: str, side: Side, repeats: int) -> None:
    run = WORKS[work].prepare(side)
    idle = _resident()
    first, value = _timed(run)
    seconds = [_timed(run)[0] for _ in range(repeats)]
    number = float(value.double().norm())
    print(json.dumps({"first": first, "seconds": seconds, "peak_bytes": _peak() - idle, "value": number}))


if __name__ == "__main__":
    _main(sys.argv[1], "ours" if sys.argv[2] == "ours" else "reference", int(sys.argv[3]))
