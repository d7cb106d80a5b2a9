"""Saving and loading: what was saved comes back, and nothing else gets in."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.torch import load_file, save_file

from cordsnet import (
    CNN,
    Activation,
    CheckpointError,
    CordsNet,
    fold,
    load_model,
    load_published,
    save_model,
    show,
    simulate,
)
from cordsnet.models import SavedModel, build, published_names, published_state_dict, read_metadata
from oracles import CASCADE, FEEDBACK, NETWORKS, PER_UNIT_TAU, random_images, randomised, tiny_r

R4 = tiny_r(4)


@pytest.fixture
def folder(tmp_path):
    return save_model(randomised(CASCADE), tmp_path / "model")


def scores(model, images):
    with torch.no_grad():
        return simulate(model.eval(), show(images, 20)).logits


def with_phi(spec, activation):
    model = randomised(spec)
    model.activation = activation
    return model


MODELS = {
    "relu": lambda: randomised(CASCADE),
    "identity": lambda: with_phi(CASCADE, Activation("identity")),
    "prelu": lambda: with_phi(CASCADE, Activation("prelu", 0.35)),
    "cnn": lambda: build(CASCADE, 1, CNN).double(),
    "folded": lambda: fold(build(CASCADE, 1, CNN).double()),
    **{name: lambda spec=spec: randomised(spec) for name, spec in NETWORKS.items()},
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_model_comes_back_as_it_was_saved(name, tmp_path):
    model = MODELS[name]()
    images = random_images(model.spec)
    again = load_model(save_model(model, tmp_path / "deep" / "folder"))
    assert type(again) is type(model)
    assert again.spec == model.spec
    assert not again.training
    assert getattr(again, "activation", None) == getattr(model, "activation", None)
    assert torch.equal(scores(again, images), scores(model, images))
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["relu", "cnn", "folded"])
def test_the_precision_of_the_weights_is_kept(name, dtype, tmp_path):
    model = MODELS[name]().to(dtype)
    again = load_model(save_model(model, tmp_path))
    assert {value.dtype for value in again.parameters()} == {dtype}
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())


def test_metadata_comes_back(tmp_path):
    metadata = {"stage": "linear", "accuracy": 0.975, "seeds": [1, 2], "nested": {"a": None}}
    save_model(randomised(CASCADE), tmp_path, metadata)
    assert read_metadata(tmp_path) == metadata
    save_model(randomised(CASCADE), tmp_path)
    assert read_metadata(tmp_path) == {}


def test_what_a_model_carries_is_kept_and_what_is_given_is_merged_over_it(tmp_path):
    model = randomised(CASCADE)
    model.metadata = {"stage": "linear", "seed": 1}
    save_model(model, tmp_path, {"seed": 2, "lr": 0.1})
    assert read_metadata(tmp_path) == load_model(tmp_path).metadata == {"stage": "linear", "seed": 2, "lr": 0.1}
    assert model.metadata == {"stage": "linear", "seed": 1}
    twin = build(CASCADE, 1, CNN)
    twin.metadata = {"seed": 3}
    assert load_model(save_model(twin, tmp_path)).metadata == {"seed": 3}


def test_the_model_inside_a_wrapper_is_saved_and_no_other_module(tmp_path):
    model = randomised(CASCADE)
    for wrapped in (torch.compile(model), torch.nn.DataParallel(model), torch.compile(torch.nn.DataParallel(model))):
        again = load_model(save_model(wrapped, tmp_path))
        assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(TypeError, match="must be a model of cordsnet, got Linear"):
        save_model(torch.nn.Linear(2, 2), tmp_path)


def test_every_kind_is_read_by_the_base_class_and_refused_by_another(tmp_path):
    fold(build(CASCADE, 1, CNN)).save_pretrained(tmp_path)
    again = SavedModel.from_pretrained(tmp_path)
    assert type(again) is CNN
    assert again.folded
    card = (tmp_path / "README.md").read_text()
    assert "recurrent-neural-network" not in card
    assert "one pass, without time" in card
    with pytest.raises(CheckpointError, match="describes a cnn_folded, no CordsNet"):
        CordsNet.from_pretrained(tmp_path)


def test_a_save_that_fails_leaves_the_earlier_one_whole(folder):
    before = load_model(folder).state_dict()
    with pytest.raises(TypeError, match="object"):
        save_model(randomised(CASCADE, seed=9), folder, {"when": object()})
    after = load_model(folder).state_dict()
    assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_saving_leaves_the_two_files_and_no_other(folder):
    assert sorted(os.listdir(folder)) == ["model.json", "model.safetensors"]


def refused(folder, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_refused_by_name(folder, name):
    (folder / name).unlink()
    refused(folder, name)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    refused(tmp_path / "nowhere", "nowhere")


@pytest.mark.parametrize("keep", [0, 4, 7, 8, 100, 0.5, 0.99])
def test_truncated_weights_are_refused(folder, keep):
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    refused(folder, "model.safetensors")


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_are_refused_as_weights(folder, seed):
    noise = torch.randint(0, 256, (4096,), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    (folder / "model.safetensors").write_bytes(noise.numpy().tobytes())
    refused(folder, "model.safetensors")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe\x00", b"{}", b'{"format": 2}', b'{"format": 1}', b"[" * 100_000],
    ids=["empty", "open", "list", "null", "number", "bytes", "nothing", "format", "bare", "deep"],
)
def test_damaged_descriptions_are_refused(folder, text):
    (folder / "model.json").write_bytes(text)
    refused(folder, "model.json")


def edit(folder, change):
    path = folder / "model.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


WRONG_DESCRIPTIONS = {
    "kind": (lambda d: d.update(kind="transformer"), "kind must be .* got 'transformer'"),
    "kind of no name": (lambda d: d.update(kind=[1]), "kind"),
    "kind cnn": (lambda d: d.update(kind="cnn"), "lacks"),
    "no spec": (lambda d: d.pop("spec"), "lacks the entry 'spec'"),
    "no metadata": (lambda d: d.pop("metadata"), "lacks the entry 'metadata'"),
    "metadata": (lambda d: d.update(metadata=[1, 2]), "metadata"),
    "spec": (lambda d: d.update(spec=None), "NetworkSpec"),
    "field": (lambda d: d["spec"].update(colour=1), "colour"),
    "no areas": (lambda d: d["spec"].update(areas=[]), "areas"),
    "areas": (lambda d: d["spec"].update(areas=3), "model.json"),
    "area name": (lambda d: d["spec"]["areas"][0].update(name=5), "model.json"),
    "channels": (lambda d: d["spec"]["areas"][0].update(channels="many"), "channels of 'area1'"),
    "stem": (lambda d: d["spec"]["stem"].update(stride=0), "stem|stride"),
    "enormous": (lambda d: d["spec"]["areas"][0].update(channels=10**15), "model.json|model.safetensors"),
    "no phi": (lambda d: d.pop("activation"), "activation"),
    "phi": (lambda d: d.update(activation={"name": "sine"}), "sine"),
    "phi field": (lambda d: d["activation"].update(gain=2), "gain"),
    "feedback cnn": (lambda d: d.update(kind="cnn", spec=FEEDBACK.to_dict()), "feedback"),
    "classes": (lambda d: d["spec"].update(num_classes=9), "wiring.readout.*num_classes"),
}


@pytest.mark.parametrize("case", WRONG_DESCRIPTIONS)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_description_of_no_such_network_is_refused(folder, case):
    change, message = WRONG_DESCRIPTIONS[case]
    edit(folder, change)
    read = read_metadata if case == "metadata" else load_model
    with pytest.raises(CheckpointError, match=message):
        read(folder)


WRONG_WEIGHTS = {
    "NaN": (lambda t: t["bias.area2"].view(-1)[3:4].fill_(float("nan")), "'bias.area2' holds NaN"),
    "infinite": (lambda t: t["bias.area2"].fill_(-float("inf")), "'bias.area2' holds NaN or infinite"),
    "missing": (lambda t: t.pop("bias.area1"), "lacks 'bias.area1'"),
    "two missing": (lambda t: [t.pop("bias.area1"), t.pop("bias.area2")], "lacks 'bias.area1' and 1 more"),
    "extra": (lambda t: t.update({"bias.area3": torch.zeros(2)}), "'bias.area3'"),
    "shape": (lambda t: t.update({"bias.area1": torch.zeros(2, 5)}), r"'bias.area1' has shape \[2, 5\]"),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_weights_that_do_not_fit_are_refused_by_name(folder, case):
    change, message = WRONG_WEIGHTS[case]
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, message)


def published(model, prefix=""):
    return {f"{prefix}{name}": value for name, value in published_state_dict(model).items()}


WRAPPINGS = {
    "plain": lambda model: published(model),
    "module": lambda model: published(model, "module."),
    "nested": lambda model: {"state_dict": published(model), "epoch": 3},
    "nested module": lambda model: {"state_dict": published(model, "module."), "arch": "r4"},
    "compiled": lambda model: published(model, "_orig_mod."),
    "compiled module": lambda model: published(model, "_orig_mod.module."),
    "module compiled": lambda model: {"model_state_dict": published(model, "module._orig_mod.module."), "epoch": 3},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_published_checkpoints_load_with_and_without_prefix(wrapping, tmp_path):
    model, other = randomised(R4, seed=1), randomised(R4, seed=2)
    torch.save(WRAPPINGS[wrapping](model), tmp_path / "net.pth")
    images = random_images(R4)
    assert not torch.allclose(scores(other, images), scores(model, images))
    assert load_published(other, tmp_path / "net.pth") is other
    assert torch.equal(scores(other, images), scores(model, images))


def test_published_checkpoints_load_from_safetensors(tmp_path):
    model, other = randomised(R4, seed=1), randomised(R4, seed=2)
    save_file({k: v.contiguous() for k, v in published(model).items()}, tmp_path / "net.safetensors")
    load_published(other, str(tmp_path / "net.safetensors"))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


def test_published_weights_are_cast_to_the_precision_of_the_model(tmp_path):
    model, other = randomised(R4, seed=1).float(), randomised(R4, seed=2)
    torch.save(published(model), tmp_path / "net.pth")
    load_published(other, tmp_path / "net.pth")
    assert {value.dtype for value in other.parameters()} == {torch.float64}
    images = random_images(R4)
    assert_allclose(scores(other, images), scores(model, images.float()), rtol=1e-4, atol=1e-5)


def test_public_names_are_those_of_the_public_code():
    layers = ["inp_conv", "inp_skip", "skip_area.0", "out_fc"]
    layers += [f"{kind}.{k}" for kind in ("area_conv", "area_area") for k in range(4)]
    parts = [f"{layer}.parametrizations.weight.original{part}" for layer in layers for part in (0, 1)]
    assert sorted(published_names(R4).values()) == sorted(
        [*parts, *(f"conv_bias.{k}" for k in range(4)), "out_fc.bias"]
    )
    assert published_names(R4).keys() == randomised(R4).state_dict().keys()


@pytest.mark.parametrize("name", ["feedback", "delays"])
def test_networks_that_the_public_code_cannot_express_have_no_public_names(name):
    with pytest.raises(ValueError, match=f"network '{name}'"):
        published_names(NETWORKS[name])


class Trap:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def trapped_pickle(path, model, mark):
    path.write_bytes(pickle.dumps({**published(model), "trap": Trap(mark)}, protocol=2))


def trapped_archive(path, model, mark):
    torch.save({"state_dict": published(model), "trap": Trap(mark)}, path)


def trapped_legacy(path, model, mark):
    torch.save({**published(model), "trap": Trap(mark)}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.safetensors", "net"])
@pytest.mark.parametrize("write", [trapped_pickle, trapped_archive, trapped_legacy])
def test_a_pickled_trap_is_refused_and_never_sprung(write, name, tmp_path):
    mark, model = tmp_path / "sprung", randomised(R4)
    write(tmp_path / name, model, mark)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=name):
        load_published(model, tmp_path / name)
    assert not mark.exists()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_trap_works_where_pickles_are_trusted(tmp_path):
    trapped_archive(tmp_path / "net.pth", randomised(R4), tmp_path / "sprung")
    torch.load(tmp_path / "net.pth", weights_only=False)
    assert (tmp_path / "sprung").exists()


def drop(name):
    return lambda state: state.pop(name)


WRONG_STATES = {
    "missing": (drop("inp_skip.parametrizations.weight.original0"), "inp_skip.parametrizations.weight.original0"),
    "extra": (lambda s: s.update({"area_conv.9.bias": torch.zeros(1)}), "area_conv.9.bias"),
    "shape": (lambda s: s.update({"out_fc.bias": torch.zeros(99)}), "out_fc.bias"),
    "NaN": (lambda s: s.update({"conv_bias.1": s["conv_bias.1"] * float("nan")}), "conv_bias.1"),
    "text": (lambda s: s.update({"note": "hello"}), "net.pth"),
    "number for a name": (lambda s: s.update({7: torch.zeros(1)}), "7|net.pth"),
    "twice": (lambda s: s.update({"module.out_fc.bias": s["out_fc.bias"] + 1}), "out_fc.bias"),
    "own names": (lambda s: [s.clear(), s.update(randomised(R4).state_dict())], "lacks 'inp_conv"),
    "empty": (lambda s: s.clear(), "lacks"),
}


@pytest.mark.parametrize("case", WRONG_STATES)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_state_dict_that_does_not_fit_is_refused_and_changes_nothing(case, tmp_path):
    change, message = WRONG_STATES[case]
    state = published(randomised(R4, seed=1))
    change(state)
    torch.save(state, tmp_path / "net.pth")
    model = randomised(R4, seed=2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_published(model, tmp_path / "net.pth")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], 3, {"state_dict": 5}, {"model": {"a": torch.zeros(1)}}])
def test_a_file_that_holds_no_state_dict_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"net\.pth"):
        load_published(randomised(R4), tmp_path / "net.pth")


def test_a_checkpoint_of_another_depth_is_refused(tmp_path):
    torch.save(published(randomised(tiny_r(2))), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="lacks"):
        load_published(randomised(R4), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="no file of weights"):
        load_published(randomised(R4), tmp_path / "other.pth")


def damaged(content, seed):
    """A real checkpoint cut short or with some bytes overwritten, or nothing but noise."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high, count=1):
        return torch.randint(0, high, (count,), generator=generator).tolist()

    if seed % 3 == 0:
        return content[: draw(len(content))[0]]
    if seed % 3 == 1:
        return bytes(draw(256, 300))
    noisy = bytearray(content)
    for place in draw(min(2000, len(noisy)), 40):
        noisy[place] = draw(256)[0]
    return bytes(noisy)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_files_raise_checkpoint_errors_or_load_whole(legacy, tmp_path):
    spec = tiny_r(2, image_size=4)
    model, path = randomised(spec), tmp_path / "net.pth"
    torch.save(published(model), path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    refusals = 0
    for seed in range(150):
        path.write_bytes(damaged(content, seed))
        try:
            load_published(model, path)
        except CheckpointError as error:
            refusals += "net.pth" in str(error)
    assert refusals > 120


@pytest.mark.usefixtures("as_users_run_it")
def test_time_constants_per_unit_keep_their_precision_in_a_file(tmp_path):
    model = randomised(PER_UNIT_TAU)
    again = load_model(save_model(model, tmp_path))
    for area, tau in model.circuit().tau_ms.items():
        assert torch.equal(again.circuit().tau_ms[area], tau)
