"""The feedforward twin against its equations, and the exactness of its fold, in float64."""

import dataclasses

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from cordsnet import CNN, ConnectionSpec, fold
from cordsnet.models import build
from oracles import CASCADE, DELAYS, FEEDBACK, kernel, one_area, random_images, tiny_r

SPECS = {
    "cascade": CASCADE,
    "one_area": one_area(),
    **{f"r{depth}": tiny_r(depth) for depth in (2, 4, 6, 8)},
    "r4_oblong": tiny_r(4, image_size=(18, 13)),
}


def random_cnn(spec, seed=0):
    """A twin in evaluation mode whose batch norms have gains of either sign, some of them tiny."""
    cnn = build(spec, seed, kind=CNN).double().eval()
    generator = torch.Generator().manual_seed(seed)

    def normal(like):
        return torch.randn(like.shape, generator=generator, dtype=torch.float64)

    with torch.no_grad():
        for norm in (module for module in cnn.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.weight.copy_(normal(norm.weight))
            norm.weight[0] = -1e-9
            norm.bias.copy_(0.3 * normal(norm.bias) + 0.7)
            norm.running_mean.copy_(0.3 * normal(norm.running_mean))
            norm.running_var.copy_(normal(norm.running_var) ** 2 + 0.2)
        cnn.wiring.readout.bias.copy_(normal(cnn.wiring.readout.bias))
    return cnn


def relative_difference(a, b):
    return float(((a - b).norm() / b.norm()).detach())


@pytest.mark.parametrize("name", SPECS)
def test_the_folded_network_equals_the_one_with_batch_norms(name):
    cnn = random_cnn(SPECS[name])
    images = random_images(cnn.spec, batch=3)
    folded = fold(cnn)
    assert relative_difference(folded(images), cnn(images)) < 1e-10
    before, after = cnn.rates(images), folded.rates(images)
    for area in cnn.spec.areas:
        assert before[area.name].any()
        assert relative_difference(after[area.name], before[area.name]) < 1e-10


def test_batch_norms_matter_in_the_networks_that_are_folded_here():
    cnn = random_cnn(CASCADE)
    images = random_images(cnn.spec)
    plain = build(CASCADE, kind=CNN).double().eval()
    assert relative_difference(plain(images), cnn(images)) > 0.1


def test_gains_of_zero_fold_too():
    cnn = random_cnn(CASCADE)
    with torch.no_grad():
        cnn.after["area1"].weight.zero_()
        cnn.norm_stem.weight[1] = 0.0
    images = random_images(cnn.spec)
    assert relative_difference(fold(cnn)(images), cnn(images)) < 1e-10


@pytest.mark.parametrize("name", SPECS)
def test_a_folded_network_has_no_batch_norm_and_says_so(name):
    cnn = random_cnn(SPECS[name])
    folded = fold(cnn)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert folded.folded
    assert not cnn.folded


def test_folding_leaves_the_original_as_it_was():
    cnn = random_cnn(CASCADE).train()
    before = {name: value.clone() for name, value in cnn.state_dict().items()}
    folded = fold(cnn)
    assert cnn.training
    assert not folded.training
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in cnn.state_dict().items())


def test_folded_weights_can_be_trained():
    folded = fold(random_cnn(CASCADE))
    folded(random_images(CASCADE)).square().sum().backward()
    assert all(parameter.requires_grad for parameter in folded.parameters())
    assert folded.before["area1"].value.grad.any()


def test_the_twin_follows_the_equations_of_the_paper():
    cnn = random_cnn(CASCADE)
    images = random_images(CASCADE)
    weights = {name: kernel(cnn, name) for name in ("stem", "links.stem_to_area2", "readout")}
    weights |= {f"{kind}{k}": kernel(cnn, f"{kind}.area{k}") for kind in ("feedforward", "recurrent") for k in (1, 2)}

    def norm(values, module):
        scale = module.weight / torch.sqrt(module.running_var + 1e-5)
        return (values - module.running_mean[:, None, None]) * scale[:, None, None] + module.bias[:, None, None]

    def conv(values, weight):
        return nn.functional.conv2d(values, weight, padding=weight.shape[-1] // 2)

    stem = nn.functional.avg_pool2d(norm(conv(images, weights["stem"]), cnn.norm_stem), 3, 1, 1)
    one = norm(conv(stem, weights["feedforward1"]), cnn.before["area1"])
    one = torch.relu(norm(conv(one, weights["recurrent1"]), cnn.after["area1"]))
    two = norm(conv(one + conv(stem, weights["links.stem_to_area2"]), weights["feedforward2"]), cnn.before["area2"])
    two = torch.relu(norm(conv(two, weights["recurrent2"]), cnn.after["area2"]))
    scores = two.mean((2, 3)) @ weights["readout"].T + cnn.wiring.readout.bias
    assert_allclose(cnn(images).detach(), scores.detach(), rtol=1e-10)


def test_a_network_with_feedback_has_no_twin():
    with pytest.raises(ValueError, match="network 'feedback' has feedback connections"):
        CNN(FEEDBACK)


def test_a_network_with_delays_has_no_twin():
    late = dataclasses.replace(CASCADE.connections[1], delay_ms=4.0)
    with pytest.raises(ValueError, match="connection 'area1_to_area2"):
        CNN(dataclasses.replace(CASCADE, connections=(CASCADE.connections[0], late, CASCADE.connections[2])))


ONTO_DRIVE = ConnectionSpec("stem", "area1", kernel=1, onto="drive")
WITHOUT_RECURRENCE = dataclasses.replace(CASCADE.areas[0], recurrent_kernel=None)


@pytest.mark.parametrize(
    ("spec", "culprit"),
    [
        (dataclasses.replace(CASCADE, connections=(*CASCADE.connections, ONTO_DRIVE)), "stem_to_area1_drive"),
        (dataclasses.replace(CASCADE, areas=(WITHOUT_RECURRENCE, CASCADE.areas[1])), "area1"),
        (DELAYS, "delays"),
    ],
)
def test_networks_without_a_twin_are_refused_by_name(spec, culprit):
    with pytest.raises(ValueError, match=f"'{culprit}'"):
        CNN(spec)


def test_what_is_folded_cannot_be_folded_again():
    folded = fold(random_cnn(CASCADE))
    with pytest.raises(ValueError, match="cnn is folded already"):
        fold(folded)
