"""Settled activity, folding, files and behaviour on a GPU."""

import dataclasses

import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU, assert_near, calm, moved
from numpy.testing import assert_allclose
from torch import nn

from cordsnet import CNN, ConnectionSpec, CordsNet, State, fold, load_model, save_model, steady_state
from cordsnet.data import Split
from cordsnet.dynamics import Solver, WarmStart, convolve, full_precision, relax
from cordsnet.experiments.noise import NoiseOptions, noisy_hits
from cordsnet.experiments.pairs import other_class, some_of_each_class
from cordsnet.experiments.precision import precision_errors
from cordsnet.experiments.second_image import read_both
from cordsnet.experiments.steppers import StepperOptions, stepper_errors
from cordsnet.experiments.time_course import TimeCourseOptions, record_course
from cordsnet.models import build
from cordsnet.models.preprocessing import Preprocessing
from oracles import CASCADE, NETWORKS, random_images, randomised, tiny_r

pytestmark = NEEDS_GPU

BACK = ConnectionSpec("area2", "area1", kernel=3, delay_ms=4.0, onto="drive")
SPECS = {
    "cascade": CASCADE,
    "skips": tiny_r(4),
    "feedback": dataclasses.replace(CASCADE, connections=(*CASCADE.connections, BACK)),
}


@pytest.mark.parametrize("gradient", ["implicit", "neumann"])
@pytest.mark.parametrize("name", SPECS)
def test_fixed_points_and_their_gradients_are_those_of_a_processor(name, gradient):
    model, images = calm(SPECS[name], 0.4), random_images(SPECS[name])
    solver = Solver(tol=1e-13, max_iterations=400, gradient=gradient, expansion_bound=0.0)
    results = []
    for network, frames in ((model, images), (moved(model), images.to(DEVICE))):
        found = steady_state(network, frames, solver=solver, grad=True)
        assert found.converged
        (found.logits.square().sum() + found.expansion).backward()
        results.append((found, dict(network.named_parameters())))
    (wanted, parameters), (found, ours) = results
    assert_near(found.logits, wanted.logits)
    assert_near(found.expansion, wanted.expansion)
    for area, rates in wanted.rates.items():
        assert_near(found.rates[area], rates)
        assert found.residual[area].device.type == DEVICE
    for key, parameter in parameters.items():
        assert_near(ours[key].grad, parameter.grad, rtol=1e-8, name=key)


@pytest.mark.parametrize("tol", [1e-5, 1e-6])
@pytest.mark.parametrize("name", SPECS)
def test_single_precision_converges_as_on_a_processor(name, tol):
    model, images = calm(SPECS[name], 0.4), random_images(SPECS[name], batch=8)
    wanted = steady_state(model, images, tol=1e-12)
    found = steady_state(moved(model).float(), images.to(DEVICE, torch.float32), tol=tol)
    assert found.converged
    for area, rates in wanted.rates.items():
        assert_near(found.rates[area].double(), rates, rtol=100 * tol)


def test_a_wide_network_converges_to_what_training_asks_for():
    model = build(dataclasses.replace(tiny_r(2), in_channels=1), 0)
    assert isinstance(model, CordsNet)
    model = model.to(DEVICE)
    with torch.no_grad():
        for bias in model.bias.values():
            bias.copy_(torch.randn(bias.shape, generator=torch.Generator().manual_seed(0)))
    warm = WarmStart(1e-5)
    state = warm(model.system())
    assert warm.relaxed == 0
    wanted = relax(moved(model).double().system(), 2000.0)
    for area, rates in wanted.rates.items():
        assert_near(state.rates[area].double(), rates, rtol=1e-3)
    first = warm.evaluations
    warm(model.system())
    assert warm.evaluations < first
    warm.state = State({area: rates.cpu() for area, rates in state.rates.items()})  # as a checkpoint holds it
    assert warm(model.system()).rates["area1"].device.type == DEVICE


@pytest.mark.parametrize("gradient", ["implicit", "neumann"])
def test_gradients_at_a_fixed_point_are_those_of_double_precision(gradient):
    model, images = calm(CASCADE, 0.4), random_images(CASCADE, batch=4)
    solver = Solver(tol=1e-6, gradient=gradient, terms=40)
    ours = moved(model).float()
    for network, frames in ((model, images), (ours, images.to(DEVICE, torch.float32))):
        network.zero_grad()
        steady_state(network, frames, solver=solver, grad=True).logits.square().sum().backward()
    for (name, parameter), other in zip(model.named_parameters(), ours.parameters(), strict=True):
        assert_near(other.grad.double(), parameter.grad, rtol=1e-2, name=name)


def test_full_precision_keeps_factors_whole_and_puts_the_setting_back():
    generator = torch.Generator().manual_seed(0)
    # so large that cuDNN takes to tensor cores when it may
    value, weight = torch.randn(16, 256, 28, 28, generator=generator), torch.randn(256, 256, 3, 3, generator=generator)
    wanted = convolve(value.double(), weight.double())
    setting = torch.backends.cudnn.conv
    before = setting.fp32_precision

    def error():
        found = convolve(value.to(DEVICE), weight.to(DEVICE))
        return float((found.cpu() - wanted).norm() / wanted.norm())

    with full_precision():
        assert error() < 3e-6
    assert setting.fp32_precision == before
    if DEVICE == "cuda" and torch.cuda.get_device_capability() >= (8, 0) and before == "tf32":
        assert error() > 1e-5  # else this would test nothing


