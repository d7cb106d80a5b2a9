"""What torch's own tools do to a network: hooks, transforms, pruning, parametrisations, ties, wrappers, devices."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jacrev, jvp, vjp, vmap
from torch.nn.utils import parametrize, prune
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cordsnet import CordsNet, HookedModel, blank, create_model, lesion, load_model, save_model, show, simulate
from cordsnet.dynamics.precision import place_of_doubles
from cordsnet.errors import DataWarning
from cordsnet.models import MODELS

pytestmark = pytest.mark.usefixtures("as_users_run_it")

IMAGE_MODELS = ["cordsnet_r2_small", "cornet_s_small", "convlstm_small", "cnn_r2_small"]


def tiny(name="cordsnet_r2_small", seed=0):
    return create_model(name, seed=seed, **MODELS[name].tiny).double().eval()


def images_of(model, trials=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(trials, *model.input_shape, generator=generator, dtype=torch.float32).to(model.like.dtype)


def close(one, other, tol=1e-9):
    one, other = one.detach(), other.detach()
    assert float((one - other).abs().max()) <= tol * max(1.0, float(other.abs().max()))


# --- hooks ------------------------------------------------------------------------------------------------------------
def kernel_of(model):
    """Name of a module with weights that a network in time never calls."""
    return {
        "CordsNet": "wiring.recurrent.area1",
        "CornetS": "V2.conv1",
        "ConvLSTM": "cells.area1.input",
        "CNN": "wiring.feedforward.area1",
    }[type(model).__name__]


REGISTER = ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]


@pytest.mark.parametrize("register", REGISTER)
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_a_hook_that_would_never_be_called_is_refused_and_says_the_way(name, register):
    model = tiny(name)
    handle = getattr(model.get_submodule(kernel_of(model)), register)(lambda *_: None)
    for call in (lambda: model(images_of(model)), lambda: simulate(model, show(images_of(model), model.dt_ms * 5))):
        with pytest.raises(ValueError, match=rf"hook on '{kernel_of(model)}'.*HookedModel"):
            call()
    handle.remove()
    model(images_of(model))


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_hooks_on_the_model_itself_are_called(name):
    model, seen = tiny(name), []
    model.register_forward_hook(lambda module, args, output: seen.append(output))
    scores = model(images_of(model))
    assert len(seen) == 1
    assert torch.equal(seen[0], scores)


class Called(CordsNet):
    """A model of a user's own, with a module that it calls."""

    uncalled_modules = ()

    def __init__(self, spec):
        super().__init__(spec)
        self.extra = nn.Identity()

    def forward(self, inputs, ms=None):
        return self.extra(super().forward(inputs, ms))


def test_hooks_on_modules_that_a_users_model_calls_are_left_to_it():
    model, seen = Called(MODELS["cordsnet_r2_small"].spec.changed(**MODELS["cordsnet_r2_small"].tiny)), []
    model.extra.register_forward_hook(lambda module, args, output: seen.append(output))
    scores = model(images_of(model))
    assert torch.equal(seen[0], scores)


def test_hooks_on_batch_norms_of_a_feedforward_network_are_called():
    model, seen = tiny("cnn_r2_small"), []
    model.before["area1"].register_forward_hook(lambda module, args, output: seen.append(output))
    model(images_of(model))
    assert seen[0].shape[1:] == model.shapes["area1"]


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_hooked_modules_give_the_rates_at_the_stated_time(name, share):
    model = tiny(name)
    steps = round(model.response_ms / model.dt_ms)
    at_ms = max(1, round(share * steps)) * model.dt_ms
    hooked, seen = HookedModel(model, at_ms=at_ms), {}
    for area in model.areas:
        hooked.get_submodule(area).register_forward_hook(
            lambda module, args, output, area=area: seen.__setitem__(area, output)
        )
    scores = hooked(images_of(model))
    whole = simulate(model, show(images_of(model), model.response_ms), record="all")
    row = round(at_ms / model.dt_ms) - 1
    for area in model.areas:
        close(seen[area], whole.rates[area][row], 1e-12)
    close(scores, whole.logits[-1], 1e-12)


