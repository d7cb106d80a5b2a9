"""`cordsnet bench`: measure workloads with the package and with the reference, and compare them."""

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
from cordsnet.benchmarks.floor import floor_seconds
from cordsnet.benchmarks.measure import Measurement, gemm_rate, measure
from cordsnet.benchmarks.workloads import WORKLOADS, AnyWorkload, Workload
from cordsnet.training.record import commit, processor

MAX_DIFFERENCE = {"float32": 1e-3, "bfloat16": 3e-2, "float16": 1e-2}
"""Largest relative difference between the results of the two sides that is accepted, by precision."""


def bench(
    workloads: Sequence[str], repeats: int, device: str = "cpu", report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure workloads on both sides and return `{"rows": [...]}`.

    The floor is the time that the convolutions of a workload take alone, in the fastest way that the library has for
    each, measured in the same run (`cordsnet.benchmarks.floor`). Each side runs in its own process, one after the
    other, so that they do not affect each other's memory. Workloads that need the same computation of the reference
    share its measurement.

    Parameters
    ----------
    workloads : names of the workloads; empty for all those of the device.
    repeats : number of timed runs per side, after a first one.
    device : "cpu" or "cuda".
    report : called with every line of the table.

    Raises
    ------
    ValueError : a workload is unknown, `repeats` is less than 1, or the device is not available.
    RuntimeError : the two sides disagree, or a measurement fails.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    check_device(device)
    every = [WORKLOADS[name] for name in WORKLOADS]
    chosen = [WORKLOADS[name] for name in workloads] or [one for one in every if one.device in (None, device)]
    machine, rates = describe_machine(device), {}
    for precision in dict.fromkeys(workload.precision for workload in chosen):
        rates[precision] = gemm_rate(device, getattr(torch, precision))
    report(
        f"{machine['processor']}, matrix product " + ", ".join(f"{p} {r / 1e9:.0f} GFLOP/s" for p, r in rates.items())
    )
    report(HEADER)
    rows, shared, floors = [], {}, {}
    for workload in chosen:
        ours, key = measure(workload.name, "ours", repeats, device), workload.reference_key()
        if key not in shared:
            shared[key] = measure(workload.name, "reference", repeats, device)
        if (ours.batch, key) not in floors:
            floors[ours.batch, key] = _floor(workload, ours.batch, device)
        row = _row(workload, ours, shared[key], rates[workload.precision], floors[ours.batch, key])
        report(_line(row))
        rows.append(row | {"device": device, "machine": machine})
    return {"rows": rows}


HEADER = (
    f"{'work':<22}{'ours':>9}{'reference':>11}{'ratio':>7}{'of floor':>10}{'memory':>10}{'reference':>11}{'ratio':>7}"
)


def _floor(workload: AnyWorkload, batch: int, device: str) -> float | None:
    """Shortest seconds for the convolutions of a workload, measured now; None where their number is unknown."""
    steps = workload.steps() if isinstance(workload, Workload) else None
    if not isinstance(workload, Workload) or steps is None:
        return None
    return floor_seconds(workload.network(), batch, *steps, device, getattr(torch, workload.precision))


def _row(
    workload: AnyWorkload, ours: Measurement, reference: Measurement, rate: float, floor: float | None
) -> dict[str, Any]:
    difference = abs(ours.value - reference.value) / abs(reference.value)
    if ours.batch == reference.batch and not difference <= MAX_DIFFERENCE[workload.precision]:
        raise RuntimeError(
            f"workload {workload.name!r}: the results of the two sides differ by {difference:.1e}, more than "
            f"{MAX_DIFFERENCE[workload.precision]:g}, so their times cannot be compared"
        )
    seconds, reference_seconds = statistics.median(ours.seconds), statistics.median(reference.seconds)
    flops = workload.flops()
    flops = None if flops is None else flops * ours.batch / workload.batch
    counts = ours.applications, reference.applications
    return {
        "work": workload.name,
        "precision": workload.precision,
        "seconds": seconds,
        "seconds_all": ours.seconds,
        "seconds_first": ours.first,
        "reference_seconds": reference_seconds,
        "reference_seconds_all": reference.seconds,
        "reference_seconds_first": reference.first,
        "batch": ours.batch,
        "reference_batch": reference.batch,
        "images_per_second": ours.batch / seconds,
        "reference_images_per_second": reference.batch / reference_seconds,
        "ratio": (reference_seconds / reference.batch) / (seconds / ours.batch),
        "applications": counts[0],
        "reference_applications": counts[1],
        "applications_ratio": counts[1] / counts[0] if counts[0] and counts[1] else None,
        "flops_per_second": None if flops is None else flops / seconds,
        # a run that takes less than anything measured alone is itself the fastest
        "floor_seconds": None if floor is None else min(floor, *ours.seconds, seconds),
        "floor_fraction": None if floor is None else min(floor, *ours.seconds, seconds) / seconds,
        "gemm_flops_per_second": rate,
        "peak_bytes": ours.peak_bytes,
        "reference_peak_bytes": reference.peak_bytes,
        "memory_ratio": (reference.peak_bytes / reference.batch) / (ours.peak_bytes / ours.batch),
        "difference": difference,
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
        found = "not all found" if row["reference_residual"] is None else f"{row['reference_residual']:.0e}"
        line += f"  residual {row['residual']:.0e} against {found}"
    if row["batch"] != row["reference_batch"]:
        line += f"  batch {row['batch']} against {row['reference_batch']}"
    return line


def describe_machine(device: str = "cpu") -> dict[str, Any]:
    """Describe the machine and the software of a measurement."""
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
    """Write the result of `bench` to a JSON file."""
    write_whole(Path(path), json.dumps(result, indent=1).encode())
