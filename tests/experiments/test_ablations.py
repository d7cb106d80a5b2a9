"""The ablations of the paper: what they vary, how their networks are labelled, and the command that runs them."""

import dataclasses

import pandas
import pytest
import torch
from tiny import TRIAL

from cordsnet.analysis import Regime
from cordsnet.cli import main
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.ablations import ABLATIONS, AblationOptions
from cordsnet.experiments.recipes import BASES
from cordsnet.report.ablations import regime_counts
from cordsnet.training import Contraction, ModelChoice, Objective, Optimisation, RandomInit, Recipe, TrainDynamics, fit

NAMES = ("contraction", "fewer_steps", "log_weights", "loss_terms", "spontaneous_weight", "top_area", "weight_decay")


def tiny(gain=0.5, lr=1e-3) -> Recipe:
    """Three updates from random weights."""
    optimisation = Optimisation(lr=lr, updates=3, batch=16, clip=1.0)
    stage = TrainDynamics("direct", "random", objective=Objective(trial=TRIAL), optimisation=optimisation)
    return Recipe("tiny", (RandomInit(gain=gain), stage), ModelChoice(image_size=8, width=4))


TINY = AblationOptions("tiny", "tiny", seeds=1)


@pytest.fixture(autouse=True)
def tiny_recipe(monkeypatch):
    """The tiny recipe, by name, and in place of the smallest one."""
    monkeypatch.setitem(BASES._entries, "tiny", tiny)
    monkeypatch.setitem(BASES._entries, "smoke", tiny)


def options(name, preset, seeds) -> AblationOptions:
    return dataclasses.replace(EXPERIMENTS[name].presets[preset].options, seeds=seeds)


def finals(name, preset="desk"):
    return [run.recipe.stages[-1] for run in ABLATIONS[name].runs(options(name, preset, 1))]


def run_ablation(name, output, **changes):
    chosen = dataclasses.replace(TINY, **changes)
    return EXPERIMENTS[name](Setting(output=output), chosen)


def test_the_ablations_are_in_the_table_of_experiments():
    assert tuple(ABLATIONS) == NAMES
    assert set(NAMES) <= set(EXPERIMENTS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["smoke", "desk", "paper"])
def test_runs_differ_and_have_folders_of_their_own(name, preset):
    runs = ABLATIONS[name].runs(options(name, preset, 2))
    assert len({run.name for run in runs}) == len(runs) == 2 * len(ABLATIONS[name].values)
    assert {run.recipe.seed for run in runs} == {0, 1}
    content = [str({**run.recipe.to_dict(), "spec": run.recipe.model.spec().to_dict()}) for run in runs]
    assert len(set(content)) == len(runs)


def test_the_paper_s_numbers_of_networks():
    assert (
        len(ABLATIONS["spontaneous_weight"].runs(EXPERIMENTS["spontaneous_weight"].presets["paper"].options)) == 6 * 20
    )
    assert len(ABLATIONS["log_weights"].runs(EXPERIMENTS["log_weights"].presets["paper"].options)) == 5 * 10


def test_coefficients_of_the_penalty():
    weights = [stage.objective.spontaneous_weight for stage in finals("spontaneous_weight")]
    assert weights == [0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    for run in ABLATIONS["spontaneous_weight"].runs(options("spontaneous_weight", "desk", 1)):
        assert run.recipe.stage("linear").objective.spontaneous_weight == 0.0
        assert run.recipe.stage("anneal").objective == run.recipe.stage("finetune").objective


def test_scales_of_the_log_weights_end_in_equal_weights():
    ends = [(s.objective.first_weight, s.objective.last_weight) for s in finals("log_weights")]
    assert ends == [(first, 1.0) for first in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)]


def test_the_decision_window_follows_the_image():
    trials = [stage.objective.trial for stage in finals("fewer_steps")]
    assert [(t.image, t.decision) for t in trials] == [(40.0, 12.0), (80.0, 24.0), (120.0, 36.0), (200.0, 60.0)]


def test_weight_decay_stands_in_for_the_penalty():
    by_value = dict(zip(ABLATIONS["weight_decay"].values, finals("weight_decay"), strict=True))
    assert by_value["decay 1e-1"].optimisation.weight_decay == 0.1
    assert by_value["decay 1e-1"].objective.spontaneous_weight == 0.0
    assert by_value["penalty 1e-3"].optimisation.weight_decay == 0.0


