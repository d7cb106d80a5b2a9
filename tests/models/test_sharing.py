"""Pretrained weights, folders and the hub: what is written, what comes back, what is said when it cannot be had."""

import json
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

import cordsnet
from cordsnet import CheckpointError, CordsNet, RunError
from cordsnet.cli import main
from cordsnet.models import build, pretrained, save_model, write_model_card
from oracles import CASCADE, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")
LARGEST = 8e6
SHIPPED = pretrained.list_pretrained()
FACTS = {
    "name": "cordsnet_r2_small",
    "recipe": "digits",
    "stage": "finetune",
    "seed": 3,
    "metrics": {"test_accuracy": 0.875},
    "regime": "monostable",
    "data": {
        "name": "cifar10",
        "source": "https://huggingface.co/datasets/uoft-cs/cifar10",
        "fingerprint": "abc",
        "train_images": 50000,
        "test_images": 10000,
        "classes": ["a", "b", "c"],
        "mean": [0.5],
        "std": [0.25],
    },
    "record": {
        "versions": {"torch": "9.9"},
        "commit": {"hash": "f" * 40, "dirty": True},
        "started": "2026-01-01T00:00:00+00:00",
        "earlier": [{"versions": {"torch": "8.8"}, "gpu": "a GPU", "started": "2025-12-31T00:00:00+00:00"}],
    },
}


@pytest.fixture
def model():
    made = randomised(CASCADE)
    made.metadata = FACTS
    return made


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Weights of a small network as those of the package."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    made = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=12, width=4, seed=5)
    made.metadata = FACTS
    made.save_pretrained(tmp_path / "cordsnet_r2_small-cifar10")
    return made


def front(card):
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), body


def same(a, b):
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_pretrained_weights_are_found_by_model_and_data_set(shipped, capsys):
    assert cordsnet.list_pretrained() == [("cordsnet_r2_small", "cifar10")]
    loaded = cordsnet.create_model("cordsnet_r2_small", pretrained="cifar10")
    assert same(loaded, shipped)
    assert loaded.spec == shipped.spec
    assert loaded.preprocessing.classes == ("a", "b", "c")
    scores = loaded(loaded.preprocessing(torch.rand(2, 1, 30, 20)), 20.0)
    assert scores.shape == (2, 3)
    agreeing = {"num_classes": 3, "in_channels": 1, "image_size": 12, "width": 4, "tau_ms": 10.0}
    assert same(cordsnet.create_model("cordsnet_r2_small", pretrained="cifar10", **agreeing), shipped)
    assert main(["models", "cordsnet_r2*"]) == 0
    rows = {row.split()[0]: row for row in capsys.readouterr().out.splitlines()}
    assert rows["cordsnet_r2_small"].endswith("cifar10")
    assert "cifar10" not in rows["cordsnet_r2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 16}, r"width = 16 does not go with pretrained='cifar10', whose network has 4"),
        ({"image_size": 32}, r"image_size = 32 .* has \(12, 12\)"),
        ({"tau_ms": 20.0}, "tau_ms = 20.0"),
        ({"colour": 1}, "colour = 1"),
    ],
)
def test_arguments_that_conflict_with_the_weights_are_refused(shipped, change, said):
    with pytest.raises(ValueError, match=said):
        cordsnet.create_model("cordsnet_r2_small", pretrained="cifar10", **change)


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("cordsnet_r2_small", "cifar1", "did you mean 'cifar10'"),
        ("cordsnet_r2_small", "q", "known: cifar10"),
        ("cordsnet_r8", "cifar10", "'cordsnet_r8' has no pretrained weights; these models have: cordsnet_r2_small"),
        ("cordsnet_r2_smal", "cifar10", "unknown model 'cordsnet_r2_smal'; did you mean 'cordsnet_r2_small'"),
    ],
)
def test_unknown_weights_are_answered_with_known_ones(shipped, model, data, said):
    with pytest.raises(ValueError, match=said):
        cordsnet.create_model(model, pretrained=data)


@pytest.mark.parametrize(("name", "data"), SHIPPED)
def test_the_weights_that_come_with_the_package_load_and_are_small(name, data):
    folder = pretrained.FOLDER / f"{name}-{data}"
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "model.json", "README.md"}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST
    model = cordsnet.create_model(name, pretrained=data)
    assert len(model.preprocessing.classes) == model.num_classes
    assert front((folder / "README.md").read_text())[0]["metrics"] == ["accuracy"]