def test_a_hook_that_changes_rates_acts_from_then_on():
    model = tiny()
    hooked = HookedModel(model, at_ms=20, ms=40)
    hooked.area1.register_forward_hook(lambda module, args, output: torch.zeros_like(output))
    start = simulate(model, show(images_of(model), 20)).final_state
    silenced = start.with_values({"area1": torch.zeros_like(start.values["area1"])})
    wanted = simulate(model, show(images_of(model), 20), initial_state=silenced).logits[-1]
    close(hooked(images_of(model)), wanted, 1e-12)


def test_gradients_from_the_scores_to_the_rates_of_an_area_are_those_through_time():
    model = tiny()
    hooked, seen = HookedModel(model, at_ms=20, ms=40), {}
    hooked.area1.register_forward_hook(lambda module, args, output: seen.setdefault("area1", output))
    (found,) = torch.autograd.grad(hooked(images_of(model))[:, 0].sum(), seen["area1"])
    start = simulate(model, show(images_of(model), 20)).final_state
    rates = start.values["area1"].clone().requires_grad_()
    begun = start.with_values({"area1": rates})
    end = simulate(model, show(images_of(model), 20), initial_state=begun, grad=True, engine="time_major").logits[-1]
    (wanted,) = torch.autograd.grad(end[:, 0].sum(), rates)
    assert float(wanted.abs().max()) > 0
    close(found, wanted, 1e-9)


@pytest.mark.parametrize(
    "options", [{"at_ms": 0}, {"at_ms": -2}, {"at_ms": 300}, {"at_ms": 3}, {"ms": float("nan")}, {"areas": ["area9"]}]
)
def test_hooked_models_refuse_what_cannot_be_read(options):
    with pytest.raises(ValueError, match=r"at_ms|ms|areas"):
        HookedModel(tiny(), **options)(images_of(tiny()))


# --- transforms -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_functional_calls_compute_with_the_given_weights_and_leave_the_model_alone(name):
    model, other = tiny(name), tiny(name, seed=5)
    x = images_of(model)
    before, wanted = model(x), other(x)
    found = functional_call(model, {**dict(other.named_parameters()), **dict(other.named_buffers())}, (x,))
    close(found, wanted)
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_transforms_give_the_derivatives_of_autograd(name):
    model = tiny(name)
    x = images_of(model).requires_grad_()
    along = torch.randn_like(x)

    def score(images):
        return model(images).square().sum()

    (wanted,) = torch.autograd.grad(score(x), x)
    close(grad(score)(x.detach()), wanted)
    close(vjp(score, x.detach())[1](torch.ones((), dtype=x.dtype))[0], wanted)
    close(jvp(score, (x.detach(),), (along,))[1], (wanted * along).sum(), 1e-8)
    assert jacrev(model)(x.detach()).shape == (2, model.num_classes, *x.shape)
    weights = dict(model.named_parameters())
    by_weight = grad(lambda given: functional_call(model, given, (x.detach(),)).square().sum())(weights)
    model.zero_grad()
    score(x.detach()).backward()
    for key, parameter in model.named_parameters():
        close(by_weight[key], torch.zeros_like(parameter) if parameter.grad is None else parameter.grad, 1e-8)
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_what_torch_cannot_map_over_is_refused_in_a_sentence(name):
    model = tiny(name)
    x = images_of(model)
    several = {key: torch.stack([value, value]) for key, value in model.named_parameters()}
    for call in (
        lambda: vmap(model)(x[:, None]),
        lambda: vmap(lambda given: functional_call(model, given, (x,)))(several),
        lambda: hessian(lambda images: model(images).sum())(x),
    ):
        with pytest.raises(ValueError, match=r"torch\.func\.vmap.*one batch"):
            call()
    assert bool(torch.isfinite(model(x)).all())


# --- pruning, parametrisations, ties ----------------------------------------------------------------------------------
def saved(model, folder):
    with pytest.warns(DataWarning, match=r"pruned or parametrised|one in memory"):
        return load_model(save_model(model, folder))


PRUNABLE = {
    "direction": ("cordsnet_r2_small", "wiring.recurrent.area1.parametrizations.weight", "original1"),
    "gain": ("cordsnet_r2_small", "wiring.feedforward.area2.parametrizations.weight", "original0"),
    "readout": ("convlstm_small", "decoder", "weight"),
    "cell": ("convlstm_small", "cells.area1.recurrent", "weight"),
    "kernel": ("cornet_s_small", "V2.conv1", "weight"),
}


