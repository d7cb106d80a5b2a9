"""Table 1: its runs, its rows, and the command."""

import dataclasses

import pytest
from tiny import tiny_recipe

from cordsnet.cli import main
from cordsnet.experiments.table1 import TABLE_SCALES, Scale, table1, table_runs
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
    runs = table_runs(scale, ["digits"], [2, 4], seeds=2)
    assert len({run.name for run in runs}) == 2 * 2 * 2
    updates = {}
    for run in runs:
        stages = [s for s in run.recipe.stages if s.kind in ("imitate", "train_settled", "train_dynamics")]
        updates[run.columns["method"]] = sum(stage.optimisation.updates for stage in stages)
        assert all(stage.augmentation == "small_affine" for stage in stages)
        assert len(run.recipe.model.spec().areas) == run.columns["depth"]
    assert updates["staged"] == pytest.approx(updates["direct"], abs=2)


def test_rows_hold_all_three_methods(tiny_scale, tmp_path):
    rows = table1(tmp_path, "smoke", seeds=2)
    assert [row["method"] for row in rows].count("cnn") == 2
    assert {(row["method"], row["seed"]) for row in rows} == {
        (m, s) for m in ("cnn", "staged", "direct") for s in (0, 1)
    }
    assert all(0 <= row["accuracy"] <= 1 and row["seconds"] > 0 for row in rows)


def test_mean_and_standard_error():
    rows = [
        {"dataset": "digits", "depth": 2, "method": method, "seed": seed, "accuracy": value, "seconds": 1.0}
        for method, values in {"cnn": (0.9, 1.0), "staged": (0.8, 0.8), "direct": (0.5, 0.7)}.items()
        for seed, value in enumerate(values)
    ]
    assert accuracy_table(rows).rows == [("digits", "R2", "95.0 ± 5.0", "80.0 ± 0.0", "60.0 ± 10.0")]


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
