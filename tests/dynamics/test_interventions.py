"""Interventions against closed forms, against networks built without the part, and bad ones."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

import cordsnet
from cordsnet import AreaSpec, ConnectionSpec, NetworkSpec, StemSpec, blank, clamp, inject, lesion, scale, show, silence
from cordsnet.dynamics import Activation, steady_state
from cordsnet.models import CordsNet, build

pytestmark = pytest.mark.usefixtures("as_users_run_it")

DT, TAU = 2.0, 10.0
A = 1 - DT / TAU


def linear_area():
    """One linear area of two channels on a map of 1 x 1, without recurrence: tau dr/dt = -r + b."""
    spec = NetworkSpec(
        "linear",
        StemSpec(2, kernel=1, stride=1, pool_kernel=1, pool_stride=1),
        (AreaSpec("area1", 2, kernel=1, recurrent_kernel=None),),
        (ConnectionSpec("stem", "area1"),),
        ("area1",),
        in_channels=1,
        image_size=(1, 1),
        num_classes=2,
    )
    model = build(spec, 0, CordsNet).double()
    model.activation = Activation("identity")
    with torch.no_grad():
        model.bias["area1"].copy_(torch.tensor([1.0, 2.0], dtype=torch.float64).view(2, 1, 1))
    return model


def chain(**changes):
    """Two areas in double precision with a small image."""
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=4, **changes)
    return model.double()


def images(count=2, size=8):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def rates(model, protocol, *interventions, **options):
    return cordsnet.simulate(
        model, protocol, record="all", initial_state="zero", interventions=interventions, **options
    ).rates


def test_a_clamp_ends_and_the_rate_relaxes_as_the_closed_form_says():
    found = rates(linear_area(), blank(80), clamp("area1", 5.0, to_ms=40))["area1"][:, 0, :, 0, 0]
    assert (found[:20] == 5).all()
    steps = torch.arange(1, 21, dtype=torch.float64)
    wanted = 1 + (5 - 1) * A**steps  # towards b = 1, in channel 0
    torch.testing.assert_close(found[20:, 0], wanted, rtol=1e-12, atol=0)


def test_a_current_moves_the_fixed_point_by_itself():
    found = rates(linear_area(), blank(400), inject("area1", 0.5, from_ms=200, units=[1]))["area1"][:, 0, :, 0, 0]
    assert found[99, 1] == pytest.approx(2, abs=1e-8)
    assert found[-1, 1] == pytest.approx(2.5, abs=1e-8)
    assert found[-1, 0] == pytest.approx(1, abs=1e-8)
    first = 2 + 0.5 * (1 - A)
    assert found[100, 1] == pytest.approx(first, abs=1e-8)


def test_silence_acts_at_once_and_in_its_trials_and_units_alone():
    model = chain()
    free = rates(model, show(images(), 40))
    second = torch.tensor([False, True])
    found = rates(model, show(images(), 40), silence("area1", from_ms=20, trials=second))
    assert (found["area1"][10:, 1] == 0).all()
    torch.testing.assert_close(found["area1"][:10], free["area1"][:10], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found["area2"][:, 0], free["area2"][:, 0], rtol=1e-12, atol=1e-14)
    at_onset = found["area2"][10, 1] - free["area2"][10, 1]  # the step after 20 ms reads silent units already
    assert at_onset.abs().max() > 0


@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed", "auto"])
def test_engines_agree_on_interventions(engine):
    model = chain()
    protocol = blank(20) + show(images(), 40)
    what = (
        silence("area2", from_ms=30, units=[(0, 1, 1), (1, 2, 3)]),
        inject("area1", 0.3, from_ms=10, to_ms=50, trials=[1]),
        scale("area1 -> area2", 0.5, from_ms=24, to_ms=44, units=[1]),
        scale("stem -> area1", 0.0, from_ms=40),
        scale("area1 -> area1", 0.2, to_ms=12),
    )
    wanted = rates(model, protocol, *what, engine="time_major")
    for area, found in rates(model, protocol, *what, engine=engine).items():
        torch.testing.assert_close(found, wanted[area], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("stepper", ["euler", "exponential_euler", "heun", "rk4"])
def test_a_clamp_holds_within_every_stepper(stepper):
    found = rates(chain(), show(images(), 20), clamp("area1", 0.7, from_ms=4), stepper=stepper)["area1"]
    assert (found[2:] == 0.7).all()


def test_an_area_that_follows_a_recording_drives_the_next_as_it_did():
    model = chain()
    first = cordsnet.simulate(model, show(images(), 40), record="all", initial_state="zero")
    found = rates(model, show(torch.zeros_like(images()), 40), clamp("area1", first))
    torch.testing.assert_close(found["area1"], first.rates["area1"], rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"must broadcast to \[1, 4, 4, 4\], got shape \[2, 4, 4, 4\]"):
        rates(model, blank(40), clamp("area1", first))  # a blank field has one trial, the recording two


def test_lesioned_recurrence_is_that_of_a_network_built_without_it():
    model = chain()
    spec = model.spec
    bare = build(
        dataclasses.replace(
            spec, areas=tuple(AreaSpec(a.name, a.channels, a.stride, recurrent_kernel=None) for a in spec.areas)
        ),
        0,
        CordsNet,
    ).double()
    bare.load_state_dict({k: v for k, v in model.state_dict().items() if "recurrent" not in k}, strict=True)
    hurt = lesion(lesion(model, "area1 -> area1"), "area2 -> area2")
    for area, found in rates(hurt, show(images(), 60)).items():
        torch.testing.assert_close(found, rates(bare, show(images(), 60))[area], rtol=1e-13, atol=1e-15)


def test_lesioned_channels_are_those_of_a_network_with_fewer_channels():
    model, gone = chain(), [1, 3]
    hurt = lesion(model, "area1", units=gone)
    found = rates(hurt, show(images(), 60))
    assert (found["area1"][:, :, gone] == 0).all()
    smaller = chain()
    with torch.no_grad():  # the same by hand: nothing reaches these channels, and nothing comes of them
        for kernel in (smaller.wiring.feedforward["area1"], smaller.wiring.recurrent["area1"]):
            weight = kernel.weight.clone()
            weight[gone] = 0
            kernel.weight = weight
        smaller.bias["area1"][gone] = 0
    for area, wanted in rates(smaller, show(images(), 60)).items():
        torch.testing.assert_close(found[area], wanted, rtol=1e-12, atol=1e-14)


def test_lesions_reach_fixed_points_jacobians_and_training():
    model = chain()
    hurt = lesion(model, "area2", fraction=0.3, seed=3)
    gone = hurt.lesions[0].gone(model.shapes["area2"], "cpu")
    settled = steady_state(hurt, images(1)).rates["area2"][0]
    assert (settled[gone] == 0).all()
    operator = cordsnet.analysis.jacobian(hurt, image=images(1), area="area2")
    assert float(operator.to_dense()[gone.flatten()].abs().max()) == 0
    hurt(images()).sum().backward()
    assert float(hurt.bias["area2"].grad[gone].abs().max()) == 0
    assert float(hurt.bias["area2"].grad[~gone].abs().max()) > 0


def test_a_state_of_the_whole_network_loses_what_is_lesioned():
    model = chain()
    end = cordsnet.simulate(model, show(images(), 40)).final_state
    hurt = lesion(model, "area1", units=[0])
    found = cordsnet.simulate(hurt, blank(10), record="all", initial_state=end).rates["area1"]
    assert (found[:, :, 0] == 0).all()


def test_a_mask_of_booleans_is_kept_through_saving(tmp_path):
    model = chain()
    mask = torch.zeros(4, 1, 1, dtype=torch.bool)
    mask[2] = True
    hurt = lesion(model, "area1", units=mask)
    cordsnet.save_model(hurt, tmp_path)
    again = cordsnet.load_model(tmp_path)
    assert again.lesions == hurt.lesions
    assert (rates(again, show(images(), 10))["area1"][:, :, 2] == 0).all()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda: silence("area9"), "did you mean .*'area1'"),
        (lambda: scale("area2 -> area1", 0.0), "area1 -> area2"),
        (lambda: silence("area1", units=[4]), "must go from 0 to 3"),
        (lambda: silence("area1", units=[-1]), "must go from 0 to 3"),
        (lambda: silence("area1", units=[0.5]), "whole numbers"),
        (lambda: silence("area1", trials=[2]), "trials"),
        (lambda: clamp("area1", torch.zeros(3)), "must broadcast"),
        (lambda: inject("area1", torch.zeros(2)), r"one value per trial as \[B, 1, 1, 1\]"),
        (lambda: silence("area1", units=torch.ones(5, dtype=torch.bool)), "must have 3 axes"),
        (lambda: silence("area1", from_ms=40), "within the protocol"),
        (lambda: silence("area1", from_ms=3), "whole number of steps"),
    ],
)
def test_bad_interventions_are_refused_in_a_sentence(what, message):
    with pytest.raises((ValueError, TypeError), match=message):
        rates(chain(), show(images(), 40), what())


def test_a_recording_that_does_not_cover_the_time_is_refused():
    model = chain()
    some = cordsnet.simulate(model, show(images(), 40), record=cordsnet.Record("all", every_ms=4.0))
    with pytest.raises(ValueError, match="has nothing at 2 ms"):
        rates(model, show(images(), 40), clamp("area1", some))


@pytest.mark.parametrize("fraction", [0, 1.5, -0.1])
def test_bad_fractions_are_refused(fraction):
    with pytest.raises(ValueError, match="fraction"):
        lesion(chain(), "area1", fraction=fraction)


def test_units_and_fraction_together_are_refused():
    with pytest.raises(ValueError, match="not both"):
        lesion(chain(), "area1", units=[0], fraction=0.5)


def test_weights_are_read_only_where_a_change_would_be_lost():
    kernel = chain().wiring.recurrent["area1"]
    for change in (
        lambda w: w.zero_(),
        lambda w: w.data.mul_(0),
        lambda w: w.detach().fill_(1.0),
        lambda w: w.__setitem__(0, 0.0),
        lambda w: w[1].copy_(w[0]),
        lambda w: torch.nn.init.zeros_(w),
        lambda w: torch.mul(w, 2, out=w),
        lambda w: w.view(-1).__setitem__(0, 3.0),
    ):
        with pytest.raises(TypeError, match=r"kernel\.weight = new"), torch.no_grad():
            change(kernel.weight)
    assert type(kernel.weight.clone()) is Tensor
    assert type(kernel.weight * 2) is Tensor
    assert math.isfinite(kernel.weight.detach().sum().item())
    assert not kernel.weight.detach().numpy().flags.writeable
    before = kernel.weight.clone()
    kernel.weight *= 0.5  # assigned, so it acts
    torch.testing.assert_close(kernel.weight.clone(), 0.5 * before)


def test_a_row_of_zeros_has_finite_gradients():
    model = chain()
    kernel = model.wiring.recurrent["area1"]
    weight = kernel.weight.clone()
    weight[1] = 0
    kernel.weight = weight
    model(images()).sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)
    assert (kernel.weight[1] == 0).all()


def test_what_is_lesioned_cannot_be_woken():
    hurt = lesion(chain(), "area1", units=[1])
    for what in (inject("area1", 3.0), clamp("area1", 2.0), clamp("area1", 2.0, from_ms=10)):
        assert (rates(hurt, show(images(), 30), what)["area1"][:, :, 1] == 0).all()


def test_a_later_clamp_prevails_also_when_it_follows_a_recording():
    model = chain()
    first = cordsnet.simulate(model, show(images(), 20), record="all", initial_state="zero")
    both = clamp("area1", 1.0), clamp("area1", first)
    found = rates(model, show(images(), 20), *both)
    torch.testing.assert_close(found["area2"], first.rates["area2"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
def test_a_reduction_of_the_users_sees_one_step_at_a_time(engine):
    model = chain()
    record = cordsnet.Record("area1", reduce=lambda values: values - values.mean(0))
    found = cordsnet.simulate(model, show(images(), 20), record=record, initial_state="zero", engine=engine)
    torch.testing.assert_close(found.rates["area1"].mean(1), torch.zeros(10, 4, 4, 4).double(), atol=1e-12, rtol=0)


def test_the_gradient_of_an_image_needs_no_gradient_of_weights():
    model = chain().requires_grad_(False)
    shown = images().requires_grad_()
    gradients = []
    for engine in ("time_major", "area_major", "checkpointed"):
        found = cordsnet.simulate(model, show(shown, 20), grad=True, engine=engine).logits
        gradients.append(torch.autograd.grad(found[-1].square().sum(), shown)[0])
    for found in gradients[1:]:
        torch.testing.assert_close(found, gradients[0], rtol=1e-11, atol=1e-13)


def test_a_lesioned_cnn_is_lesioned_in_training_too():
    cnn = cordsnet.create_model("cnn_r2_small", in_channels=1, num_classes=3, image_size=8, width=4)
    hurt = lesion(cnn.eval(), "area1", units=[2]).train()
    hurt(images().float()).sum().backward()
    assert float(hurt.rates(images().float())["area1"][:, 2].detach().abs().max()) == 0
    assert hurt.fold().lesions == hurt.lesions


def test_booleans_for_channels_are_channels():
    model = chain()
    mask = torch.tensor([False, True, False, False])
    found = rates(model, show(images(), 20), silence("area1", units=mask))["area1"]
    assert (found[:, :, 1] == 0).all()
    assert found[:, :, [0, 2, 3]].abs().max() > 0
