"""The comparison of inverse initialisations: its runs, its table, and the command."""

import json

import pandas
import pytest
from tiny import tiny_recipe

from cordsnet.cli import main
from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Result, Setting
from cordsnet.experiments.inverse_init import BATCH, DT_MS, SCHEMES, InverseInitOptions, init_runs
from cordsnet.experiments.recipes import BASES
from cordsnet.report.inverse_init import summary
from cordsnet.training import Run, TrainDynamics

NAMES = tuple(SCHEMES)
LINEAR = {"paper", "ten_terms"}


SHARED = {name: {"description": "", "linear": name in LINEAR} for name in NAMES}


@pytest.fixture
def tiny(monkeypatch):
    """A network and trials for tests."""
    monkeypatch.setitem(BASES._entries, "tiny", tiny_recipe)


@pytest.mark.parametrize("preset", ["smoke", "desk"])
def test_every_scheme_starts_from_the_same_cnn_and_has_as_many_updates_of_the_dynamics(preset):
    runs = init_runs(EXPERIMENTS["inverse_init"].presets[preset].options, range(2))
    assert len({run.name for run in runs}) == len(runs) == 2 * len(NAMES)
    assert {name for name in SCHEMES if SCHEMES[name].linear} == LINEAR
    updates = set()
    for run in runs:
        names = [stage.name for stage in run.recipe.stages]
        linear = run.columns["scheme"] in LINEAR
        assert names == ["cnn", "fold", "init", *(("linear", "anneal") if linear else ()), "finetune"]
        assert run.recipe.stages[:2] == runs[0].recipe.stages[:2]
        trained = [stage for stage in run.recipe.stages if isinstance(stage, TrainDynamics)]
        updates.add(sum(stage.optimisation.updates for stage in trained))
        assert {(s.dt_ms, s.optimisation.batch) for s in trained} == {(DT_MS, BATCH)}
    assert len(updates) == 1
    assert len({str(run.recipe.stages[2].to_dict()) for run in runs}) == len(NAMES)


@pytest.mark.usefixtures("tiny", "as_users_run_it")
def test_the_command_measures_every_scheme_from_one_cnn(tmp_path, capsys):
    words = ["--recipe", "tiny", "--divide_updates", "200", "--seeds", "1"]
    assert main(["reproduce", "inverse_init", *words, "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    rows = pandas.read_parquet(tmp_path / "table.parquet").set_index("scheme")
    assert set(rows.index) == set(SCHEMES)
    assert set(rows["status"]) == {"finished"}
    assert all(f"| {name} | " in said for name in SCHEMES)
    cnns = {path.read_text() for path in tmp_path.glob("*/seed=0/cnn/result.json")}
    assert len(cnns) == 1
    assert len(list(tmp_path.glob("*/seed=0/cnn/logs_*"))) == len(NAMES) + 1
    for name, row in rows.iterrows():
        assert row["settled/area1"] > 0
        assert 0 <= row["finetune.test_accuracy"] <= 1
        assert pandas.isna(row["linear.test_accuracy"]) == (name not in LINEAR)
    measured = json.loads((tmp_path / "imitate_all" / "seed=0" / "init" / "result.json").read_text())["metrics"]
    found = rows.loc["imitate_all"]
    assert found["settled/area2"] == pytest.approx(measured["unexplained_variance/area2"], rel=1e-3)
    assert (tmp_path / "report.html").is_file()


def test_the_table_has_means_standard_errors_and_failures():
    def row(scheme, seed, settled, **more):
        columns = {"scheme": scheme, "seed": seed, "status": "finished", "settled/area1": settled}
        return columns | {"init.unexplained_variance/area1": 0.5, "finetune.test_accuracy": 0.9} | more

    rows = [row("paper", 0, 0.1), row("paper", 1, 0.3), row("imitate_all", 0, 0.05)]
    rows.append(row("imitate_all", 1, 0.05, status="diverged"))
    table = summary(Result({"networks": rows}, meta={"schemes": SHARED}))
    cells = {line[0]: dict(zip(table.heads, line, strict=True)) for line in table.rows}
    assert cells["paper"]["unexplained area1 (%)"] == "20.0 ± 10.0"
    assert cells["paper"]["as linear area1 (%)"] == "50.0 ± 0.0"
    assert cells["paper"]["after linear training (%)"] == "-"
    assert cells["imitate_all (1 failed)"]["unexplained area1 (%)"] == "5.0"
    assert cells["imitate_all (1 failed)"]["as linear area1 (%)"] == "-"


def test_a_cnn_that_failed_is_named(monkeypatch, tmp_path):
    def failed(runs: list[Run], *args, **kwargs):
        return [{"run": run.name, "status": "diverged", "error": "loss is nan"} for run in runs]

    monkeypatch.setattr("cordsnet.experiments.inverse_init.sweep", failed)
    with pytest.raises(RunError, match="the CNN of seed=0 failed: loss is nan"):
        EXPERIMENTS["inverse_init"](Setting(output=tmp_path), InverseInitOptions(seeds=1))
    with pytest.raises(ValueError, match="seeds must be at least 1, got 0"):
        InverseInitOptions(seeds=0)
