"""Files of others, and damage to our own: read right, or refused in a sentence."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from cordsnet import CheckpointError, create_model, load_model, load_published, save_model, show, simulate
from cordsnet.models import list_pretrained, pretrained, published_state_dict
from cordsnet.models.cornet.published import load_published as load_cornet
from oracles import CASCADE, random_images, randomised, tiny_r

R2 = tiny_r(2)


@pytest.fixture
def folder(tmp_path):
    return save_model(randomised(CASCADE), tmp_path / "model")


def refusal(call):
    with pytest.raises(CheckpointError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 30
    return str(caught.value)


def places(size, header):
    """Bytes of a safetensors file: length, header and data."""
    return [*range(8), *range(8, header, max(1, header // 60)), *range(header, size, max(1, size // 60)), size - 1]


def test_one_flipped_bit_anywhere_in_the_weights_is_refused(folder):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for place in places(len(content), header):
        for bit in (0, 3, 7):
            spoilt = bytearray(content)
            spoilt[place] ^= 1 << bit
            path.write_bytes(spoilt)
            assert "model.safetensors" in refusal(lambda: load_model(folder)), (place, bit)
    path.write_bytes(content)
    load_model(folder)


def test_weights_of_another_network_of_the_same_kind_are_refused(folder, tmp_path):
    other = save_model(randomised(CASCADE, seed=9), tmp_path / "other")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    assert "checksum" in refusal(lambda: load_model(folder))


def test_a_folder_without_checksum_is_read_and_says_so(folder):
    path = folder / "model.json"
    description = json.loads(path.read_text())
    assert len(description.pop("sha256")) == 64
    assert load_model(folder).notes == ()
    path.write_text(json.dumps(description))
    (note,) = load_model(folder).notes
    assert "no checksum" in note


@pytest.mark.parametrize(("name", "data"), list_pretrained())
def test_shipped_weights_have_a_checksum(name, data):
    description = json.loads((pretrained.FOLDER / f"{name}-{data}" / "model.json").read_text())
    assert len(description["sha256"]) == 64
    assert create_model(name, pretrained=data).notes == ()


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
@pytest.mark.parametrize("what", ["empty", "folder", "link", "half"])
def test_what_stands_in_the_place_of_a_file_is_said(folder, name, what):
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    said = {"empty": "is empty", "folder": "is a folder", "link": "is a link to", "half": "damaged"}[what]
    if what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to("/absent/file")
    else:
        path.write_bytes(content[: len(content) // 2])
    message = refusal(lambda: load_model(folder))
    assert said in message
    assert name in message


def published(model, prefix="", names=lambda name: name):
    return {prefix + names(name): value for name, value in published_state_dict(model).items()}


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


PREFIXES = [
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "encoder.",
    "state_dict.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.module._orig_mod.",
    "net.encoder.",
    "module.module.model.",
    "state_dict.model._orig_mod.net.encoder.module.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_of_wrappers_in_any_order_are_read(prefix, tmp_path):
    model, other = randomised(R2, seed=1), randomised(R2, seed=2)
    torch.save(published(model, prefix), tmp_path / "net.pth")
    assert same(load_published(other, tmp_path / "net.pth"), model)


@pytest.mark.parametrize("prefix", ["", "module.", "model._orig_mod."])
def test_prefixes_of_public_cornet_checkpoints_are_read(prefix, tmp_path):
    tiny = {"image_size": 32, "channels": (3, 4, 4, 6), "expansion": 2, "num_classes": 3}
    model, other = (create_model("cornet_s_small", seed=seed, **tiny) for seed in (1, 2))
    torch.save({"state_dict": {prefix + k: v for k, v in model.state_dict().items()}}, tmp_path / "net.pth")
    assert same(load_cornet(other, tmp_path / "net.pth"), model)


BOXES = {
    "state_dict": lambda w: {"state_dict": w, "epoch": 3},
    "model_state_dict": lambda w: {"epoch": 1, "model_state_dict": w, "optimizer_state_dict": {"state": {}}},
    "model": lambda w: {"model": w, "args": {"lr": 0.1}},
    "net": lambda w: {"net": w, "acc": 93.2},
    "ema": lambda w: {"ema": w},
    "nested": lambda w: {"checkpoint": {"model": {"state_dict": w}}},
    "of no usual name": lambda w: {"cordsnet": w, "epoch": 2},
    "the same twice": lambda w: {"state_dict": w, "model": dict(w)},
    "averaged": lambda w: {**{f"module.{k}": v for k, v in w.items()}, "n_averaged": torch.tensor(7)},
}


@pytest.mark.parametrize("box", BOXES)
def test_boxed_weights_are_found(box, tmp_path):
    model, other = randomised(R2, seed=1), randomised(R2, seed=2)
    torch.save(BOXES[box](published(model)), tmp_path / "net.pth")
    assert same(load_published(other, tmp_path / "net.pth"), model)


@pytest.mark.parametrize("boxes", [("model", "ema"), ("state_dict", "model_ema"), ("a", "b")])
def test_boxes_with_different_weights_are_refused_by_name(boxes, tmp_path):
    weights = [published(randomised(R2, seed=seed)) for seed in (1, 2)]
    torch.save(dict(zip(boxes, weights, strict=True)), tmp_path / "net.pth")
    message = refusal(lambda: load_published(randomised(R2), tmp_path / "net.pth"))
    assert all(repr(box) in message for box in boxes)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, {"model": {}}, [1, 2], torch.zeros(3), {"optimizer": {"lr": 1.0}}]
)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_file_without_weights_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    assert "net.pth" in refusal(lambda: load_published(randomised(R2), tmp_path / "net.pth"))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_old_names_of_weight_normalisation_are_read(prefix, tmp_path):
    def old(name):
        return name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        )

    model, other = randomised(R2, seed=1), randomised(R2, seed=2)
    weights = published(model, prefix, old)
    assert any(name.endswith("weight_g") for name in weights)
    torch.save(weights, tmp_path / "net.pth")
    assert same(load_published(other, tmp_path / "net.pth"), model)


LOSSES = {
    "integers": (lambda value: value.round().long(), "int64"),
    "bytes": (lambda value: value.round().to(torch.int8), "int8"),
    "booleans": (lambda value: value > 0, "bool"),
    "complex": (lambda value: value.to(torch.complex64), "complex64"),
    "too large": (lambda value: value.double() * 0 + 1e300, "1e\\+300"),
    "too large below zero": (lambda value: value.double() * 0 - 1e39, "1e\\+39"),
    "sparse": (lambda value: value.flatten(1).to_sparse().coalesce(), "shape|dense"),
    "NaN": (lambda value: value * float("nan"), "NaN"),
}


@pytest.mark.parametrize("case", LOSSES)
@pytest.mark.usefixtures("as_users_run_it")
def test_numbers_that_the_model_cannot_keep_are_refused_by_name(case, tmp_path):
    change, said = LOSSES[case]
    name = "area_conv.0.parametrizations.weight.original1"
    weights = published(randomised(R2, seed=1).float())
    torch.save({**weights, name: change(weights[name])}, tmp_path / "net.pth")
    model = randomised(R2, seed=2).float()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"{name}.*({said})"):
        load_published(model, tmp_path / "net.pth")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_floats_of_another_precision_are_converted(dtype, tmp_path):
    model, other = randomised(R2, seed=1).float(), randomised(R2, seed=2).float()
    weights = {name: value.to(dtype) for name, value in published(model).items()}
    torch.save(weights, tmp_path / "net.pth")
    load_published(other, tmp_path / "net.pth")
    found = published_state_dict(other)
    assert all(torch.equal(found[name], value.float()) for name, value in weights.items())


def test_integers_in_our_own_files_are_refused_too(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["bias.area1"] = tensors["bias.area1"].long()
    save_file(tensors, folder / "model.safetensors")
    assert "'bias.area1' holds torch.int64" in refusal(lambda: load_model(folder))


def test_loading_leaves_the_generator_of_random_numbers_as_it_was(folder):
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    load_model(folder)
    create_model("cordsnet_r2_small", pretrained="digits")
    create_model("cordsnet_r2_small")
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("what", [None, 3, b"folder", ["a"]])
@pytest.mark.usefixtures("as_users_run_it")
def test_what_is_no_path_is_refused(what):
    for call in (load_model, lambda folder: save_model(randomised(CASCADE), folder)):
        with pytest.raises(TypeError, match="folder must be a text or a Path"):
            call(what)


def test_a_file_in_the_place_of_a_folder_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "cannot be made" in refusal(lambda: save_model(randomised(CASCADE), tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"
    assert "no model description" in refusal(lambda: load_model(tmp_path / "file"))


@pytest.mark.parametrize("value", [object(), {1, 2}, torch.zeros(2), b"x", 1j])
def test_metadata_that_no_json_keeps_is_refused(value, tmp_path):
    with pytest.raises(TypeError, match="metadata must be plain data"):
        save_model(randomised(CASCADE), tmp_path / "model", {"value": value})
    assert not (tmp_path / "model").exists()


def test_a_home_folder_is_written_and_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = randomised(CASCADE)
    save_model(model, "~/mine")
    assert (tmp_path / "mine" / "model.json").exists()
    images = random_images(CASCADE)
    assert torch.equal(
        simulate(load_model("~/mine"), show(images, 10)).logits, simulate(model, show(images, 10)).logits
    )
