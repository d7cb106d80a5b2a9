"""`cordsnet bench --models`: what a step and an update of a model cost, and why some cannot be measured."""

import json
import operator
import os
import time

import pytest
import torch

from cordsnet.benchmarks import model_rows
from cordsnet.benchmarks.apart import call_apart
from cordsnet.benchmarks.calls import Calls
from cordsnet.benchmarks.model_rows import ModelBench, bench_models, small_models
from cordsnet.benchmarks.model_workload import ModelWorkload, measure_model
from cordsnet.cli import main
from cordsnet.models import create_model
from cordsnet.training.cost import flop_counter


@pytest.fixture
def quick(monkeypatch):
    """The speed of the machine without measuring it, and measurements in this process."""
    monkeypatch.setattr(model_rows, "gemm_rate", lambda device: 1e12)
    monkeypatch.setattr(model_rows, "call_apart", lambda function, *arguments, limit_s: function(*arguments))


@pytest.mark.usefixtures("quick")
def test_a_row_has_the_cost_of_a_step_and_of_an_update():
    lines = []
    found = bench_models(["cnn_r2_small", "cordsnet_r2_small"], ModelBench(16, 4, 2), lines.append)
    static, recurrent = found["rows"]
    assert (static["steps"], recurrent["steps"], recurrent["dt_ms"]) == (1, 100, 2.0)
    for row in (static, recurrent):
        forward, update = row["inference"], row["training"]
        assert row["input"] == [3, 16, 16]
        assert row["ms_per_step"] == pytest.approx(1e3 * forward["median_seconds"] / row["steps"] / 4)
        assert row["flops_per_step"] == pytest.approx(forward["flops"] / row["steps"] / 4)
        assert update["flops"] > 2 * forward["flops"]
        for part in (forward, update):
            assert len(part["seconds"]) == 2
            assert 0 < part["floor_fraction"] <= 1
        assert row["iterations"] is None
        assert row["said"] == []
    assert len(lines) == 4
    assert json.loads(json.dumps(found)) == found


def test_operations_of_a_step_are_those_of_its_kernels():
    """The recurrent kernels at every step; from the image once, and from areas, packed by oneDNN or not."""
    work = ModelWorkload("cordsnet_r2_small", "inference", 2, 16)
    model = work.network("cpu")
    run = work.prepare(2, "cpu")
    run()
    with flop_counter() as counter:
        run()
    (c1, h1, w1), (c2, h2, w2) = model.shapes.values()
    step = 2 * 9 * (c1 * c1 * h1 * w1 + c2 * c2 * h2 * w2 + c1 * c2 * h2 * w2)
    per_step = counter.get_total_flops() / 2 / 100
    assert step <= per_step < 1.1 * step


@pytest.mark.usefixtures("quick")
def test_a_model_that_solves_a_frame_has_iterations_and_says_where_they_did_not_suffice(monkeypatch):
    (row,) = bench_models(["deq_conv_r2_small"], ModelBench(16, 2, 1), lambda line: None)["rows"]
    counts = row["inference"]["iterations"]
    assert len(counts) == 2
    assert row["iterations"] == sum(counts) / 2 > 1
    assert row["training"]["iterations"] is None
    found = measure_model(ModelWorkload("mdeq_small", "inference", 2, 16), 1, "cpu") | {"iterations": [7, None]}
    monkeypatch.setattr(model_rows, "measure_model", lambda *_: dict(found))
    lines = []
    (row,) = bench_models(["mdeq_small"], ModelBench(16, 2, 1), lines.append)["rows"]
    assert row["iterations"] == 7
    assert "mdeq_small: the solver reached its tolerance for 1 of 2 images" in lines


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_measured_is_a_row_with_a_sentence(monkeypatch):
    def failing(function, work, *rest, limit_s):
        if work.kind == "training":
            raise RuntimeError(f"took longer than {limit_s:g} s")
        return function(work, *rest)

    monkeypatch.setattr(model_rows, "call_apart", failing)
    lines = []
    rows = bench_models(["rcnnsat_b", "task_rnn_small", "cnn_r2_small"], ModelBench(16, 2, 1), lines.append)["rows"]
    small, task, late = rows
    assert small["said"][0].startswith("cannot be made for images of 16 px (image_size is too small")
    assert task["said"] == ["left out, since it has the outputs choice, eye and no class scores"]
    assert late["said"] == ["training: took longer than 300 s"]
    assert late["training"] is None
    assert late["ms_per_step"] > 0
    assert len(lines) == 2 + 2 + 2


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_the_floor_counts_every_product_and_convolution(kind):
    run = ModelWorkload("cnn_rnn_small", kind, 2, 16).prepare(2, "cpu")
    run()
    with flop_counter() as counter, Calls() as calls:
        run()
    known = counter.flop_registry
    made = sum(
        count * known[call.operator._overloadpacket](*_tensors(call.arguments), out_val=_result(call))
        for call, count in calls.found.items()
    )
    assert made == counter.get_total_flops()
    assert 0 < calls.floor_seconds(2, "cpu", 1) < 10


def _tensors(value):
    if isinstance(value, tuple):
        return tuple(map(_tensors, value))
    return torch.zeros(value.shape, dtype=value.dtype) if hasattr(value, "dtype") else value


def _result(call):
    return call.operator(*_tensors(call.arguments), **dict(call.keywords))


def test_the_command_measures_in_other_processes(tmp_path, capsys):
    file = tmp_path / "rows.json"
    words = ["bench", "--models", "cnn_r2_small", "--size", "16", "--batch", "2", "--repeats", "1", "--json"]
    assert main([*words, "--output", str(file)]) == 0
    out, err = capsys.readouterr()
    (row,) = json.loads(out)["rows"]
    assert json.loads(file.read_text())["rows"] == [row]
    assert row["said"] == []
    assert 0 < row["inference"]["peak_bytes"] < row["training"]["peak_bytes"] < 10**9
    assert "cnn_r2_small" in err


def test_a_function_is_called_in_another_process_and_its_failures_are_sentences():
    assert call_apart(operator.add, 1, 2, limit_s=120) == 3
    assert call_apart(os.getpid, limit_s=120) != os.getpid()
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        call_apart(operator.truediv, 1, 0, limit_s=120)
    with pytest.raises(RuntimeError, match="ended with exit code 3"):
        call_apart(os._exit, 3, limit_s=120)
    with pytest.raises(RuntimeError, match=r"took longer than 0\.1 s"):
        call_apart(time.sleep, 60, limit_s=0.1)


def test_small_models_are_those_that_classify_small_images():
    found = small_models()
    assert len(found) >= 60
    assert {"cordsnet_r2_small", "rcnn_96", "mdeq_small"} <= set(found)
    assert not {"cordsnet_r2", "task_rnn_small", "crbp_hgru"} & set(found)
    assert all(max(create_model(name).input_shape[1:]) <= 32 for name in found[:3])


def test_what_cannot_be_asked_is_refused(capsys):
    for words, said in (
        (["cnn_r2_smal"], "unknown model 'cnn_r2_smal'"),
        (["all", "cnn_r2_small"], "takes 'all' or names of models"),
        (["--time-to-accuracy"], "names the models itself"),
        (["cnn_r2_small", "--batch", "1"], "batch must be at least 2, got 1; batch norms need two images in training"),
        (["cnn_r2_small", "--limit", "0"], "limit_s must be a finite number above 0"),
    ):
        assert main(["bench", "--models", *words]) == 2
        assert said in capsys.readouterr().err
