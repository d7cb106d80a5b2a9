"""`cordsnet bench`: every work on both sides, side by side, in one run."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from cordsnet._files import write_whole
from cordsnet._version import __version__
from cordsnet.benchmarks.measure import Measurement, gemm_rate, measure
from cordsnet.benchmarks.works import WORKS

AGREEMENT = 1e-3
"""Largest relative difference of the two sides' results, in float32; a faster wrong answer is not measured."""


def bench(works: Sequence[str], repeats: int, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure the named works and return `{"rows": [...]}`, one row per work.

    Each side runs in a process of its own, the two in turn, so that neither warms the other's memory.

    Raises
    ------
    ValueError : an unknown work, or fewer than one repetition.
    RuntimeError : the two sides disagree, or a measurement fails.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    for name in works:
        WORKS[name]
    rate, machine = gemm_rate(), describe_machine()
    report(f"{machine['processor']}, {machine['cores']} cores, matrix product {rate / 1e9:.0f} GFLOP/s")
    report(HEADS)
    rows = []
    for name in works:
        ours, reference = measure(name, "ours", repeats), measure(name, "reference", repeats)
        row = _row(name, ours, reference, rate) | {"machine": machine, "gemm_flops_per_second": rate}
        report(_line(row))
        rows.append(row)
    return {"rows": rows}


HEADS = (
    f"{'work':<22}{'ours':>9}{'reference':>11}{'ratio':>7}{'of floor':>10}{'memory':>10}{'reference':>11}{'ratio':>7}"
)


def _row(name: str, ours: Measurement, reference: Measurement, rate: float) -> dict[str, Any]:
    apart = abs(ours.value - reference.value) / abs(reference.value)
    if not apart <= AGREEMENT:
        raise RuntimeError(f"work {name!r}: the two sides disagree by {apart:.1e}, so neither is worth measuring")
    seconds, beside = statistics.median(ours.seconds), statistics.median(reference.seconds)
    return {
        "work": name,
        "seconds": seconds,
        "seconds_all": ours.seconds,
        "seconds_first": ours.first,
        "reference_seconds": beside,
        "reference_seconds_all": reference.seconds,
        "ratio": beside / seconds,
        "floor_fraction": WORKS[name].flops() / rate / seconds,
        "peak_bytes": ours.peak_bytes,
        "reference_peak_bytes": reference.peak_bytes,
        "memory_ratio": reference.peak_bytes / ours.peak_bytes,
        "difference": apart,
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['work']:<22}{row['seconds']:>7.2f} s{row['reference_seconds']:>9.2f} s{row['ratio']:>7.1f}"
        f"{100 * row['floor_fraction']:>8.0f} %{row['peak_bytes'] / 1e6:>7.0f} MB"
        f"{row['reference_peak_bytes'] / 1e6:>8.0f} MB{row['memory_ratio']:>7.1f}"
    )


def describe_machine() -> dict[str, Any]:
    """What the numbers were measured on, and with."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cordsnet": __version__,
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(info) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        yield from path.read_text().splitlines()


def _commit() -> str:
    """Commit of the checkout that the package runs from, or "unknown" outside one."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True)  # noqa: S607
    except OSError:
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def write_json(result: dict[str, Any], path: str | Path) -> None:
    """Write what `bench` returned."""
    write_whole(Path(path), json.dumps(result, indent=1).encode())
