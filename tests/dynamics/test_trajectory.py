"""Trajectories: what is shown of them, files, joining, plots."""

import json
import os
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray
import zarr
from numpy.testing import assert_allclose

from cordsnet import Record, Trajectory, blank, create_model, give, show, simulate, together
from cordsnet.dynamics import storing
from cordsnet.errors import DataError
from cordsnet.models import MODELS
from oracles import CASCADE, NETWORKS, random_images, randomised

ENDINGS = [".zarr", ".nc"]


def tiny(name):
    return create_model(name, **MODELS[name].tiny).eval()


def recorded(spec=CASCADE, ms=20.0, record="all", dtype=torch.float64, **options):
    model = randomised(spec).to(dtype)
    return simulate(model, show(random_images(spec).to(dtype), ms), record=record, **options)


def equal(one, other):
    assert torch.equal(one.time_ms, other.time_ms)
    for kind in ("rates", "outputs"):
        mine, others = getattr(one, kind), getattr(other, kind)
        assert list(mine) == list(others)
        for name in mine:
            assert mine[name].dtype == others[name].dtype
            assert torch.equal(mine[name].nan_to_num(7), others[name].nan_to_num(7))
    assert dict(one.axes) == dict(other.axes)
    for name in ("clock", "notes", "model", "duration_ms"):
        assert getattr(one, name) == getattr(other, name)
    assert one.final_state.step == other.final_state.step
    for name, value in one.final_state.values.items():
        assert torch.equal(value, other.final_state.values[name])
    for name, queue in one.final_state.past.items():
        assert len(queue) == len(other.final_state.past[name])


RECORDED = {
    **{f"network {name}": lambda spec=spec: recorded(spec) for name, spec in NETWORKS.items()},
    **{
        f"model {name}": lambda name=name: simulate(tiny(name), blank(tiny(name).dt_ms * 4), record="all")
        for name in ("cornet_s_small", "convlstm_small", "cnn_r2_small", "task_rnn_small")
    },
    "half": lambda: recorded(dtype=torch.bfloat16, initial_state="zero"),
    "single": lambda: recorded(dtype=torch.float32),
    "drives": lambda: recorded(record=["area1.drive", "stem"]),
    "reduced": lambda: recorded(record=Record("all", reduce="norm", every_ms=10)),
    "counts": lambda: recorded(record=Record(["area1"], reduce=lambda r: (r > 0).sum((1, 2, 3)))),
    "booleans": lambda: recorded(record=Record(["area1"], reduce=lambda r: r > 0)),
    "no outputs": lambda: recorded(record=Record("area2", outputs=())),
    "nothing but scores": lambda: recorded(record=()),
    "fine steps": lambda: recorded(dt=0.1),
    "rounded": lambda: simulate(tiny("convlstm_small"), blank(33.0)),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("case", RECORDED)
def test_a_trajectory_comes_back_from_its_file(case, ending, tmp_path):
    one = RECORDED[case]()
    path = one.save(tmp_path / "deep" / f"run{ending}")
    assert os.listdir(path.parent) == [path.name]
    equal(Trajectory.load(path), one)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_simulation_goes_on_from_a_file(ending, tmp_path):
    for spec in (CASCADE, NETWORKS["delays"]):
        model, images = randomised(spec), random_images(spec)
        first = simulate(model, show(images, 20))
        wanted = simulate(model, show(images, 20), initial_state=first.final_state).logits
        again = Trajectory.load(first.save(tmp_path / f"{spec.name}{ending}"))
        assert torch.equal(simulate(model, show(images, 20), initial_state=again.final_state).logits, wanted)


@pytest.mark.parametrize("ending", ENDINGS)
def test_xarray_reads_the_file_with_names_and_units(ending, tmp_path):
    one = recorded()
    path = one.save(tmp_path / f"run{ending}")
    with xarray.open_dataset(path, engine="h5netcdf" if ending == ".nc" else "zarr") as data:
        assert data["area1"].dims == ("time", "trial", "area1_channel", "area1_row", "area1_column")
        assert data["time"].attrs["units"] == "ms"
        assert data.attrs["dt_ms"] == 2.0
        assert np.array_equal(data["logits"].sel(time=10.0), one.logits[4].detach())


@pytest.mark.parametrize("name", ["run", "run.pkl", "run.pt", "run.npz", "run.h5", "run.zarr.zip"])
def test_other_endings_are_refused_by_name(name, tmp_path):
    for call in (recorded().save, Trajectory.load):
        with pytest.raises(DataError, match=rf"\.zarr.*\.nc.*{name}"):
            call(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_there_already_is_replaced_only_when_asked_for_and_only_trajectories(ending, tmp_path):
    one, other = recorded(), recorded(ms=30.0)
    path = one.save(tmp_path / f"run{ending}")
    with pytest.raises(DataError, match="overwrite=True"):
        other.save(path)
    equal(Trajectory.load(path), one)
    other.save(path, overwrite=True)
    equal(Trajectory.load(path), other)
    precious = tmp_path / f"precious{ending}"
    if ending == ".nc":
        precious.write_text("mine")
    else:
        precious.mkdir()
        (precious / "file").write_text("mine")
    with pytest.raises(DataError, match="precious"):
        one.save(precious, overwrite=True)
    assert "mine" in (precious if ending == ".nc" else precious / "file").read_text()
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, precious.name])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_save_that_fails_leaves_what_was_there(ending, tmp_path, monkeypatch):
    one = recorded()
    path = one.save(tmp_path / f"run{ending}")

    def failing(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="no space"):
        recorded(ms=30.0).save(tmp_path / f"other{ending}")
    assert os.listdir(tmp_path) == [path.name]


