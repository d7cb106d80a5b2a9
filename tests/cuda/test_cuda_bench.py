"""`cordsnet bench --device cuda`, with small workloads."""

import contextlib
import io
import json

import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU

from cordsnet.benchmarks import measure as measuring
from cordsnet.benchmarks import run as bench_run
from cordsnet.benchmarks.scaling import Case, _measure
from cordsnet.benchmarks.spectra import SpectrumWorkload
from cordsnet.benchmarks.workloads import WORKLOADS, Workload
from cordsnet.cli import main

pytestmark = NEEDS_GPU

TINY = (
    Workload("tiny_inference", "cordsnet_r2_small", 4, "inference"),
    Workload("tiny_training", "cordsnet_r2_small", 4, "training"),
    Workload("tiny_budget", "cordsnet_r2_small", 4, "training", memory="8MB", recompute=True),
    Workload("tiny_bf16", "cordsnet_r2_small", 4, "training", precision="bfloat16", device=DEVICE),
    Workload("tiny_steady", "cordsnet_r2_small", 2, "steady_state"),
    SpectrumWorkload("tiny_arpack", 6, 7, "arpack", tol=1e-4),
    SpectrumWorkload("tiny_arnoldi", 6, 7, "arnoldi", tol=1e-4),
)


def here(work, side, repeats, device):
    """As `measure`, in this process, whose GPU is awake already."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        measuring._main(work, side, repeats, device)
    return measuring.Measurement(**json.loads(said.getvalue()))


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("work", TINY, ids=lambda work: work.name)
def test_both_sides_agree_and_are_measured(work, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(WORKLOADS._entries, work.name, work)
    monkeypatch.setattr(bench_run, "measure", here)
    words = ["bench", work.name, "--device", DEVICE, "--repeats", "2", "--output", str(tmp_path / "rows.json")]
    assert main(words) == 0
    assert work.name in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["device"] == DEVICE
    assert row["difference"] <= bench_run.MAX_DIFFERENCE[work.precision]
    assert len(row["seconds_all"]) == 2
    assert min(row["seconds_all"] + row["reference_seconds_all"]) > 0
    if DEVICE == "cuda":
        assert torch.cuda.get_device_name() == row["machine"]["processor"]
        assert row["peak_bytes"] > 0
        assert row["reference_peak_bytes"] > 0


def test_half_as_many_trials_are_run_where_all_do_not_fit():
    work = Workload("tiny_large", "cordsnet_r2_small", 8, "inference")

    def full(batch):
        if batch > 2:
            raise torch.OutOfMemoryError("full")
        return measuring.prepare(work, "ours", batch, DEVICE)

    assert measuring.first_run_that_fits(full, work.batch, DEVICE)[1] == 2


def test_scaling_is_measured_on_the_gpu():
    row = _measure(Case("steps", steps=5, batch=2, size=32), DEVICE, 1)
    assert row["seconds"] > 0
    assert row["flops"] > 0
