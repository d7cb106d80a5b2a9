"""In a comparison the networks of a row meet as many networks of the static row as there are."""

import pytest
import torch

from cordsnet.data import DATASETS
from cordsnet.errors import RunError
from cordsnet.experiments.comparison import compare, rows_of
from cordsnet.experiments.comparison.compare import Plan, _head, _jobs
from cordsnet.models import create_model


def saved(folder, name, seed=0, data="digits"):
    model = create_model(name, in_channels=1, num_classes=10, image_size=16)
    with torch.no_grad():
        next(model.parameters()).add_(seed)  # so that weights differ
    model.metadata = {"data": {"name": data}}
    place = folder / f"model.name={name}" / f"seed={seed}"
    model.save_pretrained(place)
    return str(place)


@pytest.fixture
def folders(tmp_path):
    moving = [saved(tmp_path, "convgru_small", seed) for seed in range(3)]
    return moving, [saved(tmp_path, "cnn_r2_small", seed) for seed in range(2)]


def test_each_network_meets_the_static_one_of_its_place(folders):
    moving, static = folders
    rows = rows_of([*moving, *static])
    jobs = _jobs(Plan(("noise",), "smoke", "", None, 0, "cpu"), rows, {row.label: _head(row, None) for row in rows})
    met = {source: partner for _, _, source, _, partner in jobs}
    assert [met[source] for source in moving] == [("cnn_r2_small", static[k]) for k in (0, 1, 0)]


def test_a_claim_about_a_pair_differs_with_the_static_network(folders, tmp_path, monkeypatch):
    """Cells of one network with two static ones are two, so that nothing kept for one pair is taken for the other."""
    moving, static = folders
    first = compare([moving[0], static[0]], ["noise"], output=tmp_path / "out")
    other = compare([moving[0], static[1]], ["noise"], output=tmp_path / "out")
    assert first.meta["reused"] == other.meta["reused"] == 0


def test_a_static_model_of_other_data_is_no_partner(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS._entries, "digits_by_another_name", DATASETS["digits"])
    models = [saved(tmp_path / "net", "convgru_small"), saved(tmp_path / "cnn", "cnn_r2_small")]
    assert compare(models, ["noise"], output=tmp_path / "same").rows("cells")
    other = saved(tmp_path / "other", "cnn_r2_small", data="digits_by_another_name")
    with pytest.raises(RunError, match="shown the same images"):
        compare([models[0], other], ["noise"], output=tmp_path / "out")
