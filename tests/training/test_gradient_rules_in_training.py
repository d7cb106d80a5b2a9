"""Training by gradient rules: what they log, what goes together, and the comparison that users call."""

import csv
import json

import pytest
import torch

import cordsnet
from cordsnet import RunError
from cordsnet.cli import main
from cordsnet.dynamics import Gradient
from cordsnet.training import (
    RECIPES,
    Batch,
    Bound,
    EveryStep,
    LastStep,
    Masked,
    ModelChoice,
    NextFrame,
    Objective,
    Optimisation,
    Recipe,
    Settled,
    Train,
    compare_gradients,
    fit,
    grid,
)
from cordsnet.training.logs import read_curve
from oracles import CASCADE, random_images, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")

HOW = Optimisation(lr=1e-2, updates=12, batch=16, clip=1.0)
TINY = ModelChoice("convlstm_small", options={"channels": (3, 4), "stem_channels": 3})
RULES = [
    Gradient("truncated", steps=3),
    Gradient("checkpointed"),
    Gradient("rbp"),
    Gradient("implicit", unsettled="accept"),
    Gradient("implicit", forward="anderson", unsettled="accept", tol=1e-3),
    Gradient("phantom", steps=3),
]
LABELS = torch.tensor([1, 2])


def recipe(model=TINY, **settings):
    return Recipe("by_rule", (Train(optimisation=HOW, **settings),), model)


def logged(folder, name):
    (log,) = folder.glob("logs_*/metrics.csv")
    with log.open() as rows:
        return [float(row[name]) for row in csv.DictReader(rows) if row.get(name)]


@pytest.mark.parametrize("gradient", RULES, ids=lambda rule: f"{rule.rule}_{rule.forward}")
def test_a_network_of_steps_learns_with_every_rule(gradient, tmp_path):
    fit(recipe(loss=LastStep(ms=60.0), gradient=gradient), tmp_path, progress=False)
    _, course = read_curve(tmp_path / "train", "loss")
    assert sum(course[-4:]) < sum(course[:4])
    written = json.loads((tmp_path / "train" / "result.json").read_text())["stage"]
    assert written["gradient"]["rule"] == gradient.rule
    about_fixed_points = gradient.rule in ("rbp", "implicit", "phantom")
    (log,) = (tmp_path / "train").glob("logs_*/metrics.csv")
    assert ("settled_share" in log.read_text()) == about_fixed_points


def test_contractor_recurrent_back_propagation_logs_its_penalty(tmp_path):
    """C-RBP: the gradient "rbp" with the penalty on expansion."""
    loss = LastStep(ms=60.0, expansion_weight=10.0, expansion_bound=0.3)
    fit(recipe(loss=loss, gradient=Gradient("rbp")), tmp_path, progress=False)
    penalties = logged(tmp_path / "train", "expansion")
    assert len(penalties) == HOW.updates
    assert penalties[0] > penalties[-1] >= 0


def test_the_loss_adds_the_penalty_and_its_gradient():
    model, images = randomised(CASCADE), random_images(CASCADE)
    batch = Batch({"image": images}, {"scores": LABELS})
    plain = LastStep(ms=40.0)(Bound.of(model), batch)
    for rule in (Gradient(), Gradient("rbp")):
        loss = LastStep(ms=40.0, expansion_weight=2.0, expansion_bound=0.0)
        found = loss(Bound.of(model, gradient=rule), batch)
        penalty = found.terms["expansion"]
        assert penalty.item() > 0
        assert found.total.item() == pytest.approx(plain.total.item() + 2 * penalty.item())
        model.zero_grad()
        penalty.backward()
        assert float(model.wiring.recurrent["area1"].parametrizations.weight.original0.grad.abs().sum()) > 0
    assert plain.terms == {}
    assert "settled_share" not in plain.measures


def test_what_is_not_used_is_not_written_so_that_earlier_runs_go_on():
    assert LastStep().to_dict() == {"kind": "last_step", "ms": None}
    assert "gradient" not in Train().to_dict()
    assert Train(gradient=Gradient("rbp")).to_dict()["gradient"]["rule"] == "rbp"
    assert LastStep(expansion_weight=1.0).to_dict()["expansion_bound"] == 0.9


@pytest.mark.parametrize("loss", [EveryStep(), Masked(), NextFrame(), Settled(), Objective()])
def test_losses_of_several_steps_take_exact_rules_alone(loss):
    for gradient in RULES:
        if gradient.rule == "checkpointed":
            Train(loss=loss, gradient=gradient)
            continue
        with pytest.raises(
            ValueError, match=f"gradient '{gradient.rule}' is that of the last state, and loss"
        ) as caught:
            Train(loss=loss, gradient=gradient)
        assert "\n" not in str(caught.value)