@pytest.mark.parametrize("case", PRUNABLE)
def test_pruned_weights_act_follow_training_and_are_saved(case, tmp_path):
    name, place, tensor = PRUNABLE[case]
    model, module = tiny(name), None
    module = model.get_submodule(place)
    before = model(images_of(model))
    mask = torch.zeros_like(getattr(module, tensor))
    mask[::2] = 1
    prune.custom_from_mask(module, tensor, mask)
    plain = tiny(name)
    with torch.no_grad():
        getattr(plain.get_submodule(place), tensor).mul_(mask)
    pruned = model(images_of(model))
    assert not torch.equal(pruned, before)
    assert torch.equal(pruned, plain(images_of(model)))
    pruned.square().sum().backward()
    with torch.no_grad():
        getattr(module, f"{tensor}_orig").mul_(1.5)
        getattr(plain.get_submodule(place), tensor).mul_(1.5)
    assert torch.equal(model(images_of(model)), plain(images_of(model)))
    model(images_of(model)).square().sum().backward()  # no graph of an earlier pass is used again
    again = saved(model, tmp_path)
    assert torch.equal(again(images_of(model)), plain(images_of(model)))
    prune.remove(module, tensor)
    assert torch.equal(model(images_of(model)), plain(images_of(model)))


@pytest.mark.parametrize("method", [prune.l1_unstructured, prune.random_unstructured])
def test_pruning_a_computed_weight_is_refused_and_says_what_can_be_pruned(method):
    model = tiny()
    before = model(images_of(model))
    with pytest.raises(TypeError, match="original1"):
        method(model.wiring.recurrent["area1"], "weight", 0.3)
    del model
    model = tiny()
    assert torch.equal(model(images_of(model)), before)


class Doubled(nn.Module):
    def forward(self, values):
        return 2 * values


PARAMETRISABLE = {
    "direction": ("cordsnet_r2_small", "wiring.recurrent.area1.parametrizations.weight", "original1", 1),
    "gain": ("cordsnet_r2_small", "wiring.recurrent.area1.parametrizations.weight", "original0", 2),
    "bias": ("cordsnet_r2_small", "bias", "area1", 2),
    "readout": ("convlstm_small", "decoder", "weight", 2),
    "kernel": ("cornet_s_small", "V1.conv1", "weight", 2),
}


@pytest.mark.parametrize("case", PARAMETRISABLE)
def test_parametrised_weights_act_and_are_saved(case, tmp_path):
    name, place, tensor, factor = PARAMETRISABLE[case]
    model, plain = tiny(name), tiny(name)
    if tensor == "area1":
        with torch.no_grad():
            model.bias["area1"].fill_(0.1)
            plain.bias["area1"].fill_(0.1)
    parametrize.register_parametrization(model.get_submodule(place), tensor, Doubled())
    with torch.no_grad():
        getattr(plain.get_submodule(place), tensor).mul_(factor)
    close(model(images_of(model)), plain(images_of(model)), 1e-12)
    close(saved(model, tmp_path)(images_of(model)), plain(images_of(model)), 1e-12)


def test_a_parametrisation_of_a_computed_weight_is_refused_and_no_other_kernel_changes():
    model = tiny()
    with pytest.raises(TypeError, match=r"Doubled.*original0"):
        parametrize.register_parametrization(model.wiring.recurrent["area1"], "weight", Doubled())
    with pytest.raises(TypeError, match="bias"):
        parametrize.register_parametrization(model.wiring.readout, "bias", Doubled())
    assert torch.equal(tiny()(images_of(model)), tiny()(images_of(model)))


def test_a_weight_is_not_assigned_under_a_mask():
    model = tiny()
    kernel = model.wiring.recurrent["area1"]
    prune.l1_unstructured(kernel.parametrizations["weight"], "original1", 0.5)
    with pytest.raises(TypeError, match=r"prune\.remove"):
        kernel.weight = kernel.weight * 2
    with pytest.raises(TypeError, match=r"prune\.remove"):
        model.scale_recurrence("area1", 2.0)


@pytest.mark.parametrize("tie", ["module", "parameter"])
def test_tied_weights_stay_tied_are_saved_and_said(tie, tmp_path):
    model = tiny()
    one, other = model.wiring.recurrent["area1"], model.wiring.recurrent["area2"]
    if tie == "module":
        model.wiring.recurrent["area2"] = one
    else:
        other.parametrizations["weight"].original1 = one.parametrizations["weight"].original1
    again = saved(model, tmp_path)
    assert torch.equal(again(images_of(model)), model(images_of(model)))
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.wiring.recurrent["area1"].direction.add_(0.1)
    assert torch.equal(twin.wiring.recurrent["area2"].direction, twin.wiring.recurrent["area1"].direction)


