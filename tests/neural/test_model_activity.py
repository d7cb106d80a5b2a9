"""Activity of models in the bins of a recording: what stands for a bin, what is shown, and interrupted runs."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

import cordsnet
from cordsnet.errors import DataError
from cordsnet.neural import Viewing, find_pictures, load_store, map_bins, record_activity
from cordsnet.neural.activity.pictures import framed
from cordsnet.neural.activity.record import _Plan

BINS = np.array([[-20.0, 0.0], [0.0, 20.0], [20.0, 40.0], [40.0, 60.0]])


def pixels(count=5, size=16):
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


def network(name="cordsnet_r2_small", **changes):
    return cordsnet.create_model(name, seed=0, **{"image_size": 16, "in_channels": 1, "num_classes": 3, **changes})


def by_hand(model, images, viewing_ms, dt, latency=0.0):
    """Means of rates over the steps within each bin, from one long simulation."""
    before = 100
    protocol = cordsnet.blank(before * dt) + cordsnet.show(images, viewing_ms)
    if viewing_ms < 200:
        protocol = protocol + cordsnet.blank(200 - viewing_ms)
    found = cordsnet.simulate(model, protocol, record="all")
    times = found.time_ms.numpy() - before * dt + latency
    return {
        area: np.stack(
            [rates[(times > a + 1e-6) & (times <= b + 1e-6)].mean(0).flatten(1).numpy() for a, b in BINS], axis=1
        )
        for area, rates in found.rates.items()
    }


@pytest.mark.parametrize(("on", "latency"), [(None, 0.0), (30.0, 0.0), (None, 10.0)])
def test_activity_is_the_mean_over_the_steps_of_a_bin(tmp_path, on, latency):
    model = network()
    viewing = Viewing(image_ms=on, latency_ms=latency)
    store = record_activity(model, pixels(), BINS, tmp_path / "a.zarr", viewing=viewing)
    plan = _Plan.make(model, find_pictures(pixels()), BINS, "all", viewing)
    wanted = by_hand(model, plan.images(slice(0, 5)), on or 200.0, model.dt_ms, latency)
    assert store.areas == model.areas
    for area in store.areas:
        np.testing.assert_allclose(store.area(area)[:], wanted[area], rtol=1e-5, atol=1e-6)
    assert not np.allclose(wanted["area2"][:, 1], wanted["area2"][:, 3])


def test_each_step_stands_for_one_bin_where_bins_touch():
    found = map_bins(BINS, 2.0)
    assert [len(steps) for steps in found.steps] == [10] * 4
    assert (found.before_steps, found.total_steps, found.held.any()) == (10, 40, False)
    every = np.concatenate(found.steps)
    assert every.tolist() == list(range(1, 41))
    np.testing.assert_allclose(found.weights.sum(1), 1, rtol=1e-6)


def test_long_steps_hold_their_value_in_bins_without_one():
    found = map_bins(BINS, 50.0)
    ends = [((steps - found.before_steps) * 50.0).tolist() for steps in found.steps]
    assert ends == [[0.0], [50.0], [50.0], [50.0]]  # the step under way, but in the last bin, in which one ends
    assert found.held.tolist() == [False, True, True, False]
    assert "no step ends" in found.sentence


@pytest.mark.parametrize("dt", [100.0, 50.0, 2.0])
def test_a_step_that_ends_as_a_bin_ends_belongs_to_it(dt):
    found = map_bins(np.array([[50.0, 150.0]]), dt, latency_ms=50.0)
    last = (found.steps[0].max() - found.before_steps) * dt
    assert last == 100.0
    assert (found.steps[0].min() - found.before_steps) * dt > 0


def test_a_latency_moves_bins_and_not_activity():
    moved = map_bins(BINS + 50.0, 2.0, latency_ms=50.0)
    assert all((a == b).all() for a, b in zip(moved.steps, map_bins(BINS, 2.0).steps, strict=True))
    with pytest.raises(DataError, match="no bin sees the image"):
        map_bins(BINS, 2.0, latency_ms=60.0)


@pytest.mark.parametrize("name", ["cnn_r2_small", "cornet_rt_small", "convgru_small"])
def test_any_model_that_reads_images_has_activity(tmp_path, name):
    size = {"cornet_rt_small": 32}.get(name, 16)
    model = network(name, image_size=size)
    store = record_activity(model, pixels(3), np.array([[0.0, 50.0], [50.0, 100.0]]), tmp_path / "a.zarr")
    assert store.finished
    for area in store.areas:
        assert store.area(area).shape[:2] == (3, 2)
        assert np.isfinite(store.area(area)[:]).all()


def test_an_interrupted_run_goes_on_and_ends_alike(tmp_path, monkeypatch):
    model = network()
    monkeypatch.setattr("cordsnet.neural.activity.record.BLOCK_BYTES", 1)  # an image at a time
    whole = record_activity(model, pixels(), BINS, tmp_path / "whole.zarr")
    seen = []
    activity = _Plan.activity

    def failing(self, rows):
        seen.append(rows.start)
        if rows.start == 3 and len(seen) < 5:
            raise KeyboardInterrupt
        return activity(self, rows)

    monkeypatch.setattr(_Plan, "activity", failing)
    with pytest.raises(KeyboardInterrupt):
        record_activity(model, pixels(), BINS, tmp_path / "part.zarr")
    part = load_store(tmp_path / "part.zarr")
    assert part.done.tolist() == [True, True, True, False, False]
    with pytest.raises(DataError, match="lacks 2 of 5 blocks"):
        part.area("area1")
    again = record_activity(model, pixels(), BINS, tmp_path / "part.zarr")
    assert seen == [0, 1, 2, 3, 3, 4]
    for area in model.areas:
        np.testing.assert_array_equal(again.area(area)[:], whole.area(area)[:])


def test_blocks_do_not_change_activity(tmp_path, monkeypatch):
    model = network()
    one = record_activity(model, pixels(), BINS, tmp_path / "one.zarr")
    monkeypatch.setattr("cordsnet.neural.activity.record.BLOCK_BYTES", 1)
    other = record_activity(model, pixels(), BINS, tmp_path / "other.zarr")
    np.testing.assert_allclose(one.area("area2")[:], other.area("area2")[:], rtol=1e-5, atol=1e-6)


def test_private_noise_belongs_to_an_image_and_not_to_its_place_in_a_block(tmp_path, monkeypatch):
    model = cordsnet.create_model("cordsnet_pfc_small", seed=0, image_size=16, in_channels=1, noise=0.5)
    same = np.repeat(pixels(1), 4, 0)
    one = record_activity(model, same, BINS, tmp_path / "one.zarr").area("pfc")[:]
    monkeypatch.setattr("cordsnet.neural.activity.record.BLOCK_BYTES", 1)
    other = record_activity(model, same, BINS, tmp_path / "other.zarr").area("pfc")[:]
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert abs(other[0] - other[1]).max() > 0.01


def test_activity_of_something_else_is_never_gone_on_with(tmp_path):
    model = network()
    record_activity(model, pixels(), BINS, tmp_path / "a.zarr")
    for changed, what in (
        (lambda: record_activity(network(num_classes=4), pixels(), BINS, tmp_path / "a.zarr"), "weights"),
        (lambda: record_activity(model, pixels() // 2, BINS, tmp_path / "a.zarr"), "content"),
        (lambda: record_activity(model, pixels(), BINS + 1, tmp_path / "a.zarr"), "bins_ms"),
        (lambda: record_activity(model, pixels(), BINS, tmp_path / "a.zarr", areas=["area1"]), "areas"),
    ):
        with pytest.raises(DataError, match=what):
            changed()


def write_archive(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for k, name in enumerate(names):
            content = io.BytesIO()
            Image.fromarray(np.full((8, 8), 10 * k, np.uint8)).save(content, "PNG")
            archive.writestr(name, content.getvalue())
        archive.writestr("__MACOSX/._image1.png", b"?")
        archive.writestr("read.me", b"?")


def test_pictures_come_in_the_natural_order_of_their_names(tmp_path):
    write_archive(tmp_path / "a.zip", ["image10.png", "image9.png", "b/image1.png"])
    found = find_pictures(tmp_path / "a.zip")
    assert found.names == ("b/image1", "image9", "image10")
    assert [np.asarray(one).max() for one in found.load([0, 1, 2])] == [20, 10, 0]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "folder")
    assert find_pictures(tmp_path / "folder").names == found.names


def test_pictures_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="no ZIP archive"):
        find_pictures(tmp_path / "bad.zip")
    with pytest.raises(DataError, match="no pictures at"):
        find_pictures(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        find_pictures(tmp_path / "empty")
    (tmp_path / "empty" / "one.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"one\.png"):
        find_pictures(tmp_path / "empty").load([0])
    (tmp_path / "empty" / "one.jpg").write_bytes(b"?")
    with pytest.raises(DataError, match="two endings"):
        find_pictures(tmp_path / "empty")


@pytest.mark.parametrize(("share", "part"), [(0.5, 0.25), (0.25, 0.0625)])
def test_a_smaller_picture_lies_on_grey(share, part):
    white = Image.new("RGB", (40, 40), (255, 255, 255))
    field = np.asarray(framed(white, (16, 16), share).resize((160, 160)).convert("L"), float)
    assert (field > 250).mean() == pytest.approx(part, abs=0.02)
    assert field[0, 0] == 128
    assert field[80, 80] == 255


def test_a_larger_picture_loses_its_border():
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 10:30] = 255
    field = np.asarray(framed(Image.fromarray(image), (16, 16), 2.0).convert("L"))
    assert field.shape == (20, 20)
    assert field.min() == 255


def test_stores_that_are_damaged_or_something_else_are_refused(tmp_path):
    store = record_activity(network(), pixels(), BINS, tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="area1"):
        store.area("V4")
    with pytest.raises(DataError, match=r"ends in \.zarr"):
        record_activity(network(), pixels(), BINS, tmp_path / "a")
    with pytest.raises(DataError, match="no activity"):
        load_store(tmp_path / "b.zarr")
    head = tmp_path / "a.zarr" / "areas" / "area1" / "zarr.json"
    written = json.loads(head.read_text())
    written["codecs"] = [{"name": "numcodecs.pickle", "configuration": {}}]
    head.write_text(json.dumps(written))
    with pytest.raises(DataError, match=r"a\.zarr"):
        load_store(tmp_path / "a.zarr")


def test_what_was_assumed_is_noted(tmp_path):
    store = record_activity(network("cornet_rt_small", image_size=32), pixels(2), BINS, tmp_path / "a.zarr")
    said = " ".join(store.notes)
    assert "does not say how it was trained" in said
    assert "by convention" in said
    assert "fills the field" in said


def test_the_digest_changes_with_any_weight():
    from cordsnet.models.digest import model_digest

    model = network()
    before = model_digest(model)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-3
    assert model_digest(model) != before