def test_a_loss_over_time_runs_in_blocks_where_the_rule_says_so():
    model, images = randomised(CASCADE), random_images(CASCADE)
    found = []
    for rule in (Gradient(), Gradient("checkpointed")):
        model.zero_grad()
        EveryStep(ms=40.0)(
            Bound.of(model, gradient=rule), Batch({"image": images}, {"scores": LABELS})
        ).total.backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "gradient", "said"),
    [
        ("cornet_s_small", Gradient("rbp"), "runs all iterations of an area within a step"),
        ("cnn_r2_small", Gradient("truncated"), "needs a model that evolves in time"),
        ("task_rnn_small", Gradient("implicit"), "has noise"),
    ],
)
def test_models_without_such_a_gradient_are_refused_before_training(name, gradient, said):
    model = cordsnet.create_model(name)
    with pytest.raises(RunError, match=rf"stage 'train'.*gradient '{gradient.rule}'.*{said}") as caught:
        Train(gradient=gradient)._check(model)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="expansion_weight needs a model that evolves in time"):
        LastStep(expansion_weight=1.0).check(cordsnet.create_model("cnn_r2_small"))


def test_rules_and_their_settings_are_options_and_settings_of_a_grid(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES._entries, "by_rule", lambda: recipe(loss=LastStep(ms=30.0)))
    words = ["train", "by_rule", "--quiet", "--output", str(tmp_path / "cli"), "--train.optimisation.updates", "2"]
    words += ["--train.gradient.rule", "rbp", "--train.gradient.terms", "3", "--train.loss.expansion_weight", "0.1"]
    assert main(words) == 0, capsys.readouterr().err
    stage = json.loads((tmp_path / "cli" / "train" / "result.json").read_text())["stage"]
    assert (stage["gradient"]["rule"], stage["gradient"]["terms"]) == ("rbp", 3)
    assert main([*words[:-6], "--restart", "train", "--train.gradient.rule", "rpb"]) == 2
    assert "did you mean 'rbp'" in capsys.readouterr().err
    runs = grid(recipe(), {"gradient.rule": ["bptt", "rbp"]}, 1)
    assert [run.recipe.stages[0].gradient for run in runs] == [Gradient(), Gradient("rbp")]


def test_rules_are_compared_on_ones_own_model_and_images():
    model, images = randomised(CASCADE), random_images(CASCADE)
    with torch.no_grad():
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.mul_(0.4)
    before = [parameter.clone() for parameter in model.parameters()]
    table = compare_gradients(model, images, LABELS, ms=600.0)
    assert table.steps == 300
    assert table["bptt"].cosine == pytest.approx(1)
    assert table["implicit"].cosine > 0.999999
    assert table["implicit"].settled_share == 1
    assert table["truncated"].cosine < 0.999
    assert table["rbp"].kept < table["truncated"].kept < table["bptt"].kept
    text = str(table)
    assert "cascade, 300 steps" in text
    assert all(row.gradient.rule in text for row in table.rows)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    with pytest.raises(KeyError, match="no row of gradient 'none'"):
        table["none"]


def test_a_comparison_says_which_rules_are_not_defined():
    model = cordsnet.create_model("task_rnn_small", image_size=8, channels=2, units=3)
    inputs = {name: torch.rand(2, *shape) for name, shape in model.inputs.items()}
    rules = [Gradient(), Gradient("truncated", steps=200), Gradient("rbp"), Gradient("implicit", forward="anderson")]
    table = compare_gradients(model, inputs, {"choice": torch.tensor([0, 1])}, ms=100.0, gradients=rules)
    assert table["truncated"].cosine == pytest.approx(1)  # the same noise
    assert "has noise" in table["rbp"].refused
    assert "has noise" in str(table)
    with pytest.raises(ValueError, match="gradients of CNN cannot be compared, since it does not evolve in time"):
        compare_gradients(cordsnet.create_model("cnn_r2_small"), torch.rand(2, 1, 16, 16), LABELS)
    with pytest.raises(ValueError, match="target 'choices' is no output of the model"):
        compare_gradients(model, inputs, {"choices": torch.tensor([0, 1])}, ms=100.0)
    with pytest.raises(ValueError, match="labels must be from 0 to 1, got 0 to 5"):
        compare_gradients(model, inputs, {"choice": torch.tensor([0, 5])}, ms=100.0)
    with pytest.raises(ValueError, match=r"target 'eye' must be \[2, 2\] of torch.float32, like the output"):
        compare_gradients(model, inputs, {"eye": torch.zeros(2)}, ms=100.0)
