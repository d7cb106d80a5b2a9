"""`cordsnet bench` measures both sides, and refuses to compare them when their results differ."""

import json
import subprocess
import sys

import pytest
import torch

from cordsnet.benchmarks import run as bench_run
from cordsnet.benchmarks.measure import Measurement, gemm_rate, measure, peak, resident, timed
from cordsnet.benchmarks.run import bench, write_json
from cordsnet.benchmarks.sides import SIDES, prepare
from cordsnet.benchmarks.spectra import SpectrumWorkload
from cordsnet.benchmarks.workloads import WORKLOADS, Workload, step_flops
from cordsnet.cli import main
from cordsnet.models import create_model

SMALL = {"inference": 8, "training": 8, "steady_state": 2}


@pytest.mark.parametrize("kind", SMALL)
def test_both_sides_give_the_same_value(kind):
    work = Workload("tiny", "cordsnet_r2_small", SMALL[kind], kind)
    ours, reference = (prepare(work, side, work.batch)() for side in ("ours", "reference"))
    torch.testing.assert_close(ours.value, reference.value, rtol=1e-3, atol=1e-5)


def test_steady_states_take_at_most_a_fifth_of_the_applications_of_euler():
    work = Workload("tiny", "cordsnet_r2_small", 2, "steady_state")
    ours, reference = (prepare(work, side, work.batch)() for side in ("ours", "reference"))
    assert 5 * ours.applications <= reference.applications


def test_every_workload_has_both_sides_and_names_a_network():
    for work in filter(lambda work: isinstance(work, Workload), map(WORKLOADS.__getitem__, WORKLOADS)):
        assert f"{work.kind}, ours" in SIDES.names()
        assert f"{work.kind}, reference" in SIDES.names()
        assert work.network().spec.name == work.model


def test_flops_are_those_of_the_kernels():
    model = create_model("cordsnet_r2_small")
    (c1, h1, w1), (c2, h2, w2) = model.shapes.values()
    own = 2 * 9 * (c1 * c1 * h1 * w1 + c2 * c2 * h2 * w2)
    assert step_flops(model) == own + 2 * 9 * c1 * c2 * h2 * w2


@pytest.mark.parametrize("method", ["arpack", "arnoldi"])
def test_leading_eigenvalues_agree_on_both_sides(method):
    work = SpectrumWorkload("tiny", 6, 7, method, tol=1e-4)
    ours, reference = (prepare(work, side, 1)() for side in ("ours", "reference"))
    torch.testing.assert_close(ours.value, reference.value, rtol=1e-3, atol=0)
    assert ours.residual <= work.tol
    assert ours.applications > work.k


def fake(value, seconds=1.0, batch=2):
    return Measurement(2 * seconds, [seconds] * 3, 10**6, value, 10, batch)


@pytest.fixture
def known_rates(monkeypatch):
    """The speed of the machine without measuring it, for tests that do not look at it."""
    monkeypatch.setattr(bench_run, "gemm_rate", lambda device, dtype: 1e9)
    monkeypatch.setattr(bench_run, "floor_seconds", lambda *_: 0.1)