def test_a_model_comes_back_from_its_folder_with_all_it_says(model, tmp_path):
    folder = model.save_pretrained(tmp_path / "mine")
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "model.json", "README.md"}
    again = CordsNet.from_pretrained(folder)
    assert same(again, model)
    assert again.metadata == FACTS
    assert again.spec == model.spec
    assert not again.training


def test_a_card_that_was_edited_is_kept(model, tmp_path):
    model.save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_feedforward_network_is_no_cordsnet(tmp_path):
    save_model(build(CASCADE, 0, cordsnet.CNN), tmp_path)
    with pytest.raises(CheckpointError, match="describes a cnn, no CordsNet"):
        CordsNet.from_pretrained(tmp_path)


def test_the_card_says_what_was_measured_and_nothing_else(tmp_path):
    head, body = front(write_model_card(tmp_path, build(CASCADE).summary(), FACTS).read_text())
    assert head["license"] == "apache-2.0"
    assert head["library_name"] == "cordsnet"
    assert head["datasets"] == ["uoft-cs/cifar10"]
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.875
    for said in (
        "0.875",
        "50,000",
        "monostable",
        "digits",
        "9.9",
        "f" * 40 + ", with changes",
        "8.8",
        "a GPU",
        "Limits",
        "from_pretr",
    ):
        assert said in body
    huggingface_hub.ModelCard((tmp_path / "README.md").read_text())  # the hub's own reader
    head, body = front(write_model_card(tmp_path, build(CASCADE).summary(), {}).read_text())
    assert not {"metrics", "datasets", "model-index"} & set(head)
    assert "## Results" not in body
    assert "## Data" not in body
    assert "## Training" not in body


class Hub:
    """What a hub would be given."""

    def __init__(self, monkeypatch, error=None):
        self.created, self.uploaded, self.files, self.error = None, None, {}, error
        monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", self.create_repo)
        monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", self.upload_folder)

    def create_repo(self, repo_id, **options):
        if self.error:
            raise self.error
        self.created = (repo_id, options)
        return f"https://huggingface.co/{repo_id}"

    def upload_folder(self, *, repo_id, folder_path, **options):
        self.uploaded = repo_id
        self.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}


def test_the_hub_is_given_weights_description_and_card(model, monkeypatch, tmp_path):
    hub = Hub(monkeypatch)
    assert model.push_to_hub("someone/net", private=True) == "https://huggingface.co/someone/net"
    assert hub.created == ("someone/net", {"private": True, "exist_ok": True})
    assert hub.uploaded == "someone/net"
    assert set(hub.files) == {"model.safetensors", "model.json", "README.md"}
    assert b'from_pretrained("someone/net")' in hub.files["README.md"]
    for name, content in hub.files.items():
        (tmp_path / name).write_bytes(content)
    assert same(CordsNet.from_pretrained(tmp_path), model)


@pytest.mark.parametrize("error", [OSError("no route to host\nmore"), ValueError("bad name"), ConnectionError()])
def test_a_hub_that_cannot_be_reached_is_said_in_one_sentence(model, monkeypatch, error):
    Hub(monkeypatch, error)
    with pytest.raises(RunError, match="nothing could be put into 'someone/net'") as caught:
        model.push_to_hub("someone/net")
    assert "\n" not in str(caught.value)


def test_a_repository_is_asked_for_weights_description_and_card_alone(model, monkeypatch, tmp_path):
    model.save_pretrained(tmp_path)
    asked = {}

    def snapshot_download(name, **options):
        asked.update(options, name=name)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert same(CordsNet.from_pretrained("someone/net", revision="v1", token="t"), model)
    assert asked["name"] == "someone/net"
    assert asked["revision"] == "v1"
    assert asked["token"] == "t"
    assert sorted(asked["allow_patterns"]) == ["README.md", "model.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["someone/net", "runs/none/finetune", "bad//name"])
def test_what_is_neither_a_folder_nor_on_the_hub_is_refused_in_one_sentence(name, monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        CheckpointError, match="is no folder here and cannot be had from the Hugging Face hub"
    ) as caught:
        CordsNet.from_pretrained(name)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, LocalEntryNotFoundError | RepositoryNotFoundError | ValueError)


def test_a_description_with_metadata_that_is_no_table_is_refused(model, tmp_path):
    folder = model.save_pretrained(tmp_path)
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(description | {"metadata": [1]}))
    with pytest.raises(CheckpointError, match="metadata must be a table"):
        CordsNet.from_pretrained(folder)
