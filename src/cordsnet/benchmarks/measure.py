"""Measure one workload in its own process: seconds per repetition, and peak memory above the idle process."""

import contextlib
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from cordsnet.benchmarks.sides import Run, Side, prepare
from cordsnet.benchmarks.workloads import WORKLOADS
from cordsnet.dynamics import full_precision

T = TypeVar("T")


@dataclass(frozen=True)
class Measurement:
    """Measurement of one side (ours or the reference) of one workload.

    Attributes
    ----------
    first : seconds of the first run, which computes spontaneous activity and warms up.
    seconds : seconds of each of the later runs.
    peak_bytes : peak memory of the first run above the idle process: resident memory on a CPU, allocated memory on a
        GPU. Later runs of a process use more, because the C library keeps freed memory.
    value : a number on which both sides must agree.
    applications : number of applications of recurrent operators in a run, if counted.
    batch : number of trials run at once; less than asked for if those did not fit into memory.
    residual : largest relative residual of an iterative solver; None if it found less than asked for.
    """

    first: float
    seconds: list[float]
    peak_bytes: int
    value: float
    applications: int | None
    batch: int
    residual: float | None = None


def measure(workload: str, side: Side, repeats: int, device: str = "cpu") -> Measurement:
    """Measure in a new process. Raises RuntimeError with the last line of its errors when that process fails."""
    command = [sys.executable, "-m", "cordsnet.benchmarks.measure", workload, side, str(repeats), device]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise RuntimeError(
            f"measuring {workload!r} ({side}) failed: {errors[-1] if errors else f'exit {done.returncode}'}"
        )
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def gemm_rate(device: str = "cpu", dtype: torch.dtype = torch.float32, repeats: int = 10) -> float:
    """Highest measured rate of a matrix product, flop/s. The lower bound on the time of a workload follows from it."""
    size = 2048 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(timed(lambda: a @ b, device)[0] for _ in range(repeats + 1))
    return float(2 * size**3 / best)


def timed(run: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds and result of a call. On a GPU, the time between two events on its stream."""
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


def resident(device: str) -> int:
    """Bytes in use now: allocated on a GPU, resident on Linux, and the peak so far on other systems.

    The peak starts again from here; where the system does not allow that, `peak` is that of the whole process.
    """
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return peak(device)


def peak(device: str) -> int:
    """Largest number of bytes in use since `resident` was called.

    On Linux it is read from the status of the process, since that of `getrusage` begins with what the process that
    started it had in use.
    """
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.is_file() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def first_run_that_fits(
    make: Callable[[int], Callable[[], T]], batch: int, device: str
) -> tuple[Callable[[], T], int, int, float, T]:
    """Make the first run, halving the number of trials until they fit into memory.

    Parameters
    ----------
    make : number of trials -> the run.
    batch : number of trials to begin with.
    device : "cpu" or "cuda".

    Returns
    -------
    The run, its number of trials, the bytes in use before it, its seconds and its result.
    """
    while True:
        try:
            run = make(batch)
            idle = resident(device)
            first, done = timed(run, device)
            return run, batch, idle, first, done
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()  # not in the except block, where the error still references the tensors


@full_precision()  # with TF32 the two sides would differ by more than MAX_DIFFERENCE
def _main(workload: str, side: Side, repeats: int, device: str) -> None:
    work = WORKLOADS[workload]

    def make(batch: int) -> Run:
        return prepare(work, side, batch, device)

    run, batch, idle, first, done = first_run_that_fits(make, work.batch, device)
    above = peak(device) - idle
    seconds = [timed(run, device)[0] for _ in range(repeats)]
    value = float(done.value.double().norm())
    found = Measurement(first, seconds, above, value, done.applications, batch, done.residual)
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    _main(sys.argv[1], "ours" if sys.argv[2] == "ours" else "reference", int(sys.argv[3]), sys.argv[4])
