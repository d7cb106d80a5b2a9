"""Table 1: its runs, its rows, and the command."""

import dataclasses

import pytest
from tiny import tiny_recipe

from cordsnet.cli import main
from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Result, Setting
from cordsnet.experiments.recipes import BASES, base_recipe
from cordsnet.experiments.table1 import Table1Options, best_factors, make_cell, search_runs, table_runs
from cordsnet.report.table1 import summary
from cordsnet.training import Imitate, Recipe


def tiny_staged() -> Recipe:
    base = tiny_recipe()
    imitate = Imitate(optimisation=dataclasses.replace(Imitate().optimisation, updates=2, batch=16))
    finetune = dataclasses.replace(base.stage("finetune"), start="imitate")
    return Recipe("tiny", (base.stage("cnn"), base.stage("fold"), imitate, finetune), base.model)


def tiny_direct() -> Recipe:
    base = tiny_recipe()
    return Recipe("tiny_direct", (base.stage("direct"),), base.model)


TINY = Table1Options(staged="tiny", direct="tiny_direct", divide_updates=1, image_size=12, direct_factors=(1.0, 3.0))
PRESETS = EXPERIMENTS["table1"].presets


@pytest.fixture
def tiny_recipes(monkeypatch):
    monkeypatch.setitem(BASES._entries, "tiny", tiny_staged)
    monkeypatch.setitem(BASES._entries, "tiny_direct", tiny_direct)


@pytest.mark.parametrize("preset", ["smoke", "desk"])
def test_every_cell_has_its_runs_with_as_many_updates_of_the_dynamics(preset):
    cells = [make_cell(PRESETS[preset].options, "digits", depth) for depth in (2, 4)]
    runs = table_runs(cells, {("digits", 2): 1.0, ("digits", 4): 3.0}, range(2))
    assert len({run.name for run in runs}) == 2 * 2 * 2
    updates = {}
    for run in runs:
        stages = [s for s in run.recipe.stages if s.kind in ("imitate", "train_settled", "train_dynamics")]
        updates[run.columns["method"]] = sum(stage.optimisation.updates for stage in stages)
        assert all(stage.augmentation == "small_affine" for stage in stages)
        assert len(run.recipe.model.spec().areas) == run.columns["depth"]
    assert updates["staged"] == pytest.approx(updates["direct"], abs=2)


def test_direct_training_is_searched_for_its_learning_rates_with_a_seed_of_its_own():
    options = PRESETS["desk"].options
    runs = search_runs(options, [make_cell(options, "digits", 2)])
    assert [run.columns["factor"] for run in runs] == [0.3, 1.0, 3.0, 10.0]
    for run in runs:
        assert run.recipe.seed >= options.seeds
        for stage, base in zip(run.recipe.stages, base_recipe(options.direct).stages, strict=True):
            assert stage.optimisation.lr == pytest.approx(run.columns["factor"] * base.optimisation.lr)
            assert stage.optimisation.updates == base.optimisation.updates // options.divide_updates


def found(factor, accuracy):
    row = {"dataset": "digits", "depth": 2, "factor": factor, "status": "finished", "error": ""}
    diverged = row | {"status": "failed", "error": "rates are not finite"}
    return diverged if accuracy is None else row | {"direct.test_accuracy": accuracy}


def test_the_best_learning_rates_are_those_of_the_highest_accuracy():
    searched = [found(0.3, 0.4), found(1.0, 0.6), found(3.0, None)]
    assert best_factors(searched) == {("digits", 2): 1.0}
    with pytest.raises(RunError, match="R2 on digits failed at every learning rate: rates are not finite"):
        best_factors([found(1.0, None), found(3.0, None)])


def test_rows_hold_all_three_methods(tiny_recipes, tmp_path):
    result = EXPERIMENTS["table1"](Setting(output=tmp_path), TINY)
    rows = result.rows("networks")
    assert [row["method"] for row in rows].count("cnn") == 2
    assert {(row["method"], row["seed"]) for row in rows} == {
        (m, s) for m in ("cnn", "staged", "direct") for s in (0, 1)
    }
    assert all(0 <= row["accuracy"] <= 1 and row["seconds"] > 0 for row in rows)
    assert [row["factor"] for row in result.rows("search")] == [1.0, 3.0]
    claim = result.claim("staged_near_cnn", "digits, R2")
    assert claim.n == 4
    assert claim.value is not None


def test_mean_and_standard_error():
    rows = [
        {"dataset": "digits", "depth": 2, "method": method, "seed": seed, "accuracy": value, "status": "finished"}
        for method, values in {"cnn": (0.9, 1.0), "staged": (0.8, 0.8), "direct": (0.5, 0.7)}.items()
        for seed, value in enumerate(values)
    ]
    assert summary(Result({"networks": rows})).rows == [("digits", "R2", "95.0 ± 5.0", "80.0 ± 0.0", "60.0 ± 10.0")]
    rows[-1] |= {"accuracy": float("nan"), "status": "failed"}
    assert summary(Result({"networks": rows})).rows == [("digits", "R2", "95.0 ± 5.0", "80.0 ± 0.0", "50.0 (1 failed)")]


@pytest.mark.usefixtures("as_users_run_it")
def test_the_command_writes_table_and_report(tiny_recipes, tmp_path, capsys):
    words = ["reproduce", "table1", "--datasets", "digits", "--depths", "2", "--seeds", "1", "--output", str(tmp_path)]
    tiny = ["--staged", "tiny", "--direct", "tiny_direct", "--divide_updates", "1", "--image_size", "12"]
    assert main([*words, *tiny, "--direct_factors", "1"]) == 0
    assert "| digits | R2 |" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "table.parquet").is_file()


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["top_area", "--depths", "2"], "depths"),
        (["table1", "--depths", "two"], "depths"),
        (["table1", "--depths", "3"], "cordsnet_r3_small"),
        (["table1", "--datasets", "digts"], "digts"),
        (["table1", "--scale", "huge"], "huge"),
        (["table1", "--seeds", "0"], "seeds must be at least 1"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(words, message, tmp_path, capsys):
    assert main(["reproduce", *words, "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