def test_weights_in_double_precision_are_those_of_a_processor():
    model = build(tiny_r(6), 0).double()
    ours = moved(model)
    for (name, module), (_, same) in zip(model.named_modules(), ours.named_modules(), strict=True):
        if hasattr(module, "parametrizations"):
            assert_near(same.weight, module.weight, rtol=1e-14, name=name)


def random_cnn(spec):
    """A twin in evaluation mode with batch norms that matter."""
    cnn = build(spec, 0, kind=CNN).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in (module for module in cnn.modules() if isinstance(module, nn.BatchNorm2d)):
            for value in (norm.weight, norm.bias, norm.running_mean):
                value.copy_(0.5 + torch.randn(value.shape, generator=generator, dtype=torch.float64))
            norm.running_var.copy_(0.2 + torch.rand(norm.running_var.shape, generator=generator, dtype=torch.float64))
    return cnn


@pytest.mark.parametrize("spec", [CASCADE, tiny_r(6)], ids=["cascade", "skips"])
def test_a_network_is_folded_on_the_gpu(spec):
    cnn, images = random_cnn(spec), random_images(spec, batch=3)
    ours = moved(cnn)
    folded = fold(ours)
    assert_near(ours(images.to(DEVICE)), cnn(images))
    assert_near(folded(images.to(DEVICE)), cnn(images))
    for name, value in fold(cnn).state_dict().items():
        if bool(value.any()):
            assert_near(folded.state_dict()[name], value, name=name)


@pytest.mark.parametrize("name", ["cascade", "per_unit_tau", "delays"])
def test_what_is_saved_on_the_gpu_is_loaded_on_a_processor(name, tmp_path):
    model, images = randomised(NETWORKS[name]), random_images(NETWORKS[name])
    save_model(moved(model), tmp_path / "plain")
    loaded = load_model(tmp_path / "plain")
    moved(model).save_pretrained(tmp_path / "whole")
    for other in (loaded, CordsNet.from_pretrained(tmp_path / "whole")):
        assert all(p.device.type == "cpu" for p in other.parameters())
        assert torch.equal(other(images, ms=20.0), model(images, ms=20.0))
    assert_near(loaded.to(DEVICE)(images.to(DEVICE), ms=20.0), model(images, ms=20.0))


def test_pixels_are_prepared_where_they_are():
    prepare = Preprocessing((6, 6), (0.3, 0.4, 0.5), (0.2, 0.3, 0.2), ("a", "b"))
    pixels = torch.randint(256, (2, 3, 9, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert_near(prepare(pixels.to(DEVICE)), prepare(pixels), rtol=1e-5)


@pytest.fixture
def labelled():
    """A network and the images it is measured on; the images stay where data sets are."""
    spec = dataclasses.replace(tiny_r(2), num_classes=2)
    pixels = random_images(spec, batch=8)
    return calm(spec, 0.4), random_cnn(spec), Split(pixels, torch.tensor([0, 1] * 4))


def test_behaviour_is_that_of_a_processor(labelled):
    model, cnn, split = labelled
    times = TimeCourseOptions(before_ms=20.0, trained_ms=20.0, hold_ms=40.0, blank_ms=40.0, second_ms=40.0)
    found = []
    for network, twin in ((model, cnn), (moved(model), moved(cnn))):
        shown = split.to(network)
        course = record_course(network, shown, times)
        both = read_both(network, shown, 40.0, 20.0)
        quiet = [noisy_hits(one, shown, NoiseOptions(sigmas=(0.0,), image_ms=20.0), 2.0, 0) for one in (network, twin)]
        found.append((course, both, quiet))
    (course, both, quiet), (ours, our_both, our_quiet) = found
    for name in ("time_ms", "first", "second", "distance"):
        assert_allclose(getattr(ours, name), getattr(course, name), rtol=1e-9, err_msg=name)
    for area, rates in course.rates.items():
        assert_allclose(ours.rates[area], rates, rtol=1e-9)
    assert torch.equal(our_both, both)
    for one, other in zip(our_quiet, quiet, strict=True):
        for read, hits in other.items():
            assert (one[read] == hits).all()


def test_images_that_are_picked_stay_where_they_are(labelled):
    model, _, split = labelled
    there = split.to(moved(model))
    for picked in (other_class(there), some_of_each_class(there, 2)):
        assert picked.images.device.type == DEVICE
        assert picked.images.dtype == torch.float64
        for images, labels in picked.batches(3):
            assert images.device.type == labels.device.type == DEVICE


def test_errors_of_steppers_and_precisions_are_measured_on_the_gpu(labelled):
    model, _, split = labelled
    ours, images = moved(model), split.images[:4].to(DEVICE)
    options = StepperOptions(ms=8.0, dts_ms=(4.0, 2.0))
    wanted = stepper_errors(model, split.images[:4], options)
    for row, other in zip(stepper_errors(ours, images, options), wanted, strict=True):
        assert row["error"] == pytest.approx(other["error"], rel=1e-6)
    rows = precision_errors(ours.float(), images.float(), image_ms=20.0)
    assert rows[0]["error_of_rates"] < rows[1]["error_of_rates"] < 0.1
    assert all(row["seconds"] > 0 for row in rows)