def test_values_that_no_file_keeps_are_refused_by_name(tmp_path):
    one = recorded(record=Record(["area1"], reduce=lambda r: r.flatten(1).to(torch.complex128)))
    with pytest.raises(DataError, match=r"'area1' holds torch\.complex128"):
        one.save(tmp_path / "run.nc")
    assert os.listdir(tmp_path) == []


def damage_all(path):
    for file in [path] if path.is_file() else sorted(path.rglob("zarr.json")):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.mkdir() if path.suffix == ".zarr" else path.touch()


def foreign(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    data = xarray.Dataset({"x": ("a", [1.0, 2.0])})
    data.to_netcdf(path, engine="h5netcdf") if path.suffix == ".nc" else data.to_zarr(path)


def other_kind(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.touch() if path.suffix == ".zarr" else path.mkdir()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("damage", [damage_all, empty, foreign, other_kind])
def test_what_holds_no_trajectory_is_refused_in_a_sentence(damage, ending, tmp_path):
    path = recorded().save(tmp_path / f"run{ending}")
    damage(path)
    with pytest.raises(DataError, match=f"run{ending}") as caught:
        Trajectory.load(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no trajectory at"):
        Trajectory.load(tmp_path / f"absent{ending}")


class Trap:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_no_code_of_a_zarr_folder_is_run(tmp_path):
    path = tmp_path / "trap.zarr"
    mark = tmp_path / "sprung"
    path.mkdir()
    (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
    (path / "time").mkdir()
    meta = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": None, "order": "C"}
    (path / "time" / ".zarray").write_text(json.dumps(meta | {"filters": [{"id": "pickle"}], "compressor": None}))
    (path / "time" / "0").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(DataError, match="format 2"):
        Trajectory.load(path)
    assert not mark.exists()


@pytest.mark.parametrize("change", ["codec", "type", "link", "enormous"])
def test_arrays_that_are_not_ours_are_not_read(change, tmp_path):
    path = recorded().save(tmp_path / "run.zarr")
    file = path / "area1" / "zarr.json"
    described = json.loads(file.read_text())
    if change == "codec":
        described["codecs"].append({"name": "numcodecs.pickle", "configuration": {}})
    elif change == "type":
        described["data_type"] = "string"
    elif change == "enormous":
        described["shape"][0] = 10**15
    file.write_text(json.dumps(described))
    if change == "link":
        (path / "more").symlink_to("/etc")
    with pytest.raises((DataError, ValueError), match=r"codecs|string|link|takes"):
        Trajectory.load(path)


@pytest.mark.parametrize("change", ["external file", "external link", "soft link", "objects", "enormous"])
def test_netcdf_files_that_reach_beyond_themselves_are_not_read(change, tmp_path):
    path = recorded().save(tmp_path / "run.nc")
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(path, "a") as file:
        if change == "external file":
            file.create_dataset("more", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
        elif change == "external link":
            file["more"] = h5py.ExternalLink("secret", "/x")
        elif change == "soft link":
            file["more"] = h5py.SoftLink("/area1")
        elif change == "objects":
            file.create_dataset("more", data=["text"], dtype=h5py.string_dtype())
        else:
            file.create_dataset("more", (10**15,), "f8", chunks=(10,))
    with pytest.raises((DataError, ValueError), match=r"'more' is no array|takes"):
        Trajectory.load(path)


def test_what_is_written_is_of_plain_codecs(tmp_path):
    path = recorded().save(tmp_path / "run.zarr")
    for file in path.rglob("zarr.json"):
        described = json.loads(file.read_text())
        assert described["zarr_format"] == 3
        assert {codec["name"] for codec in described.get("codecs", [])} <= storing.CODECS
    assert set(zarr.open_group(path, mode="r").array_keys()) >= {"area1", "area2", "logits", "time"}


# --- joining ----------------------------------------------------------------------------------------------------------
def test_two_trajectories_joined_are_the_whole_one():
    model, images = randomised(CASCADE), random_images(CASCADE)
    first = simulate(model, show(images, 14), record="all")
    second = simulate(model, blank(6), record="all", initial_state=first.final_state)
    whole = simulate(model, show(images, 14) + blank(6), record="all")
    both = first + second
    assert both.time_ms.tolist() == whole.time_ms.tolist()
    assert torch.equal(both.logits, whole.logits)
    for area in model.areas:
        assert torch.equal(both.rates[area], whole.rates[area])
    assert both.notes == ("two trajectories joined at 14 ms",)
    assert both.duration_ms == 20
    assert (both + second).duration_ms == 26
    with pytest.raises(KeyError, match="was not recorded"):
        both.rates["area9"]


def test_times_are_counted_from_the_end_of_the_first_also_where_its_last_times_are_not_kept():
    model = randomised(CASCADE)
    some = Record("all", times_ms=(0.2, 0.3))
    first = simulate(model, blank(0.7), record=some, dt=0.1)
    second = simulate(model, blank(0.5), record=some, dt=0.1, initial_state=first.final_state)
    assert (first + second).time_ms.tolist() == [0.2, 0.3, 0.9, 1.0]
    (first + second).to_xarray().sel(time=0.9)


def test_a_second_part_that_began_by_itself_is_said():
    one = recorded()
    assert any("did not go on" in note for note in (one + one).notes)


OTHERS = {
    "dt": lambda: recorded(dt=1.0),
    "areas": lambda: recorded(record=["area1"]),
    "reduction": lambda: recorded(record=Record("all", reduce="mean")),
    "precision": lambda: recorded(dtype=torch.float32),
    "model": lambda: recorded(NETWORKS["feedback"]),
    "outputs": lambda: recorded(record=Record("all", outputs=())),
    "trials": lambda: simulate(randomised(CASCADE), show(random_images(CASCADE)[:1], 20), record="all"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_does_not_fit_is_not_joined(other):
    with pytest.raises(ValueError, match=r"joined|record the same|shapes|simulate both"):
        recorded() + OTHERS[other]()
    with pytest.raises(TypeError):
        recorded() + 1


# --- what is shown ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", RECORDED)
def test_a_short_text_says_what_was_recorded(case):
    one = RECORDED[case]()
    text = repr(one)
    assert len(text) < 2000
    for said in (one.model, f"dt {one.dt:g} ms", f"{len(one.time_ms)} times", *one.notes, *list(one.rates)[:3]):
        assert said in text


def test_the_text_stays_short_whatever_is_in_it():
    one = recorded()
    fields = {**vars(one), "notes": tuple("x" * 5000 for _ in range(100)), "model": "m" * 5000}
    fields["rates"] = {f"area{'y' * 500}{k}": one.rates["area1"] for k in range(300)}
    text = repr(Trajectory(**fields))
    assert len(text) < 2000
    assert "292 more" in text
    assert "96 more" in text


@pytest.mark.parametrize("case", ["network cascade", "model task_rnn_small", "half", "reduced", "nothing but scores"])
@pytest.mark.parametrize("trial", [None, 0])
def test_a_plot_shows_every_area_against_time(case, trial, monkeypatch):
    import matplotlib

    matplotlib.use("Agg")
    one = RECORDED[case]() if case in RECORDED else recorded()
    figure = one.plot(trial)
    axes = figure.axes
    assert axes[-1].get_xlabel() == "time (ms)"
    assert len(axes) == bool(one.rates) + len(one.outputs)
    if one.rates:
        lines = {line.get_label(): line for line in axes[0].get_lines()}
        assert set(lines) == set(one.rates)
        for name, value in one.rates.items():
            course = value.double().mean(1) if trial is None else value[:, trial].double()
            mean = course.reshape(len(value), -1).mean(1)
            assert np.allclose(lines[name].get_ydata(), mean, rtol=1e-5)
            assert lines[name].get_xdata().tolist() == one.time_ms.tolist()
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize("trial", [2, -1, True, "a"])
@pytest.mark.usefixtures("as_users_run_it")
def test_a_trial_that_is_not_there_is_not_plotted(trial):
    with pytest.raises(ValueError, match="trial"):
        recorded().plot(trial)


def test_an_assembly_has_units_and_bins_by_name():
    model = create_model("task_rnn_small", noise=0.0)
    images, cue = torch.rand(3, *model.input_shape), torch.ones(3, 1)
    protocol = blank(10) + together(show(images, 20), give("fixation", cue, 20))
    found = simulate(model, protocol, record=Record("all", every_ms=10))
    assembly = found.to_assembly(stimuli=["a", "b", "c"], onset_ms=10)
    channels, rows, columns = model.shapes["visual"]
    assert assembly.dims == ("presentation", "neuroid", "time_bin")
    assert assembly.shape == (3, channels * rows * columns + 24, 3)
    assert assembly.time_bin_start_ms.values.tolist() == [-10, 0, 10]
    assert assembly.time_bin_end_ms.values.tolist() == [0, 10, 20]
    unit = assembly.isel(neuroid=int((assembly.neuroid_id == "visual.2.1.3").argmax("neuroid")))
    assert (str(unit.area.item()), unit.channel, unit.row, unit.column) == ("visual", 2, 1, 3)
    assert_allclose(unit.values, found.rates["visual"][:, :, 2, 1, 3].T)
    vector = found.to_assembly(["decision"])
    assert_allclose(vector.values, found.rates["decision"].permute(1, 2, 0))
    assert vector.row.values.tolist() == [-1] * 24
    with pytest.raises(ValueError, match="stimuli must name 3 presentations, got 2"):
        found.to_assembly(stimuli=["a", "b"])
    with pytest.raises(KeyError, match="was not recorded"):
        found.to_assembly(["V1"])
