"""Results: every experiment's is written, read back equal, and drawn again; damaged files are refused."""

import dataclasses
import json

import numpy as np
import pandas
import pytest
import torch
from test_ablations import tiny
from test_table1 import tiny_direct, tiny_staged
from tiny import tiny_recipe

from answers_by_hand import write_challenge, write_images, write_objects, write_trials
from cordsnet.cli import main
from cordsnet.data import Split
from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Axis, LabelledArray, Result, Setting, read_result, write_data
from cordsnet.experiments.ablations import ABLATIONS
from cordsnet.experiments.claims import Claim, Measured, at_most
from cordsnet.experiments.recipes import BASES
from cordsnet.experiments.result import merge
from cordsnet.experiments.storage import ARRAYS, RESULT
from cordsnet.models import CNN, build, create_model, fold
from cordsnet.report import write_result
from recordings_by_hand import write_frames, write_movies, write_recording

TINY = {"tiny": tiny, "tiny_run": tiny_recipe, "tiny_staged": tiny_staged, "tiny_direct": tiny_direct}
CHANGES = {
    "adversarial": {"image_ms": 20.0, "steps": 1},
    "degraded": {"image_ms": 20.0},
    "coarse_training": {"recipe": "tiny", "simulated_dts_ms": (5.0,), "seeds": 1},
    "dense_networks": {"updates": 1, "seeds": 1},
    "demo": {"recipe": "tiny_run", "trials": 40, "trained_ms": 40.0, "baseline_ms": 40.0},
    "dynamical_regimes": {"updates": 1, "trials": 20, "units": (16,)},
    "expressivity": {"updates": 1, "trials": 20, "units": (16,)},
    "held_attractors": {"updates": 1, "trials": 20, "starts": 12, "large": ()},
    "pixel_tasks": {"updates": 1, "trials": 20, "curve_trials": 20},
    "gradient_rules": {"updates": 1, "image_ms": 40.0, "seeds": 1, "width": 2, "images": 4},
    "challenge_models": {"photographs": 2, "folds": 2, "read_ms": 150.0},
    "masking_models": {"objects": 15, "folds": 3, "read_to_ms": 325.0},
    "inverse_init": {"recipe": "tiny_run", "divide_updates": 200, "seeds": 1},
    "neural_between": {"draws": 20, "latency_ms": 0.0, "metric": "euclidean"},
    "neural_decoding": {"folds": 2, "from_ms": -50.0, "over": "position"},
    "neural_scores": {"components": 2, "splits": 2, "draws": 20, "latency_ms": 0.0},
    "neural_straightening": {"draws": 20, "image_ms": 20.0},
    "mixtures": {"sweep_ms": (40.0, 80.0), "image_ms": 40.0, "hold_ms": 40.0, "dominance_ms": 40.0},
    "portrait": {"starts": 2, "followed_tau": 20},
    "precision": {"image_ms": 10.0},
    "reaction_time": {"photographs": 2, "folds": 2, "read_ms": 200.0, "stay_ms": 50.0, "draws": 20},
    "spontaneous_or_decay": {"recipe": "tiny", "seeds": 1, "probes_per_class": 1},
    "table1": {
        "staged": "tiny_staged", "direct": "tiny_direct", "divide_updates": 1, "image_size": 12, "seeds": 1,
        "direct_factors": (1.0,),
    },
    "temporal_tasks": {"updates": 1, "trials": 20},
    "time_course": {"hold_ms": 200.0, "blank_ms": 40.0, "second_ms": 40.0, "examples": 2},
}  # fmt: skip


