"""`cordsnet bench`: every work on both sides, side by side, in one run."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cordsnet._checks import check_device
from cordsnet._files import write_whole
from cordsnet._version import __version__
from cordsnet.benchmarks.measure import Measurement, gemm_rate, measure
from cordsnet.benchmarks.spectra import SpectrumWork
from cordsnet.benchmarks.works import WORKS, Work
from cordsnet.training.record import commit, processor

AGREEMENT = {"float32": 1e-3, "bfloat16": 3e-2, "float16": 1e-2}
"""Largest relative difference of the two sides' results; a faster wrong answer is not measured."""


def bench(
    works: Sequence[str], repeats: int, device: str = "cpu", report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure the named works (none: all that are meant for the device) and return `{"rows": [...]}`.

    Each side runs in a process of its own, the two in turn, so that neither warms the other's memory. Works that ask
    the same of the reference share its measurement.

    Raises
    ------
    ValueError : an unknown work, fewer than one repetition, or a device that is not there.
    RuntimeError : the two sides disagree, or a measurement fails.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    check_device(device)
    chosen = [WORKS[name] for name in works] or [w for w in map(WORKS.__getitem__, WORKS) if w.device in (None, device)]
    machine, rates = describe_machine(device), {}
    for precision in dict.fromkeys(work.precision for work in chosen):
        rates[precision] = gemm_rate(device, getattr(torch, precision))
    report(
        f"{machine['processor']}, matrix product " + ", ".join(f"{p} {r / 1e9:.0f} GFLOP/s" for p, r in rates.items())
    )
    report(HEADS)
    rows, shared = [], {}
    for work in chosen:
        ours, key = measure(work.name, "ours", repeats, device), work.asks_of_reference()
        if key not in shared:
            shared[key] = measure(work.name, "reference", repeats, device)
        row = _row(work, ours, shared[key], rates[work.precision])
        report(_line(row))
        rows.append(row | {"device": device, "machine": machine})
    return {"rows": rows}


HEADS = (
    f"{'work':<22}{'ours':>9}{'reference':>11}{'ratio':>7}{'of floor':>10}{'memory':>10}{'reference':>11}{'ratio':>7}"
)


def _row(work: Work | SpectrumWork, ours: Measurement, reference: Measurement, rate: float) -> dict[str, Any]:
    apart = abs(ours.value - reference.value) / abs(reference.value)
    if ours.batch == reference.batch and not apart <= AGREEMENT[work.precision]:
        raise RuntimeError(f"work {work.name!r}: the two sides disagree by {apart:.1e}, so neither is worth measuring")
    seconds, beside = statistics.median(ours.seconds), statistics.median(reference.seconds)
    flops = work.flops()
    flops = None if flops is None else flops * ours.batch / work.batch
    counts = ours.applications, reference.applications
    return {
        "work": work.name,
        "precision": work.precision,
        "seconds": seconds,
        "seconds_all": ours.seconds,
        "seconds_first": ours.first,
        "reference_seconds": beside,
        "reference_seconds_all": reference.seconds,
        "reference_seconds_first": reference.first,
        "batch": ours.batch,
        "reference_batch": reference.batch,
        "images_per_second": ours.batch / seconds,
        "reference_images_per_second": reference.batch / beside,
        "ratio": (beside / reference.batch) / (seconds / ours.batch),
        "applications": counts[0],
        "reference_applications": counts[1],
        "applications_ratio": counts[1] / counts[0] if counts[0] and counts[1] else None,
        "flops_per_second": None if flops is None else flops / seconds,
        "floor_fraction": None if flops is None else flops / rate / seconds,
        "gemm_flops_per_second": rate,
        "peak_bytes": ours.peak_bytes,
        "reference_peak_bytes": reference.peak_bytes,
        "memory_ratio": (reference.peak_bytes / reference.batch) / (ours.peak_bytes / ours.batch),
        "difference": apart,
        "residual": ours.residual,
        "reference_residual": reference.residual,
    }


def _line(row: dict[str, Any]) -> str:
    floor = f"{100 * row['floor_fraction']:>8.0f} %" if row["floor_fraction"] else f"{'':>10}"
    line = (
        f"{row['work']:<22}{row['seconds']:>7.2f} s{row['reference_seconds']:>9.2f} s{row['ratio']:>7.1f}{floor}"
        f"{row['peak_bytes'] / 1e6:>7.0f} MB{row['reference_peak_bytes'] / 1e6:>8.0f} MB{row['memory_ratio']:>7.1f}"
    )
    if row["applications_ratio"]:
        line += f"  convolutions {row['applications']} against {row['reference_applications']}"
    if row["residual"] is not None:
        rival = "not all found" if row["reference_residual"] is None else f"{row['reference_residual']:.0e}"
        line += f"  residual {row['residual']:.0e} against {rival}"
    if row["batch"] != row["reference_batch"]:
        line += f"  batch {row['batch']} against {row['reference_batch']}"
    return line


def describe_machine(device: str = "cpu") -> dict[str, Any]:
    """What the numbers were measured on, and with."""
    return {
        "processor": processor() if device == "cpu" else torch.cuda.get_device_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cordsnet": __version__,
        "commit": (commit() or {"hash": "unknown"})["hash"],
    }


def write_json(result: dict[str, Any], path: str | Path) -> None:
    """Write what `bench` returned."""
    write_whole(Path(path), json.dumps(result, indent=1).encode())
