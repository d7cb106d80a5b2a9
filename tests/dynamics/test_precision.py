"""Convolutions in half precision, rates in a precision of their own."""

from threading import Event, Thread

import pytest
import torch

from cordsnet import Precision, blank, create_model, show, simulate, steady_state
from cordsnet.analysis import MatrixOperator
from cordsnet.dynamics import full_precision
from cordsnet.training import objective
from oracles import random_images, randomised, tiny_r


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = create_model("cordsnet_r2_small", image_size=16, num_classes=4, in_channels=1)
    with torch.no_grad():
        for bias in model.bias.values():
            bias.normal_(0, 0.3)
    return model


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def apart(found, wanted):
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def run(model, images, precision, **options):
    return simulate(model, show(images, 60) + blank(40), precision=precision, record="all", **options)


@pytest.mark.parametrize(("precision", "digits"), [("bfloat16", 8), ("float16", 11)])
@pytest.mark.parametrize("engine", ["time_major", "area_major"])
def test_convolutions_in_half_precision_leave_rates_as_they_are(model, images, precision, digits, engine):
    wanted = run(model, images, None)
    found = run(model, images, precision, engine=engine)
    for area in model.areas:
        assert found.rates[area].dtype == torch.float32
        assert 2.0**-20 < apart(found.rates[area], wanted.rates[area]) < 4 * 2.0**-digits
    assert found.logits.dtype == torch.float32


def test_rates_in_half_precision_err_more_than_convolutions_in_half_precision(model, images):
    wanted = run(model, images, None).rates["area2"]
    convolutions = run(model, images, "bfloat16").rates["area2"]
    both = run(model, images, Precision("bfloat16", rates="bfloat16")).rates["area2"]
    assert both.dtype == torch.bfloat16
    assert apart(convolutions, wanted) < apart(both, wanted) < 0.1


def test_rates_can_be_kept_more_precise_than_the_weights(model, images):
    found = run(model, images, Precision(rates="float64"))
    assert found.rates["area1"].dtype == torch.float64
    assert apart(found.rates["area1"], run(model, images, None).rates["area1"]) < 1e-5


def test_autocast_is_honoured_and_an_explicit_precision_comes_before_it(model, images):
    asked = run(model, images, "bfloat16").logits
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(run(model, images, None).logits, asked)
        assert torch.equal(run(model, images, "float32").logits, run(model.float(), images, "float32").logits)
    assert not torch.equal(run(model, images, None).logits, asked)


def gradient(model, images, weight=1.0, of="", **options):
    model.zero_grad()
    (weight * run(model, images, grad=True, **options).logits.square().mean()).backward()
    return torch.cat([p.grad.flatten() for name, p in model.named_parameters() if of in name])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
def test_gradients_through_half_precision_convolutions_are_near_the_full_ones(model, images, engine, precision):
    wanted = gradient(model, images, precision=None)
    assert apart(gradient(model, images, precision=precision, engine=engine), wanted) < 0.05


@pytest.mark.parametrize("engine", ["area_major", "checkpointed"])
def test_sums_over_time_and_trials_do_not_overflow_in_half_precision(engine):
    large = randomised(tiny_r(4)).float()  # with rates far above 1
    images = random_images(large.spec, batch=4).float()
    wanted = gradient(large, images, precision=None)
    assert apart(gradient(large, images, precision="float16", engine=engine), wanted) < 0.05


@pytest.mark.parametrize("engine", ["area_major", "checkpointed"])
@pytest.mark.parametrize("weight", [1.0, 1e-4])
def test_gradients_of_small_losses_are_not_lost_in_a_block_in_half_precision(model, images, engine, weight):
    wanted = weight * gradient(model, images, precision=None, of="recurrent")
    found = gradient(model, images, precision="float16", engine=engine, weight=weight, of="recurrent")
    assert apart(found, wanted) < 5e-3


def test_blocks_of_full_precision_overlap_in_threads_and_leave_the_users_settings():
    settings = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)

    def now():
        return [setting.fp32_precision for setting in settings]

    before, entered, leave = now(), Event(), Event()

    def other():
        with full_precision():
            entered.set()
            assert leave.wait(10)

    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        users, thread = now(), Thread(target=other)
        with full_precision():
            thread.start()
            assert entered.wait(10)
        assert now() == ["ieee", "ieee"]  # the other's block is open
        leave.set()
        thread.join()
        assert now() == users
        MatrixOperator(torch.eye(3)).mv(torch.ones(3))
        assert now() == users
    finally:
        torch.backends.cuda.matmul.fp32_precision = before[0]


def test_an_objective_under_autocast_is_near_the_full_one(model, images):
    labels = torch.tensor([0, 1, 2])
    wanted = objective(model, images, labels).total
    with torch.autocast("cpu", torch.bfloat16):
        found = objective(model, images, labels).total
    assert found.dtype == torch.float32
    assert 0 < apart(found.detach(), wanted.detach()) < 1e-2


def test_rates_too_coarse_for_the_compact_adjoint_are_refused_by_it_and_run_by_auto(model, images):
    coarse = Precision("bfloat16", rates="bfloat16")
    with pytest.raises(ValueError, match=r"'area_major' needs .* for gradients rates in single or double precision"):
        gradient(model, images, precision=coarse, engine="area_major")
    assert bool(torch.isfinite(gradient(model, images, precision=coarse)).all())


def test_spontaneous_activity_is_remembered_per_precision(model, images):
    full = run(model, images, None).logits
    assert not torch.equal(run(model, images, "bfloat16").logits, full)
    assert torch.equal(run(model, images, None).logits, full)


def test_steady_states_are_found_under_autocast(model, images):
    with torch.autocast("cpu", torch.bfloat16):
        found = steady_state(model, images, tol=1e-2)
    assert found.converged
    assert apart(found.logits, steady_state(model, images, tol=1e-5).logits) < 2e-2


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("field", ["compute", "rates"])
def test_unknown_precisions_are_refused_with_the_nearest(field):
    with pytest.raises(ValueError, match=r"precision 'bfloat61'.*bfloat16"):
        Precision(**{field: "bfloat61"})
