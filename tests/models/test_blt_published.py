"""Public weights of BLT networks: names, axes, and what is refused."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from cordsnet.errors import CheckpointError
from cordsnet.models.blt import CCN23, CCN23Spec, RCNNSat, RCNNSatSpec, Spoerer2017, Spoerer2017Spec, load_published

CCN = CCN23Spec(image_size=(16, 16), num_classes=5, retina_channels=3, channels=(4, 6, 8, 10))
BL = RCNNSatSpec(image_size=(16, 16), num_classes=5, channels=(4, 6, 8), kernels=(5, 3, 1), steps=2)
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def same(one, other):
    assert_close(dict(one.state_dict()), dict(other.state_dict()), rtol=0, atol=0)


def keras(model, recurrent=True, repeat=False):
    """Arrays of a model under the names and with the axes of Keras."""
    weights, found = {name: value.numpy() for name, value in model.state_dict().items()}, {}
    for k in range(len(model.shapes)):
        kernels = (
            {"RCL_{}_BConv": "bottom_up", "RCL_{}_LConv": "lateral"} if recurrent else {"Conv_Layer_{}": "bottom_up"}
        )
        for layer, own in kernels.items():
            found[f"{layer.format(k)}/kernel"] = weights[f"area{k + 1}.{own}.weight"].transpose(2, 3, 1, 0)
        for t in range(model.spec.steps):
            layer = f"BatchNorm_Layer_{k}" + (f"_Time_{t}" if recurrent else "")
            found |= {f"{layer}/{public}": weights[f"area{k + 1}.norm_{t}.{own}"] for public, own in NORM.items()}
    found["ReadoutDense/kernel"] = weights["decoder.weight"].T
    found["ReadoutDense/bias"] = weights["decoder.bias"]
    return {f"{name.split('/')[0]}/{name}:0" if repeat else name: value for name, value in found.items()}


def drawn(spec, kind, seed):
    torch.manual_seed(seed)
    model = kind(spec)
    for name, value in model.state_dict().items():
        if value.is_floating_point() and ("norm" in name or "_ln" in name):
            value.copy_(torch.rand_like(value))
    return model


def test_state_dicts_of_the_public_code_load(tmp_path):
    model, other, path = drawn(CCN, CCN23, 1), drawn(CCN, CCN23, 2), tmp_path / "blt.pth"
    public = {f"module.{name.replace('decoder', 'readout')}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 60, "model_state_dict": public}, path)
    assert load_published(other, path) is other
    same(other, model)
    assert {"module.v2_ln.weight", "module.gap.lateral.weight", "module.readout.bias", "module.retina.bias"} < set(
        public
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 7}, r"'readout\.weight' has shape \[5, 10\] where the model has \[7, 10\]"),
        ({"classifier_bias": False}, r"holds 'readout\.bias' that the model has no place for"),
        ({"lateral": False}, r"holds 'v1\.lateral\.weight' and 4 more"),
        ({"image_size": 32}, r"'v1_ln\.weight' has shape"),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, changes, message):
    model, other = drawn(CCN, CCN23, 1), drawn(CCN.changed(**changes), CCN23, 2)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    torch.save({n.replace("decoder", "readout"): v for n, v in model.state_dict().items()}, tmp_path / "blt.pth")
    with pytest.raises(CheckpointError, match=message):
        load_published(other, tmp_path / "blt.pth")
    assert_close(dict(other.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("changes", [{}, {"lateral": False, "steps": 1}, {"lateral": False, "steps": 1, "depth": 2}])
@pytest.mark.parametrize("repeat", [False, True])
def test_arrays_of_keras_load(tmp_path, changes, repeat):
    spec = BL.changed(**changes)
    model, other = drawn(spec, RCNNSat, 1), drawn(spec, RCNNSat, 2)
    arrays = keras(model, spec.lateral, repeat)
    np.savez(tmp_path / "net.npz", **arrays)
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):  # Keras stores no counter; its statistics were measured all the same
            buffer.fill_(1)
    load_published(other, tmp_path / "net.npz")
    same(other, model)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
    save_file(tensors, tmp_path / "net.safetensors")
    same(load_published(drawn(spec, RCNNSat, 3), tmp_path / "net.safetensors"), model)


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    model, path = drawn(BL, RCNNSat, 1), tmp_path / "net.npz"
    arrays = keras(model)
    for changed, message in (
        ({**arrays, "Extra/kernel": np.zeros(3)}, "holds 'Extra/kernel' that the model has no place for"),
        ({**arrays, "ReadoutDense/ReadoutDense/bias:0": np.zeros(5)}, "holds 'ReadoutDense/bias' twice"),
        ({**arrays, "ReadoutDense/bias": np.zeros(7)}, r"'ReadoutDense/bias' has shape \[7\]"),
        ({name: value for name, value in arrays.items() if "Time_1/beta" not in name}, "lacks .* and 2 more"),
        ({**arrays, "ReadoutDense/bias": np.array([None] * 5)}, "is damaged or is not a file of weights alone"),
        ({**arrays, "ReadoutDense/bias": np.array(["a"] * 5)}, "is damaged or is not a file of weights alone"),
    ):
        np.savez(path, **changed)
        with pytest.raises(CheckpointError, match=message):
            load_published(model, path)


def test_other_files_and_models_are_refused(tmp_path, as_users_run_it):
    path = tmp_path / "net.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(CheckpointError, match="is damaged or is not a file of weights alone"):
        load_published(RCNNSat(BL), path)
    with pytest.raises(CheckpointError, match="no file of weights"):
        load_published(RCNNSat(BL), tmp_path / "none.npz")
    with pytest.raises(
        CheckpointError, match=r"is HDF5, which is not read; write its arrays by name with numpy\.savez"
    ):
        load_published(RCNNSat(BL), tmp_path / "net.h5")
    with pytest.raises(TypeError, match=r"model must be a CCN23 or an? RCNNSat"):
        load_published(Spoerer2017(Spoerer2017Spec()), path)
