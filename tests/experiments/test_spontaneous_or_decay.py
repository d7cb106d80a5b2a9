"""The spontaneous penalty against weight decay: what is varied, what is measured, and which decay is compared."""

import dataclasses
import math

import pytest
import torch
from tiny import TRIAL

from cordsnet.data import Split
from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.questions import spontaneous_or_decay as module
from cordsnet.experiments.questions.spontaneous_or_decay import (
    CLAIMS,
    SpontaneousOrDecayOptions,
    activity,
    nearest_decay,
    recurrent_norm,
)
from cordsnet.experiments.recipes import base_recipe
from cordsnet.models import create_model

OPTIONS = SpontaneousOrDecayOptions("smoke", decays=(0.1, 1.0), seeds=3)
NORMS = {"neither": 4.0, "penalty 1e-3": 3.0, "decay 1e-1": 3.2, "decay 1": 1.0}


def network(name="cordsnet_r2_small"):
    torch.manual_seed(0)
    return create_model(name, in_channels=1, num_classes=10, image_size=8, width=2).eval()


def row(value, seed, **changes):
    wild = 0.01 * seed
    found = {
        "value": value, "run": f"{value}/{seed}", "seed": seed, "status": "finished", "error": "",
        "regime": "monostable" if value.startswith("penalty") else "multistable", "certified": False,
        "recurrent_norm": NORMS[value] + wild, "accuracy": 0.9 + wild, "spontaneous_rate": 0.1,
        "spontaneous_share": (0.1 if value.startswith("penalty") else 0.4) + wild, "left_after_blank": 0.2 + wild,
    }  # fmt: skip
    return found | changes


def rows(**changes):
    return [row(value, seed, **changes) for value in NORMS for seed in range(3)]


def measured_from(monkeypatch, table, output):
    monkeypatch.setattr(module, "sweep", lambda *args, **kwargs: table)
    return EXPERIMENTS["spontaneous_or_decay"](Setting(output=output), OPTIONS)


def test_values_differ_in_penalty_and_decay_alone():
    recipe = base_recipe("digits_paper")
    made = {value: change(recipe) for value, change in OPTIONS.arms.items()}
    assert list(made) == list(NORMS)
    for value, one in made.items():
        last = one.stages[-1]
        assert last.objective.spontaneous_weight == (1e-3 if value.startswith("penalty") else 0)
        assert last.optimisation.weight_decay == {"decay 1e-1": 0.1, "decay 1": 1.0}.get(value, 0.0)
        assert one.stages[:3] == recipe.stages[:3]


def test_the_norm_is_that_of_all_recurrent_kernels():
    model = network()
    by_hand = sum(float(model.recurrent_kernels()[area].detach().square().sum()) for area in model.shapes)
    assert recurrent_norm(model) == pytest.approx(math.sqrt(by_hand))
    before = recurrent_norm(model)
    for area in model.shapes:
        model.scale_recurrence(area, 0.5)
    assert recurrent_norm(model) == pytest.approx(before / 2)
    with pytest.raises(RunError, match="no recurrent kernels"):
        recurrent_norm(network("convlstm_small"))


def test_what_is_left_decays_with_the_time_constant_where_there_is_no_recurrence():
    """Area 1 alone follows the closed form of a leaky unit: (1 - dt / tau)^steps of the response at offset."""
    model = network()
    for area in model.shapes:
        model.scale_recurrence(area, 0.0)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "bias" in name:
                value.zero_()
    probes = Split(torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(4))
    found = activity(model, probes, dataclasses.replace(TRIAL, after=40.0))
    assert found["spontaneous_rate"] == 0 == found["spontaneous_share"]
    leak = (1 - model.dt_ms / model.spec.tau_ms) ** round(40.0 / model.dt_ms)
    assert leak <= found["left_after_blank"] < 0.2  # the second area is driven by the first for a while
    short = activity(model, probes, dataclasses.replace(TRIAL, after=20.0))
    assert short["left_after_blank"] > found["left_after_blank"]


def test_a_network_that_explodes_has_no_numbers():
    model = network()
    for area in model.shapes:
        model.scale_recurrence(area, 1e6)
    probes = Split(torch.randn(2, 1, 8, 8).abs(), torch.arange(2))
    assert activity(model, probes, TRIAL) == {} or all(math.isnan(v) for v in activity(model, probes, TRIAL).values())


def test_the_decay_with_the_nearest_norm_is_compared(monkeypatch, tmp_path):
    assert nearest_decay(rows(), OPTIONS)[0] == "decay 1e-1"
    found = measured_from(monkeypatch, rows(), tmp_path)
    assert found.meta["matched"] == "decay 1e-1"
    assert found.claim("penalty_shrinks").value == pytest.approx(-1)
    assert found.claim("penalty_shrinks").verdict == "holds"
    assert found.claim("quieter").value == pytest.approx(-0.3)
    assert found.claim("quieter").verdict == "holds"
    assert found.claim("more_monostable").value == 1
    assert found.claim("returns_closer").verdict != "holds"
    assert found.claim("no_less_accurate").verdict == "holds"
    assert [one["monostable"] for one in found.rows("values")] == [0, 3, 0, 0]


def test_norms_that_do_not_match_are_told(monkeypatch, tmp_path):
    table = [one for one in rows() if one["value"] != "decay 1e-1"]
    matched, notes = nearest_decay(table, OPTIONS)
    assert matched == "decay 1"
    assert "differ by more than 10 %" in notes[-1]["note"]


def test_networks_that_diverged_count_as_unstable_and_nothing_else(monkeypatch, tmp_path):
    gone = [
        {"value": one["value"], "run": one["run"], "seed": one["seed"], "status": "diverged", "error": "loss is nan"}
        if one["value"].startswith("penalty")
        else one
        for one in rows()
    ]
    found = measured_from(monkeypatch, gone, tmp_path)
    assert {one["regime"] for one in found.rows("networks", value="penalty 1e-3")} == {"unstable"}
    assert {claim.verdict for claim in found.claims} == {"undecided at this scale"}
    assert "nothing is compared" in found.rows("notes")[0]["note"]
    failed = [one | {"status": "failed", "error": "no disk"} for one in rows()]
    with pytest.raises(RunError, match="no disk"):
        measured_from(monkeypatch, failed, tmp_path)


def test_options_that_make_no_sense_are_refused():
    for wrong in ({"decays": ()}, {"decays": (1.0, 1.0)}, {"decays": (-1.0,)}, {"penalty": 0.0}, {"seeds": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SpontaneousOrDecayOptions(**wrong)
    with pytest.raises(ValueError, match="probes_per_class"):
        SpontaneousOrDecayOptions(probes_per_class=0)
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