def test_rows_hold_ratios_per_image(monkeypatch, tmp_path):
    def measured(work, side, repeats, device):
        return fake(1.0) if side == "ours" else fake(1.0, seconds=3.0, batch=1)

    monkeypatch.setattr(bench_run, "measure", measured)
    lines = []
    result = bench(["r2_b2_training", "small_training"], 3, report=lines.append)
    row = result["rows"][0]
    assert row["work"] == "r2_b2_training"
    assert row["ratio"] == pytest.approx(6.0)
    assert row["memory_ratio"] == pytest.approx(2.0)
    assert row["seconds"] == 1.0
    assert row["images_per_second"] == 2.0
    assert row["floor_fraction"] > 0
    assert {"machine", "device", "gemm_flops_per_second", "difference", "seconds_all"} <= set(row)
    assert {"torch", "commit", "cores", "processor"} <= set(row["machine"])
    assert "batch 2 against 1" in lines[2]
    write_json(result, tmp_path / "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text()) == result


@pytest.mark.usefixtures("known_rates")
def test_sides_with_different_results_are_not_compared(monkeypatch):
    def measured(work, side, repeats, device):
        return fake(1.0 if side == "ours" else 1.01)

    monkeypatch.setattr(bench_run, "measure", measured)
    with pytest.raises(RuntimeError, match=r"the results of the two sides differ by 9\.9e-03"):
        bench(["r2_b2_training"], 3, report=lambda line: None)


@pytest.mark.usefixtures("known_rates")
def test_the_reference_is_measured_once_for_workloads_with_the_same_key(monkeypatch):
    asked = []

    def measured(work, side, repeats, device):
        asked.append((work, side))
        return fake(1.0)

    monkeypatch.setattr(bench_run, "measure", measured)
    bench(["r8_b1_training", "r8_b1_memory", "r8_b1_memory_256mb", "r8_b1_recomputed"], 1, report=lambda line: None)
    assert [work for work, side in asked if side == "reference"] == ["r8_b1_training", "r8_b1_recomputed"]


def test_a_real_measurement_in_its_own_process():
    found = measure("convlstm_inference", "ours", 2)
    assert len(found.seconds) == 2
    assert all(0 < seconds < 60 for seconds in found.seconds)
    assert found.peak_bytes > 10**6
    assert found.batch == WORKLOADS["convlstm_inference"].batch


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process had in use since a moment")
def test_peak_memory_is_that_of_the_run_and_not_of_what_was_before_it():
    size = 200_000_000
    large = bytearray(size)
    large[::4096] = b"1" * len(large[::4096])
    before = resident("cpu")
    assert before > size
    del large
    assert peak("cpu") - before < 0.1 * size
    code = "from cordsnet.benchmarks.measure import peak, resident; print(peak('cpu') - resident('cpu'))"
    large = bytearray(4 * size)
    large[::4096] = b"1" * len(large[::4096])
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) < size  # a process that it started did not have this in use


def test_time_and_rate_are_positive():
    seconds, result = timed(lambda: 3, "cpu")
    assert seconds >= 0
    assert result == 3
    assert gemm_rate(repeats=1) > 1e8


@pytest.mark.usefixtures("as_users_run_it")
def test_invalid_requests_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        bench([], 0)
    with pytest.raises(ValueError, match=r"unknown workload 'r2_b4_inferense'.*r2_b4_inference"):
        bench(["r2_b4_inferense"], 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device must be 'cpu', or 'cuda' where torch finds a GPU, got 'cuda'"):
        bench([], 1, device="cuda")


@pytest.fixture
def measured_at_once(monkeypatch):
    """Measurements without the time that they take."""
    found = {"rows": [{"work": "tiny", "seconds": 0.5, "floor_seconds": None, "difference": float("nan")}]}

    def run(workloads, repeats, device, report):
        report("the table")
        return found

    monkeypatch.setattr("cordsnet.benchmarks.run.bench", run)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("as_file", [True, False])
def test_results_are_printed_and_written_like_those_of_other_commands(
    as_json, as_file, tmp_path, capsys, measured_at_once
):
    file = tmp_path / "rows.json"
    assert main(["bench", *["--json"] * as_json, *["--output", str(file)] * as_file]) == 0
    out, err = capsys.readouterr()
    assert (err if as_json else out).startswith("the table")
    if as_json:
        assert json.loads(out)["rows"][0]["seconds"] == 0.5
    if as_file:
        assert json.loads(file.read_text())["rows"][0]["work"] == "tiny"


def test_a_file_after_json_is_refused_with_what_to_write(capsys):
    assert main(["bench", "--json", "rows.json"]) == 2
    assert "--output FILE" in capsys.readouterr().err
