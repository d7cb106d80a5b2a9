"""One measurement in a process of its own: seconds of each repetition, and peak memory over the idle process."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from cordsnet.benchmarks.sides import Done, Side, prepare
from cordsnet.benchmarks.works import WORKS
from cordsnet.dynamics import full_precision

T = TypeVar("T")


@dataclass(frozen=True)
class Measurement:
    """Of one side of one work.

    Attributes
    ----------
    first : seconds of the first run, which pays for spontaneous activity and warms up.
    seconds : of the runs after it.
    peak_bytes : of the first run: on a processor the largest resident memory over that before it, on a GPU the
        largest allocated one. Later runs of a process hold more, which is the C library's doing.
    value : a number that both sides must agree on.
    applications : how often recurrent operators were applied in a run, where that is counted.
    residual : the largest relative one of what an iteration found; None where it found less than asked.
    batch : trials that were run at once: fewer than asked where those did not fit.
    """

    first: float
    seconds: list[float]
    peak_bytes: int
    value: float
    applications: int | None
    batch: int
    residual: float | None = None


def measure(work: str, side: Side, repeats: int, device: str = "cpu") -> Measurement:
    """Measure in a fresh process. Raises RuntimeError, with what it printed, when that process fails."""
    command = [sys.executable, "-m", "cordsnet.benchmarks.measure", work, side, str(repeats), device]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(f"measuring {work!r} ({side}) failed: {said[-1] if said else f'exit {done.returncode}'}")
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def gemm_rate(device: str = "cpu", dtype: torch.dtype = torch.float32, repeats: int = 10) -> float:
    """Best rate of a matrix product, flop/s: what the floor is computed from."""
    size = 2048 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(timed(lambda: a @ b, device)[0] for _ in range(repeats + 1))
    return float(2 * size**3 / best)


def timed(run: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds and result; on a GPU between two events on its stream."""
    if device == "cpu":
        started = time.perf_counter()
        result = run()
        return time.perf_counter() - started, result
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    before.record()
    result = run()
    after.record()
    torch.cuda.synchronize()
    return before.elapsed_time(after) / 1e3, result


def _resident(device: str) -> int:
    """Bytes in use now; on Linux the resident ones, elsewhere the peak so far."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return _peak(device)


def _peak(device: str) -> int:
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def first_that_fits(work: str, side: Side, device: str) -> tuple[Any, int, int, float, Done]:
    """(run, trials, idle bytes, seconds, result) of a first run, with half as many trials until they fit."""
    batch = WORKS[work].batch
    while True:
        try:
            run = prepare(WORKS[work], side, batch, device)
            idle = _resident(device)
            first, done = timed(run, device)
            return run, batch, idle, first, done
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()  # here, where the error no longer holds what did not fit


@full_precision()  # or the two sides would differ by more than they may
def _main(work: str, side: Side, repeats: int, device: str) -> None:
    run, batch, idle, first, done = first_that_fits(work, side, device)
    peak = _peak(device) - idle
    seconds = [timed(run, device)[0] for _ in range(repeats)]
    value = float(done.value.double().norm())
    found = Measurement(first, seconds, peak, value, done.applications, batch, done.residual)
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    _main(sys.argv[1], "ours" if sys.argv[2] == "ours" else "reference", int(sys.argv[3]), sys.argv[4])
