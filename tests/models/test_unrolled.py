"""A network as an ordinary module whose areas are called at every step, and one step as an exported program."""

import pytest
import torch

import cordsnet
from cordsnet.models import MODELS, export_step, to_torch_module

pytestmark = pytest.mark.usefixtures("as_users_run_it")

OF_A_KIND = {MODELS[name].kind: name for name in reversed(list(MODELS))}
NOT_OF_IMAGES_ALONE = ("task_rnn", "crbp_hgru", "vector_rnn", "multi_area")
IMAGE_MODELS = [name for kind, name in OF_A_KIND.items() if kind not in NOT_OF_IMAGES_ALONE]
SOLVED = [name for name in IMAGE_MODELS if MODELS[name].kind in ("deq_conv", "mdeq")]


def tiny(name):
    return cordsnet.create_model(name, **MODELS[name].tiny).double().eval()


def images_of(model, trials=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(trials, *model.input_shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_hooks_see_every_area_at_every_step(name):
    model, seen = tiny(name), {}
    images, ms = images_of(model), 3 * model.dt_ms
    unrolled = to_torch_module(model, ms)
    for area in unrolled.areas:
        hook = lambda module, args, output, area=area: seen.setdefault(area, []).append(output)  # noqa: E731
        unrolled.get_submodule(area).register_forward_hook(hook)
    with torch.no_grad():
        scores = unrolled(images)
        found = cordsnet.simulate(model, cordsnet.show(images, ms), record="all")
    assert float((scores - found.logits[-1]).abs().max()) <= 1e-10 * float(scores.abs().max())
    for area, rates in found.rates.items():
        calls = torch.stack(seen[area])
        each = len(calls) // 3  # iterations within a step
        assert len(calls) == 3 * each
        assert torch.allclose(calls[each - 1 :: each], rates, rtol=0, atol=1e-10)


def test_what_a_hook_returns_is_what_others_read():
    model = tiny("cordsnet_r2_small")
    images, unrolled = images_of(model), to_torch_module(model, 20.0)
    unrolled.area1.register_forward_hook(lambda module, args, output: torch.zeros_like(output))
    silent = cordsnet.simulate(model, cordsnet.show(images, 20), interventions=cordsnet.silence("area1"))
    assert torch.allclose(
        unrolled(images), silent.logits[-1], atol=1e-6
    )  # which began without the area's resting rates


def test_no_hook_revives_a_lesioned_unit():
    model = cordsnet.lesion(tiny("convlstm_small"), "area1")
    unrolled = to_torch_module(model, 30.0)
    unrolled.area1.register_forward_hook(lambda module, args, output: torch.ones_like(output))
    assert torch.allclose(unrolled(images_of(model)), model(images_of(model), 30.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["cordsnet_r2_small", "convlstm_small", "cornet_s_small"])
def test_hooks_see_lesioned_networks_too(name):
    model = tiny(name)
    model = cordsnet.lesion(model, model.areas[0], units=[0])
    unrolled, seen = to_torch_module(model, 3 * model.dt_ms), []
    unrolled.get_submodule(model.areas[0]).register_forward_hook(lambda module, args, output: seen.append(output))
    scores = unrolled(images_of(model))
    assert len(seen) == 3
    assert torch.allclose(scores, model(images_of(model), 3 * model.dt_ms), rtol=0, atol=1e-12)


def test_gradients_are_those_through_time():
    model = tiny("convlstm_small")
    images, seen = images_of(model), []
    unrolled = to_torch_module(model, 30.0, areas=["area1"])
    unrolled.area1.register_forward_hook(lambda module, args, output: seen.append(output))
    unrolled(images)[:, 0].sum().backward(inputs=list(model.parameters()))
    ours = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    cordsnet.simulate(model, cordsnet.show(images, 30), grad=True).logits[-1, :, 0].sum().backward()
    assert len(seen) == 3
    for one, parameter in zip(ours, model.parameters(), strict=True):
        assert torch.allclose(one, parameter.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"ms": 3.0}, "ms"), ({"ms": -1.0}, "ms must be"), ({"areas": ["V1"]}, "areas must be of area1, area2, got 'V1'")],
)
def test_what_cannot_be_unrolled_is_refused(arguments, message):
    model = tiny("convlstm_small")
    with pytest.raises(ValueError, match=message):
        to_torch_module(model, **arguments)(images_of(model))


@pytest.mark.parametrize("name", [name for name in IMAGE_MODELS if name not in SOLVED])
def test_an_exported_step_is_a_step(name, tmp_path):
    model = tiny(name)
    images = images_of(model)
    with torch.no_grad():
        state = model.step(model.initial_state(2), images)
        wanted = model.step(state, images)
    program = export_step(model, batch=2, step=1)
    torch.export.save(program, tmp_path / "step.pt2")
    signals, outputs = torch.export.load(tmp_path / "step.pt2").module()(dict(state.values), images)
    for key, value in wanted.values.items():
        assert float((signals[key] - value).abs().max()) <= 1e-9 * max(1.0, float(value.abs().max()))
    scores = model.readout(wanted)
    assert torch.allclose(outputs["scores"], scores.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["cornet_rt_small", "blt_sync_blt_small"])
def test_a_step_of_those_that_differ_must_be_chosen(name):
    with pytest.raises(ValueError, match="differ from one another; give step"):
        export_step(tiny(name))


@pytest.mark.parametrize("name", SOLVED)
def test_steps_that_solve_an_equation_cannot_be_exported(name):
    with pytest.raises(ValueError, match="depends on values, as where a solver stops"):
        export_step(tiny(name), step=0)


def test_a_model_without_class_scores_is_not_unrolled():
    with pytest.raises(ValueError, match="has the outputs choice, eye"):
        to_torch_module(cordsnet.create_model("task_rnn_small"))


@pytest.mark.parametrize(
    "model",
    [
        lambda: cordsnet.create_model("task_rnn_small"),
        lambda: cordsnet.lesion(cordsnet.create_model("cordsnet_r2_small"), "area1 -> area2"),
    ],
)
def test_what_cannot_be_exported_is_refused(model):
    with pytest.raises(ValueError, match="no noise, delays or lesions to be exported"):
        export_step(model())
