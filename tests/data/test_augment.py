"""Augmentation keeps pixels in range, is reproducible, and gives mixed images the right soft labels."""

import pytest
import torch

from cordsnet.data import AUGMENTATIONS

MIXING = [name for name in AUGMENTATIONS if "mixing" in name]
PLAIN = [name for name in AUGMENTATIONS if "mixing" not in name]


def batch(channels=3, count=16, classes=5):
    return torch.rand(count, channels, 16, 16), torch.arange(count) % classes


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_pixels_stay_in_range_and_depend_on_the_seed_alone(name):
    images, labels = batch()
    outcomes = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outcomes.append(AUGMENTATIONS[name]()(images.clone(), labels, 5))
    for augmented, _ in outcomes:
        assert augmented.shape == images.shape
        assert augmented.dtype == images.dtype
        assert 0 <= float(augmented.min()) <= float(augmented.max()) <= 1 + 1e-6
    assert torch.equal(outcomes[0][0], outcomes[1][0])
    assert torch.equal(outcomes[0][1], outcomes[1][1])
    assert torch.equal(outcomes[0][0], outcomes[2][0]) == (name == "none")


@pytest.mark.parametrize("name", PLAIN)
def test_augmentations_without_mixing_keep_labels(name):
    images, labels = batch()
    assert AUGMENTATIONS[name]()(images, labels, 5)[1] is labels


@pytest.mark.parametrize("name", [n for n in AUGMENTATIONS if "randaugment" not in n])
def test_grey_images_can_be_augmented(name):
    images, labels = batch(channels=1)
    assert AUGMENTATIONS[name]()(images, labels, 5)[0].shape == images.shape


@pytest.mark.parametrize("name", MIXING)
def test_labels_of_mixed_images_are_soft_and_sum_to_one(name):
    images, labels = batch()
    for seed in range(8):
        torch.manual_seed(seed)
        _, soft = AUGMENTATIONS[name]()(images, labels, 5)
        assert soft.shape == (16, 5)
        assert soft.dtype == torch.float32
        assert float(soft.min()) >= 0
        torch.testing.assert_close(soft.sum(1), torch.ones(16))


def test_soft_labels_are_the_proportions_of_the_classes_in_a_mixed_image():
    """With images of one grey level each, the mean of a mixed image is the mean of the levels weighted by its label."""
    level = torch.tensor([0.0, 0.25, 0.5, 1.0])
    labels = torch.arange(64) % 4
    images = level[labels][:, None, None, None].expand(64, 3, 16, 16).contiguous()
    ways = set()
    for seed in range(20):
        torch.manual_seed(seed)
        mixed, soft = AUGMENTATIONS["mixing"]()(images, labels, 4)
        torch.testing.assert_close(mixed.mean((1, 2, 3)), soft @ level)
        assert float((soft.max(1).values < 1).float().mean()) > 0.2
        ways.add(bool(torch.isin(mixed, level).all()))
    assert ways == {True, False}  # both CutMix and MixUp were drawn
