"""When the image first reaches each area, against what the wiring says."""

import pytest
import torch

import cordsnet
from cordsnet.dynamics import Clock
from cordsnet.errors import DivergedError
from cordsnet.models import MODELS, arrival_steps

TINY = MODELS["cordsnet_r8"].tiny


@pytest.mark.parametrize("depth", [2, 4, 6, 8])
def test_a_cordsnet_is_reached_two_areas_a_step(depth):
    found = arrival_steps(cordsnet.create_model(f"cordsnet_r{depth}", **TINY))
    assert list(found.values()) == [1 + k // 2 for k in range(depth)]  # skips bring the image past every second area


def test_in_a_sweep_all_areas_are_reached_in_the_first_step():
    assert set(arrival_steps(cordsnet.create_model("convlstm", **MODELS["convlstm"].tiny)).values()) == {1}


def test_noise_is_not_taken_for_the_image():
    model = cordsnet.create_model("task_rnn_small", noise=1.0)
    assert arrival_steps(model, steps=1) == {"visual": 1, "decision": None}
    assert arrival_steps(model) == {"visual": 1, "decision": 2}


def test_what_is_not_reached_is_none():
    model = cordsnet.create_model("cordsnet_r2_small")
    for pathway in ("area1 -> area2", "stem -> area2"):
        model = cordsnet.lesion(model, pathway)
    assert arrival_steps(model, steps=5)["area2"] is None


def test_a_model_without_images_is_refused():
    class Blind(cordsnet.VisionModel):
        kind, response_ms = "blind", 10.0
        shapes, inputs, clock = {"a": (1,)}, {"cue": (1,)}, Clock(1.0)

        def bind(self, dt, stepper, precision):
            raise NotImplementedError

    with pytest.raises(ValueError, match="model must read images, got one that reads cue"):
        arrival_steps(Blind())


def test_autocast_around_it_changes_nothing(monkeypatch):
    model, seen = cordsnet.create_model("cordsnet_r2_small"), []
    bind = type(model).bind
    monkeypatch.setattr(
        type(model), "bind", lambda self, *given: seen.append(given[2].of_convolutions(self.like)) or bind(self, *given)
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert arrival_steps(model) == {"area1": 1, "area2": 1}
    assert seen == [torch.float32]


def test_rates_that_are_not_finite_are_refused_and_not_taken_for_arrivals():
    model = cordsnet.create_model("convlstm", **MODELS["convlstm"].tiny)
    with torch.no_grad():
        model.get_parameter("cells.area2.bias").fill_(float("nan"))
    with pytest.raises(DivergedError, match="rates of 'area2' stopped being finite at step 1"):
        arrival_steps(model)
