"""What a network carries stays with it, times that are changed count, and pretrained weights take other sizes."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from cordsnet import (
    CNN,
    DataWarning,
    create_model,
    fold,
    lesion,
    load_model,
    save_model,
    show,
    simulate,
    spontaneous_state,
    steady_state,
)
from cordsnet.analysis import eigenvalues, jacobian
from cordsnet.models import MODELS, build, list_pretrained
from oracles import CASCADE, random_images, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")

DATA = {"name": "mine", "fingerprint": "f" * 64, "mean": [0.5], "std": [0.25], "image_size": [5, 5]}
DATA |= {"classes": ["a", "b", "c"]}


def carrying():
    model = randomised(CASCADE)
    model.metadata = {"data": copy.deepcopy(DATA), "metrics": {"test_accuracy": 0.5}}
    return lesion(model, "area1", units=[0])


def pickled(model, folder):
    return pickle.loads(pickle.dumps(model))


def torch_saved(model, folder):
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


WAYS = {
    "save_model": lambda model, folder: load_model(save_model(model, folder)),
    "save_pretrained": lambda model, folder: type(model).from_pretrained(model.save_pretrained(folder)),
    "compiled": lambda model, folder: load_model(save_model(torch.compile(model, backend="eager"), folder)),
    "pickle": pickled,
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "copy": lambda model, folder: copy.copy(model),
    "torch.save": torch_saved,
    "saved twice": lambda model, folder: load_model(
        save_model(load_model(save_model(model, folder)), folder / "again")
    ),
    "lesioned again": lambda model, folder: lesion(model, "area1", units=[0]),
    "half and back": lambda model, folder: model.to(torch.float64),
}


@pytest.mark.parametrize("way", WAYS)
def test_data_classes_sizes_and_lesions_stay_through_every_way_of_saving(way, tmp_path):
    model = carrying()
    again = WAYS[way](model, tmp_path)
    assert again.metadata == {"data": DATA, "metrics": {"test_accuracy": 0.5}}
    assert again.spec == model.spec
    assert again.preprocessing == model.preprocessing
    assert again.preprocessing.classes == ("a", "b", "c")
    images = random_images(CASCADE)
    assert torch.equal(again(images), model(images))


def test_a_state_dict_carries_weights_and_nothing_else():
    model, fresh = carrying(), randomised(CASCADE, seed=4)
    fresh.load_state_dict(model.state_dict())
    assert fresh.metadata == {}
    assert not hasattr(fresh, "preprocessing")


def test_data_stays_with_the_networks_that_are_made_from_a_network():
    cnn = build(CASCADE, 1, CNN).double().eval()
    cnn.metadata = {"data": copy.deepcopy(DATA), "metrics": {"test_accuracy": 0.5}}
    folded = fold(cnn)
    assert folded.metadata == cnn.metadata
    twin = folded.recurrent_twin(0)
    assert twin.metadata == {"data": DATA}
    twin.metadata["data"]["name"] = "other"
    assert cnn.metadata["data"]["name"] == "mine"


@pytest.mark.parametrize(("name", "data"), list_pretrained())
def test_shipped_networks_say_what_they_were_trained_on(name, data):
    found = create_model(name, pretrained=data).metadata["data"]
    assert found["name"] == data
    assert len(found["fingerprint"]) == 64
    assert len(found["mean"]) == len(found["std"]) == create_model(name, pretrained=data).input_shape[0]
    assert found["image_size"] == list(create_model(name, pretrained=data).input_shape[1:])


# --- pretrained weights with other sizes ------------------------------------------------------------------------------
SIZES = [{"num_classes": 5}, {"num_classes": 37}, {"in_channels": 2}, {"num_classes": 4, "in_channels": 5}]


def layer_of(key):
    """The layer of a tensor; gain and direction of a kernel are of one."""
    return key.partition(".parametrizations.")[0] if ".parametrizations." in key else key.rpartition(".")[0]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(("name", "data"), list_pretrained())
def test_other_sizes_give_new_parts_and_say_so(name, data, sizes):
    trained = create_model(name, pretrained=data)
    with pytest.warns(DataWarning, match=r"new random weights") as caught:
        model = create_model(name, pretrained=data, seed=3, **sizes)
    said = str(caught[0].message)
    assert model.notes == (said,)
    own = {"in_channels": trained.input_shape[0], "num_classes": trained.num_classes}
    fresh = create_model(name, seed=3, image_size=trained.input_shape[1:], **own | sizes)
    kept, drawn = trained.state_dict(), fresh.state_dict()
    new = {layer_of(key) for key, value in drawn.items() if value.shape != kept[key].shape}
    assert new
    assert all(layer in said for layer in new)
    for key, value in model.state_dict().items():
        assert torch.equal(value, (drawn if layer_of(key) in new else kept)[key]), key
    assert model.num_classes == sizes.get("num_classes", 10)
    assert model(torch.rand(2, *model.input_shape)).shape == (2, model.num_classes)
    assert not {"metrics", "regime"} & set(model.metadata)
    if "num_classes" in sizes:
        assert "classes" not in model.metadata.get("data", {})
        assert not hasattr(model, "preprocessing")
    assert model.metadata["pretrained"]["data"]["name"] == data
    assert ("data" in model.metadata) == ("in_channels" not in sizes)


def test_a_network_with_new_parts_is_saved_and_read_as_such(tmp_path):
    with pytest.warns(DataWarning):
        model = create_model("cordsnet_r2_small", pretrained="digits", num_classes=3)
    again = load_model(save_model(model, tmp_path))
    assert again.num_classes == 3
    assert again.metadata == model.metadata


@pytest.mark.parametrize(
    "sizes", [{"num_classes": 0}, {"num_classes": True}, {"num_classes": "3"}, {"in_channels": 1.5}]
)
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match=next(iter(sizes))):
        create_model("cordsnet_r2_small", pretrained="digits", **sizes)


# --- times that are changed -------------------------------------------------------------------------------------------
def slower(model, how):
    if how == "attribute":
        model.tau_ms = 25
    elif how == "numpy":
        model.tau_ms = np.float32(25)
    elif how == "areas":
        model.tau_ms = {"area1": 25.0, "area2": 25.0}
    else:
        model.spec = model.spec.changed(tau_ms=25.0)
    return model


@pytest.mark.parametrize("how", ["attribute", "numpy", "areas", "spec"])
def test_a_time_constant_that_is_changed_after_training_counts_everywhere(how, tmp_path):
    images = random_images(CASCADE)
    model = randomised(CASCADE)
    before = simulate(model, show(images, 20)).logits  # so that all that is kept is of the old one
    slower(model, how)
    wanted = randomised(CASCADE.changed(tau_ms=25.0))
    wanted.load_state_dict(model.state_dict())
    found = simulate(model, show(images, 20)).logits
    assert not torch.equal(found, before)
    assert torch.equal(found, simulate(wanted, show(images, 20)).logits)
    for one, other in zip(
        spontaneous_state(model).values.values(), spontaneous_state(wanted).values.values(), strict=True
    ):
        assert torch.equal(one, other)
    settled = [steady_state(m, images).rates for m in (model, wanted)]
    assert all(torch.equal(settled[0][area], settled[1][area]) for area in model.areas)
    assert model.system().equation.circuit.tau_ms == wanted.system().equation.circuit.tau_ms
    rates = [eigenvalues(jacobian(m, area="area1", of="flow"), 3, which="LR").values for m in (model, wanted)]
    assert torch.equal(*map(torch.as_tensor, rates))
    again = load_model(save_model(model, tmp_path))
    assert torch.equal(simulate(again, show(images, 20)).logits, found)
    assert "25 ms" in repr(model)
    assert "25 ms" in model.timing


def test_a_time_constant_that_would_reach_nothing_is_refused():
    model = randomised(CASCADE)
    model.tau_ms = {"area1": 30.0}
    with pytest.raises(ValueError, match="area1"):
        model.tau_ms = 20.0
    with pytest.raises(ValueError, match="area7"):
        model.tau_ms = {"area7": 20.0}


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "10", True, [1, 2]])
def test_what_is_no_time_constant_is_refused(value):
    model = randomised(CASCADE)
    with pytest.raises(ValueError, match="tau_ms"):
        model.tau_ms = value
    assert model.tau_ms == CASCADE.tau_ms


@pytest.mark.parametrize("name", ["cordsnet_r2_small", "cornet_s_small", "convlstm_small", "task_rnn_small"])
def test_other_times_count_and_sizes_stay(name):
    model = create_model(name, **MODELS[name].tiny)
    field = "dt_ms" if hasattr(model.spec, "dt_ms") else "ms_per_step"
    setattr(model, field, 1.0)
    assert model.dt_ms == model.clock.dt_ms == getattr(model, field) == 1.0
    with pytest.raises(ValueError, match="in_channels of a model cannot be changed"):
        model.in_channels = 7
    model.in_channels = model.input_shape[0]


# --- what is shown of a model -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", MODELS.names())
def test_a_short_text_says_what_a_model_is(name):
    sizes = {} if name.endswith("small") else MODELS[name].tiny
    model = create_model(name, **sizes)
    text = repr(model)
    assert len(text) < 2000
    assert name in text
    assert "ms" in text or model.clock.kind == "static"
    for area, shape in model.shapes.items():
        assert f"{area} {list(shape)}" in text
    if model.clock.kind == "continuous" and hasattr(model.spec, "tau_ms"):
        assert "tau 10" in text or "tau 100" in text
        assert f"dt {model.dt_ms:g} ms" in text