def test_a_constraint_stands_in_for_the_penalty():
    by_value = dict(zip(ABLATIONS["contraction"].values, finals("contraction"), strict=True))
    assert by_value["penalty 1e-3"].contraction is None
    assert by_value["norm below 0.95"].contraction == Contraction(0.95, "norm")
    assert by_value["symmetric part below 0.95"].contraction.criterion == "hermitian"
    assert by_value["norm below 0.95"].objective.spontaneous_weight == 0.0


def test_only_the_top_area_is_recurrent_and_needs_no_twin():
    everywhere, top = ABLATIONS["top_area"].runs(options("top_area", "desk", 1))
    assert [area.recurrent_kernel for area in everywhere.recipe.model.spec().areas] == [3, 3]
    assert [area.recurrent_kernel for area in top.recipe.model.spec().areas] == [None, 3]
    assert [stage.name for stage in top.recipe.stages] == ["direct"]


def test_rows_hold_regime_evidence_and_accuracy(tmp_path):
    result = run_ablation("top_area", tmp_path)
    rows = result.rows("networks")
    assert [row["value"] for row in rows] == ["all", "top alone"]
    for row in rows:
        assert row["regime"] == "monostable"
        assert row["image_distance"] < 0.05
        assert row["images"] == 20
        assert row["certified"] == (row["bound"] < 1)
        assert 0 <= row["accuracy"] <= 1
    assert list(pandas.read_parquet(tmp_path / "table.parquet")["regime"]) == ["monostable"] * 2
    assert result.claim("recurrence_helps").verdict == "undecided at this scale"  # one network per value


def test_divergence_in_training_counts_as_unstable(tmp_path, monkeypatch):
    monkeypatch.setitem(BASES._entries, "tiny", lambda: tiny(gain=1e6))
    result = run_ablation("top_area", tmp_path)
    rows = result.rows("networks")
    assert {row["status"] for row in rows} == {"diverged"}
    assert regime_counts(rows)["all"][Regime.UNSTABLE] == 1
    assert result.claim("recurrence_helps").value is None


def test_other_failures_are_not_called_unstable(tmp_path, monkeypatch):
    wrong = dataclasses.replace(tiny(), model=ModelChoice(image_size=8, width=4, num_classes=3))
    monkeypatch.setitem(BASES._entries, "tiny", lambda: wrong)
    with pytest.raises(ValueError, match="failed: num_classes = 3"):
        run_ablation("top_area", tmp_path)


def test_the_claim_compares_shares_of_monostable_networks():
    from cordsnet.experiments.ablations.ablation import _compare

    rows = [{"value": v, "regime": r, "status": "finished"} for v, r in (("0", "multistable"), ("1e-3", "monostable"))]
    found = _compare(rows * 10, "1e-3", "0", "monostable")
    assert found.value == 1
    assert found.interval[0] > 0.5
    assert found.n == 20


def test_random_weights_differ_in_their_recurrent_gain_alone(tmp_path):
    weak, strong = (
        fit(dataclasses.replace(tiny(gain), stages=(RandomInit(gain=gain),)), tmp_path / str(gain))["random"].model()
        for gain in (0.5, 3.0)
    )
    theirs = strong.state_dict()
    for name, value in weak.state_dict().items():
        factor = 6.0 if "recurrent" in name and name.endswith("original0") else 1.0
        assert torch.allclose(theirs[name], factor * value)
    with pytest.raises(ValueError, match="gain must be a finite number above 0"):
        RandomInit(gain=0.0)


@pytest.mark.usefixtures("as_users_run_it")
def test_the_command_writes_a_report(capsys, tmp_path):
    assert main(["reproduce", "top_area", "--seeds", "2", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| top alone | 2 | 0 | 0 | 0 | 0 |" in said
    assert "Recurrence in every area reads better" in said
    assert (tmp_path / "figures" / "top_area.png").stat().st_size > 1000
    assert "data:image/png;base64," in (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["top_aera"], "did you mean 'top_area'"),
        (["top_area", "--scale", "dsek"], "did you mean 'desk'"),
        (["top_area", "--seeds", "0"], "seeds must be at least 1"),
    ],
)
def test_bad_requests_are_refused(capsys, tmp_path, words, said):
    assert main(["reproduce", *words, "--output", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
