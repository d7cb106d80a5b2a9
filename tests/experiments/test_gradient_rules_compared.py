"""Gradient rules side by side: what is compared, how claims are measured, and the memory of live tensors."""

import math

import pytest
import torch

from cordsnet.dynamics import GRADIENTS
from cordsnet.experiments import EXPERIMENTS
from cordsnet.experiments.questions.gradient_rules import (
    GradientRulesOptions,
    compare,
    gradient_rows,
    rule_rows,
)
from cordsnet.experiments.questions.live_tensors import peak_bytes
from cordsnet.experiments.questions.rule_costs import measure_rules, rules
from cordsnet.models import create_model


def test_every_rule_of_the_package_is_compared():
    assert {rule.gradient.rule for rule in rules().values()} == set(GRADIENTS)
    assert rules()["c_rbp"].expansion_weight == 10.0
    assert rules()["c_rbp"].gradient.stop_early
    recipes = [GradientRulesOptions().recipe(rule, 3) for rule in rules().values()]
    assert {recipe.seed for recipe in recipes} == {3}
    assert len({recipe.stage("train").optimisation for recipe in recipes}) == 1


def test_peaks_count_what_lives_at_once():
    def run():
        first = torch.ones(1000)
        second = first + 1
        del first
        view = second.view(10, 100)
        third = view * 2
        del second, view, third
        torch.zeros(1500).sum()

    assert peak_bytes(run) == 8000  # two of 4000 bytes; a view is no memory of its own


def test_peaks_of_a_backward_pass_are_counted_and_weights_are_not():
    weight = torch.ones(1000, requires_grad=True)

    def run():
        value = weight
        for _ in range(10):
            value = value.sin()  # keeps its input
        value.sum().backward()

    found = peak_bytes(run, [weight])
    assert 40_000 <= found <= 56_000
    assert peak_bytes(lambda: weight.detach().view(10, 100), [weight]) == 0


@pytest.fixture(scope="module")
def measured():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, image_size=8, width=2, seed=0).eval()
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return measure_rules(model, images, torch.arange(4), 300.0, 5.0)


def test_rules_are_measured_beside_the_exact_gradient(measured):
    assert set(measured) == set(rules())
    assert measured["bptt"]["cosine"] == pytest.approx(1, abs=1e-6)
    assert measured["checkpointed"]["cosine"] == pytest.approx(1, abs=1e-6)
    assert measured["implicit"]["cosine"] > 0.999
    assert measured["truncated"]["cosine"] < 0.999
    assert measured["truncated"]["kept"] < measured["bptt"]["kept"]
    assert measured["checkpointed"]["peak"] < measured["bptt"]["peak"]
    assert "kept" not in measured["checkpointed"]
    assert all(row["seconds"] > 0 for row in measured.values())


def test_rules_that_are_not_defined_are_left_out():
    model = create_model("cornet_s_small", in_channels=1, num_classes=10).eval()
    assert model.system().unrolling == "inner"
    images = torch.randn(2, *model.input_shape)
    found = measure_rules(model, images, torch.arange(2), model.response_ms, None)
    assert found["implicit"] == found["rbp"] == found["phantom"] == {}
    assert found["bptt"]["cosine"] == pytest.approx(1, abs=1e-6)


def run_row(seed, cosine, accuracy):
    """Columns of a network that was trained with BPTT."""
    row = {"rule": "bptt", "seed": seed, "status": "finished", "train.test_accuracy": accuracy}
    for state in ("untrained", "trained"):
        for rule, angle, kept in (("bptt", 1.0, 100.0), ("implicit", 1.0, 30.0), ("truncated", cosine, 40.0)):
            found = {"cosine": angle, "size": 1.0, "kept": kept, "peak": kept, "seconds": kept}
            row |= {f"{state}/{rule}/{what}": value for what, value in found.items()}
        row[f"{state}/implicit/settled"] = 1.0 if seed else 0.5
    return row


def test_claims_are_measured_from_rows():
    runs = [run_row(0, 0.7, 0.9), run_row(1, 0.8, 0.8)]
    gradients = [row for run in runs for row in gradient_rows(run, rules())]
    networks = runs + [
        {"rule": "implicit", "seed": seed, "status": "finished", "train.test_accuracy": accuracy}
        for seed, accuracy in enumerate((0.8, 0.6))
    ]
    networks.append({"rule": "phantom", "seed": 0, "status": "diverged"})
    found = compare(networks, gradients)
    assert found["truncated_is_biased"].value == 0.8
    assert found["implicit_when_settled"].n == 2  # of the second seed alone
    assert found["implicit_keeps_less"].value == pytest.approx(0.3)
    assert found["implicit_learns"].value == pytest.approx(-0.15)
    assert math.isnan(found["phantom_learns"].value)
    assert "checkpointed_is_exact" not in found
    table = {row["rule"]: row for row in rule_rows(networks, gradients, rules())}
    assert table["truncated"]["cosine_trained"] == pytest.approx(0.75)
    assert table["implicit"]["settled_trained"] == pytest.approx(0.75)
    assert table["phantom"]["networks"] == 0


def test_a_gradient_of_another_size_is_not_the_exact_one():
    run = run_row(0, 0.7, 0.9) | {"trained/checkpointed/cosine": 1.0, "trained/checkpointed/size": 1.1}
    assert compare([], gradient_rows(run, rules()))["checkpointed_is_exact"].value == pytest.approx(0.1)


@pytest.mark.parametrize("changes", [{"seeds": 0}, {"updates": 0}, {"image_ms": -1.0}, {"lr": 0.0}])
def test_bad_options_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        GradientRulesOptions(**changes)


def test_all_claims_are_declared_before_the_run():
    names = [claim.name for claim in EXPERIMENTS["gradient_rules"].claims]
    assert len(set(names)) == len(names) == 8