def test_a_plain_model_is_saved_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        save_model(tiny(), tmp_path)


# --- wrappers, devices and precisions ---------------------------------------------------------------------------------
WRAPPERS = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "parallel": nn.DataParallel,
    "compiled parallel": lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_is_wrapped_computes_and_is_saved(wrapper, tmp_path):
    model = tiny()
    wrapped = WRAPPERS[wrapper](model)
    if wrapper == "parallel":
        assert torch.equal(wrapped(images_of(model)), model(images_of(model)))
    assert torch.equal(load_model(save_model(wrapped, tmp_path))(images_of(model)), model(images_of(model)))


def test_a_wrapper_that_cannot_be_simulated_says_what_can():
    with pytest.raises(TypeError, match=r"DataParallel; pass its \.module"):
        simulate(nn.DataParallel(tiny()), blank(10))
    with pytest.raises(TypeError, match="list_models"):
        simulate(nn.Linear(2, 2), blank(10))


@pytest.mark.parametrize(("device", "place"), [("mps", "cpu"), ("cpu", "cpu"), ("cuda", "cuda"), ("xpu", "xpu")])
def test_doubles_are_kept_on_the_processor_where_a_device_has_none(device, place):
    assert place_of_doubles(torch.device(device)) == torch.device(place)


def test_a_replica_of_data_parallel_is_refused():
    replica = tiny()._replicate_for_data_parallel()
    with pytest.raises(ValueError, match="DistributedDataParallel"):
        replica.system()


@pytest.mark.parametrize("name", [*IMAGE_MODELS, "task_rnn_small"])
def test_a_network_without_values_is_refused(name):
    model = create_model(name, **MODELS[name].tiny).to("meta").eval()
    assert model.summary().parameters > 0
    with pytest.raises(ValueError, match="'meta'"):
        simulate(model, blank(model.dt_ms * 5))


@pytest.mark.parametrize("name", MODELS.names("*_small"))
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_a_seed_gives_the_same_network_under_any_default_precision(name, dtype):
    wanted = create_model(name, **MODELS[name].tiny, seed=3).state_dict()
    torch.set_default_dtype(dtype)
    try:
        found = create_model(name, **MODELS[name].tiny, seed=3)
    finally:
        torch.set_default_dtype(torch.float32)
    for key, value in found.state_dict().items():
        assert torch.equal(value, wanted[key].to(value.dtype)), key
    assert found.like.dtype == dtype


@pytest.mark.parametrize("name", MODELS.names("*_small"))
def test_a_default_device_without_values_gives_a_network_without_values(name):
    with torch.device("meta"):
        assert create_model(name, **MODELS[name].tiny).like.is_meta
    torch.set_default_device("cpu")
    try:
        found = create_model(name, **MODELS[name].tiny, seed=3).state_dict()
    finally:
        torch.set_default_device(None)
    wanted = create_model(name, **MODELS[name].tiny, seed=3).state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in found.items())


class NoDouble(TorchDispatchMode):
    """Fails as a device without double precision would."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.lift_fresh.default:  # numbers of Python as a tensor on the processor
            return result
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
                raise AssertionError(f"{func} made a tensor in double precision")
        return result


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", [*IMAGE_MODELS, "task_rnn_small"])
def test_a_network_in_single_precision_makes_nothing_in_double(name, default, grad):
    model = create_model(name, **MODELS[name].tiny).eval()
    inputs = show(torch.rand(2, *model.input_shape), model.dt_ms * 10)
    torch.set_default_dtype(default)
    try:
        with NoDouble():
            trajectory = simulate(model, inputs, record="all", grad=grad)
            if grad:
                sum(value.sum() for value in trajectory.outputs.values()).backward()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_lesion_of_a_share_of_units_is_drawn_under_any_default_device():
    wanted = lesion(tiny(), "area1", fraction=0.3, seed=2)(images_of(tiny()))
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(lesion(tiny(), "area1", fraction=0.3, seed=2)(images_of(tiny())), wanted)
    finally:
        torch.set_default_dtype(torch.float32)