def small_setting(output, experiment) -> Setting:
    if experiment.stored:
        return Setting()
    if experiment.trains:
        return Setting(output=output)
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8)
    twin = fold(build(model.spec, kind=CNN).eval())
    images = torch.randn(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    models = {"net": model} | ({"cnn": twin} if experiment.paired else {})
    return Setting(models, Split(images, torch.arange(24) % 3))


def swept(runs, *args, **kwargs):
    """Rows as a sweep gives them; the first run diverged."""
    finished = {"status": "finished", "error": "", "regime": "monostable", "accuracy": 0.9, "certified": True}
    measured = {"bound": 0.9, "image_distance": 0.01, "speed": float("nan"), "images": 20, "direct.seconds": 1.5}
    rows = [{**run.columns, "run": run.name, "seed": run.recipe.seed, **finished, **measured} for run in runs]
    first = {name: rows[0][name] for name in ("value", "run", "seed")}
    return [{**first, "status": "diverged", "error": "loss is nan"}, *rows[1:]]


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_result_is_read_back_equal_and_drawn_again(name, tmp_path, monkeypatch):
    for recipe, make in TINY.items():
        monkeypatch.setitem(BASES._entries, recipe, make)
    if name != "top_area":  # one ablation is trained, the others differ in their recipes alone
        monkeypatch.setattr("cordsnet.experiments.ablations.ablation.sweep", swept)
    experiment = EXPERIMENTS[name]
    changes = {"recipe": "tiny", "direct": "tiny", "seeds": 1, "probes_per_class": 1} if name in ABLATIONS else {}
    options = dataclasses.replace(experiment.presets["smoke"].options, **(changes or CHANGES.get(name, {})))
    if hasattr(options, "people"):
        write_images(write_objects(write_challenge(write_trials(tmp_path))))
        options = dataclasses.replace(options, people=str(tmp_path))
    setting = small_setting(tmp_path / "run", experiment)
    if hasattr(options, "recording"):
        net = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8)
        found = dict(zip(("recording", "pictures"), map(str, write_recording(tmp_path, net)), strict=True))
        if hasattr(options, "frames"):
            path, pixels = write_frames(tmp_path)
            movies = pixels.reshape(*pixels.shape[:2], -1)[..., ::20] / 50
            found = {"recording": str(write_movies(tmp_path, (movies, movies[::-1]))), "frames": str(path)}
        if name == "neural_between":
            other = write_recording(tmp_path / "other", net, seed=1)[0]
            found = {"recording": (found["recording"], str(other)), "pictures": (found["pictures"],)}
        options = dataclasses.replace(options, **{name: found[name] for name in found if hasattr(options, name)})
    result = experiment(setting, options)
    page, missing = write_result(result, tmp_path / "out")
    read = read_result(tmp_path / "out")
    assert missing == ()
    assert read == result
    assert read.meta["experiment"] == name
    assert {"versions", "machine", "seed", "options", "seconds", "started"} <= set(read.meta)
    assert {claim.name for claim in read.claims} == {claim.name for claim in experiment.claims}
    for table, rows in result.tables.items():
        assert len(pandas.read_parquet(tmp_path / "out" / "tables" / f"{table}.parquet")) == len(rows)
    again, _ = write_result(read, tmp_path / "again")
    assert again.read_text() == page.read_text()
    for claim in experiment.claims:
        assert claim.statement.split("'")[0] in page.read_text()


@pytest.fixture
def result():
    claim = Claim("drop", "Accuracy does not fall.", "a paper, Figure 1", "points", at_most(0.05), exact=True)
    rows = [{"model": "a", "value": 1.5, "n": 3, "ok": True}, {"model": "b", "value": float("inf"), "none": None}]
    axes = (Axis("time", (1.0, 2.0), "ms"), Axis("area", ("v1", "it", "é")))
    array = LabelledArray(np.arange(6, dtype=np.float32).reshape(2, 3), axes, "1/s", "rates")
    bare = LabelledArray(np.array([[np.nan, 1.0]]), (Axis("row"), Axis("column")))
    claims = (claim, claim.found(Measured(0.2, (0.1, 0.3), 9), "net"))
    return Result({"rows": rows, "empty": ()}, {"rates/net": array, "bare": bare}, claims, {"options": {"a": [1, 2.5]}})


