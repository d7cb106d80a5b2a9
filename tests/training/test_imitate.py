"""Imitation of the CNN by settled rates, and the step in training."""

import dataclasses

import pytest
import torch
from tiny import TRIAL, tiny_recipe

from cordsnet import create_model
from cordsnet.analysis import norm_bound
from cordsnet.dynamics import Solver
from cordsnet.models.kernels import weight_of
from cordsnet.training import Imitate, Objective, Recipe, fit, objective
from cordsnet.training.stages.imitate import unexplained


@pytest.fixture(scope="module")
def imitated(tmp_path_factory):
    """A tiny CNN, folded and imitated with few and with more updates."""
    base = tiny_recipe(updates=150)
    few = Imitate(name="few", optimisation=dataclasses.replace(Imitate().optimisation, updates=2, batch=32))
    more = dataclasses.replace(few, name="more", optimisation=dataclasses.replace(few.optimisation, updates=300))
    stages = (base.stage("cnn"), base.stage("fold"), few, more)
    return fit(Recipe("imitation", stages, base.model), tmp_path_factory.mktemp("run"))


def test_settled_rates_come_to_explain_the_activity_of_the_cnn(imitated):
    few, more = (imitated[name].metrics for name in ("few", "more"))
    for area in ("area1", "area2"):
        assert more[f"unexplained_variance/{area}"] < 0.5 * few[f"unexplained_variance/{area}"]
    assert more["settled_share"] > 0.95


def test_a_network_that_imitates_answers_as_the_cnn_does(imitated):
    assert imitated["more"].metrics["test_accuracy"] > imitated["fold"].metrics["test_accuracy"] - 0.1
    model, folded = imitated["more"].model(), imitated["fold"].model()
    assert model.activation.name == "relu"
    assert all(p.requires_grad for p in model.parameters())
    for name, value in folded.wiring.readout.state_dict().items():
        torch.testing.assert_close(model.wiring.readout.state_dict()[name], value, rtol=0, atol=0)


def test_unexplained_variance_of_the_mean_is_one():
    target = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert float(unexplained(target, target)) == 0
    assert float(unexplained(target.mean().expand_as(target), target)) == pytest.approx(1, rel=1e-2)


def test_the_settled_part_of_the_objective_does_not_depend_on_the_step():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=4, image_size=12)
    images, labels = torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(1)), torch.arange(4)
    settings = Objective()
    fine, coarse = (objective(model, images, labels, settings, dt=dt).cross_entropy[-1] for dt in (2.0, 5.0))
    torch.testing.assert_close(fine, coarse, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="trial"):
        objective(model, images, labels, Objective(trial=TRIAL), dt=7.0)


def test_a_solver_that_keeps_no_bound_is_allowed(imitated, tmp_path):
    stage = Imitate(solver=Solver(tol=1e-3), optimisation=dataclasses.replace(Imitate().optimisation, updates=2))
    base = tiny_recipe(updates=2)
    report = fit(Recipe("unbounded", (base.stage("cnn"), base.stage("fold"), stage), base.model), tmp_path)
    assert "settled_share" in report["imitate"].metrics


@pytest.mark.parametrize(
    ("fitted", "changed"),
    [
        ("recurrence", {"recurrent"}),
        ("areas", {"recurrent", "feedforward"}),
        ("all", {"recurrent", "feedforward", "links", "stem"}),
    ],
)
def test_only_what_is_asked_for_is_fitted(fitted, changed, tmp_path):
    base = tiny_recipe(updates=2)
    stage = Imitate(fit=fitted, optimisation=dataclasses.replace(Imitate().optimisation, updates=2))
    reports = fit(Recipe("parts", (base.stage("cnn"), base.stage("fold"), stage), base.model), tmp_path)
    before, after = (reports[name].model().wiring for name in ("fold", "imitate"))
    for part in ("stem", "feedforward", "links", "readout"):
        then, now = (dict(getattr(wiring, part).state_dict()) for wiring in (before, after))
        assert any(not torch.equal(now[name], value) for name, value in then.items()) == (part in changed), part
    assert all(p.requires_grad for p in reports["imitate"].model().parameters())


def test_the_bound_on_the_norm_holds_after_training(tmp_path):
    base = tiny_recipe(updates=20)
    free = Imitate(
        name="free", expansion_weight=0.0, optimisation=dataclasses.replace(Imitate().optimisation, updates=30)
    )
    bounded = dataclasses.replace(free, name="bounded", norm_bound=0.5)
    stages = (base.stage("cnn"), base.stage("fold"), free, bounded)
    reports = fit(Recipe("bounded", stages, base.model), tmp_path)
    norms = {
        name: [
            float(norm_bound(weight_of(kernel), model.shapes[area][1:]))
            for area, kernel in model.wiring.recurrent.items()
        ]
        for name, model in ((name, reports[name].model()) for name in ("free", "bounded"))
    }
    assert max(norms["bounded"]) <= 0.5 * (1 + 1e-5)
    assert max(norms["free"]) > 0.6


@pytest.mark.usefixtures("as_users_run_it")
def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="fit must be one of recurrence, areas, all, got 'everything'"):
        Imitate(fit="everything")
    with pytest.raises(ValueError, match="norm_bound"):
        Imitate(norm_bound=-1.0)
