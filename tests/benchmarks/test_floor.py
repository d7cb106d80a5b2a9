"""The floor of a workload is the fastest that the library does with the same convolutions."""

import pytest
import torch

from cordsnet.benchmarks import run as bench_run
from cordsnet.benchmarks.convolutions import convolutions
from cordsnet.benchmarks.floor import floor_seconds
from cordsnet.benchmarks.measure import Measurement, timed
from cordsnet.benchmarks.run import bench
from cordsnet.benchmarks.workloads import WORKLOADS, Workload, step_flops
from cordsnet.models import create_model


@pytest.mark.parametrize("name", ["cordsnet_r2_small", "cordsnet_r4_small", "cordsnet_r8_small"])
def test_it_counts_every_convolution_of_a_step(name):
    model = create_model(name, image_size=16, in_channels=1, num_classes=10)
    found = convolutions(model)
    assert step_flops(model) == sum(one.flops for one in found)
    assert len(found) >= 2 * len(model.areas) - 1
    for one in found:
        maps = torch.zeros(1, one.inputs, *one.size)
        weight = torch.zeros(one.outputs, one.inputs, one.kernel, one.kernel)
        made = torch.nn.functional.conv2d(maps, weight, stride=one.stride, padding=one.kernel // 2)
        assert made.shape[1] == one.outputs


def test_it_is_below_plain_convolutions_one_after_another():
    model = create_model("cordsnet_r2_small", image_size=16, in_channels=1, num_classes=10)
    maps = [torch.randn(8, one.inputs, *one.size) for one in convolutions(model)]
    weights = [torch.randn(one.outputs, one.inputs, one.kernel, one.kernel) for one in convolutions(model)]

    @torch.no_grad()
    def plain():
        for one, value, weight in zip(convolutions(model), maps, weights, strict=True):
            torch.nn.functional.conv2d(value, weight, stride=one.stride, padding=one.kernel // 2)

    seconds = min(timed(plain, "cpu")[0] for _ in range(5))
    forward = floor_seconds(model, 8, 1, 0, "cpu", torch.float32)
    assert 0 < forward < 1.5 * seconds
    assert floor_seconds(model, 8, 1, 1, "cpu", torch.float32) > forward


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 100.0])
def test_the_share_of_the_floor_is_never_above_one(monkeypatch, seconds):
    monkeypatch.setitem(WORKLOADS._entries, "tiny", Workload("tiny", "cordsnet_r2_small", 4, "training"))
    monkeypatch.setattr(
        bench_run, "measure", lambda *_: Measurement(seconds, [seconds, 1.1 * seconds], 10**6, 1.0, None, 4)
    )
    (row,) = bench(["tiny"], 2, report=lambda line: None)["rows"]
    assert 0 < row["floor_fraction"] <= 1
    assert row["floor_seconds"] <= row["seconds"]
