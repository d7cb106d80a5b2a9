"""Table 1: its runs, its rows, and the command."""

import dataclasses

import pytest
from tiny import tiny_recipe

from cordsnet.cli import main
from cordsnet.errors import RunError
from cordsnet.experiments.table1 import TABLE_SCALES, Scale, best_factors, make_cell, search_runs, table1, table_runs
from cordsnet.report.table1 import accuracy_table
from cordsnet.training import Imitate, Recipe


def tiny_staged() -> Recipe:
    base = tiny_recipe()
    imitate = Imitate(optimisation=dataclasses.replace(Imitate().optimisation, updates=2, batch=16))
    finetune = dataclasses.replace(base.stage("finetune"), start="imitate")
    return Recipe("tiny", (base.stage("cnn"), base.stage("fold"), imitate, finetune), base.model)


def tiny_direct() -> Recipe:
    base = tiny_recipe()
    return Recipe("tiny_direct", (base.stage("direct"),), base.model)


@pytest.fixture
def tiny_scale(monkeypatch):
    row = Scale(tiny_staged, tiny_direct, "cordsnet_r{}_small", 12, {}, 2)
    monkeypatch.setitem(TABLE_SCALES._entries, "smoke", row)


@pytest.mark.parametrize("scale", ["smoke", "desk"])
def test_every_cell_has_its_runs_with_as_many_updates_of_the_dynamics(scale):
    cells = [make_cell(TABLE_SCALES[scale], "digits", depth) for depth in (2, 4)]
    runs = table_runs(cells, {("digits", 2): 1.0, ("digits", 4): 3.0}, seeds=2)
    assert len({run.name for run in runs}) == 2 * 2 * 2
    updates = {}
    for run in runs:
        stages = [s for s in run.recipe.stages if s.kind in ("imitate", "train_settled", "train_dynamics")]
        updates[run.columns["method"]] = sum(stage.optimisation.updates for stage in stages)
        assert all(stage.augmentation == "small_affine" for stage in stages)
        assert len(run.recipe.model.spec().areas) == run.columns["depth"]
    assert updates["staged"] == pytest.approx(updates["direct"], abs=2)


def test_direct_training_is_searched_for_its_learning_rates_with_a_seed_of_its_own():
    scale = TABLE_SCALES["desk"]
    cell = make_cell(scale, "digits", 2)
    runs = search_runs(scale, [cell])
    assert [run.columns["factor"] for run in runs] == [0.3, 1.0, 3.0, 10.0]
    for run in runs:
        assert run.recipe.seed >= scale.seeds
        for stage, base in zip(run.recipe.stages, scale.direct().stages, strict=True):
            assert stage.optimisation.lr == pytest.approx(run.columns["factor"] * base.optimisation.lr)
            assert stage.optimisation.updates == base.optimisation.updates


def found(factor, accuracy):
    row = {"dataset": "digits", "depth": 2, "factor": factor, "status": "finished", "error": ""}
    diverged = row | {"status": "failed", "error": "rates are not finite"}
    return diverged if accuracy is None else row | {"direct.test_accuracy": accuracy}


def test_the_best_learning_rates_are_those_of_the_highest_accuracy():
    searched = [found(0.3, 0.4), found(1.0, 0.6), found(3.0, None)]
    assert best_factors(searched) == {("digits", 2): 1.0}
    with pytest.raises(RunError, match="R2 on digits failed at every learning rate: rates are not finite"):
        best_factors([found(1.0, None), found(3.0, None)])


def test_rows_hold_all_three_methods(tiny_scale, tmp_path):
    rows = table1(tmp_path, "smoke", seeds=2)
    assert [row["method"] for row in rows].count("cnn") == 2
    assert {(row["method"], row["seed"]) for row in rows} == {
        (m, s) for m in ("cnn", "staged", "direct") for s in (0, 1)
    }
    assert all(0 <= row["accuracy"] <= 1 and row["seconds"] > 0 for row in rows)


def test_mean_and_standard_error():
    rows = [
        {"dataset": "digits", "depth": 2, "method": method, "seed": seed, "accuracy": value, "status": "finished"}
        for method, values in {"cnn": (0.9, 1.0), "staged": (0.8, 0.8), "direct": (0.5, 0.7)}.items()
        for seed, value in enumerate(values)
    ]
    assert accuracy_table(rows).rows == [("digits", "R2", "95.0 ± 5.0", "80.0 ± 0.0", "60.0 ± 10.0")]
    rows[-1] |= {"accuracy": float("nan"), "status": "failed"}
    assert accuracy_table(rows).rows == [("digits", "R2", "95.0 ± 5.0", "80.0 ± 0.0", "50.0 (1 failed)")]


def test_the_command_writes_table_and_report(tiny_scale, tmp_path, capsys):
    assert (
        main(
            ["reproduce", "table1", "--datasets", "digits", "--depths", "2", "--seeds", "1", "--output", str(tmp_path)]
        )
        == 0
    )
    assert "| digits | R2 |" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "table.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["top_area", "--depths", "2"], "has no choice of depths"),
        (["table1", "--depths", "two"], "depths must be whole numbers"),
        (["table1", "--depths", "3"], "cordsnet_r3_small"),
        (["table1", "--datasets", "digts"], "digts"),
        (["table1", "--scale", "huge"], "huge"),
        (["table1", "--seeds", "0"], "seeds must be at least 1"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(words, message, tmp_path, capsys):
    assert main(["reproduce", *words, "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