def test_cells_that_were_not_measured_are_left_out(result):
    assert result.rows("rows", model="b") == ({"model": "b", "value": float("inf")},)
    assert Result({"t": [{"a": float("nan"), "b": np.float32(2)}]}).rows("t") == ({"b": 2.0},)
    with pytest.raises(TypeError, match="cell 'a' must be"):
        Result({"t": [{"a": [1]}]})


def test_files_hold_everything_in_plain_formats(result, tmp_path):
    assert write_data(result, tmp_path) == ()
    assert read_result(tmp_path) == result
    text = (tmp_path / RESULT).read_text()
    strict = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [claim["verdict"] for claim in strict["claims"]] == ["undecided at this scale", "fails"]
    assert not list(tmp_path.rglob("*.part"))
    xarray = result.arrays["rates/net"].to_xarray()
    assert xarray.sel(time=2.0, area="it").item() == 4.0
    assert xarray.attrs["units"] == "1/s"


def test_a_failed_claim_says_so_on_the_page_and_in_the_terminal(result, tmp_path):
    page, _ = write_result(result, tmp_path)
    assert '<td class="fails">fails</td>' in page.read_text()
    assert "| fails |" in (tmp_path / "table.md").read_text()


@pytest.mark.usefixtures("as_users_run_it")
def test_a_claim_whose_rule_fails_is_printed_as_failed(capsys, tmp_path):
    words = ["experiment", "steppers", "cordsnet_r2_small", "--dts_ms", "4,2", "--ms", "8", "--trials", "2", "--quiet"]
    assert main([*words, "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for claim in read_result(tmp_path).claims:
        assert f"{claim.verdict}: {claim.statement}" in said


def test_what_is_damaged_too_large_or_missing_is_refused(result, tmp_path, monkeypatch):
    with pytest.raises(RunError, match="cannot be read"):
        read_result(tmp_path)
    write_data(result, tmp_path)
    good = (tmp_path / RESULT).read_text()
    for bad in ("", "{}", "[]", good[:-5], good.replace('"format": 1', '"format": 2'), "[" * 100_000):
        (tmp_path / RESULT).write_text(bad)
        with pytest.raises(RunError, match="result"):
            read_result(tmp_path)
    (tmp_path / RESULT).write_text(good)
    (tmp_path / ARRAYS).write_bytes(b"\x80\x04never unpickled")
    with pytest.raises(RunError):
        read_result(tmp_path)
    monkeypatch.setattr("cordsnet.experiments.storage.LARGEST_RESULT", 10)
    with pytest.raises(RunError, match="larger than 10 bytes"):
        read_result(tmp_path)


def test_what_a_library_is_missing_for_is_said(result, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = write_data(result, tmp_path)
    assert any("cordsnet[xarray]" in sentence for sentence in said)
    assert any("cordsnet[sweep]" in sentence for sentence in said)
    assert json.loads((tmp_path / RESULT).read_text())["tables"]["rows"][0]["value"] == 1.5


def test_results_of_one_name_are_not_merged(result):
    with pytest.raises(ValueError, match="two results have"):
        merge([result, result])
    assert merge([result, Result({"other": ()})]).claims == result.claims


def test_models_and_their_needs_are_checked(tmp_path):
    noise, table1 = EXPERIMENTS["noise"], EXPERIMENTS["table1"]
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8)
    with pytest.raises(ValueError, match="needs a model"):
        noise(Setting())
    with pytest.raises(ValueError, match="trains its own networks"):
        table1(Setting({"net": model}))
    with pytest.raises(ValueError, match="no test images for 'net'"):
        noise(Setting({"net": model}))
    with pytest.raises(ValueError, match="needs an output folder"):
        table1(Setting())
    with pytest.raises(ValueError, match="without '/'"):
        Setting({"a/b": model})
