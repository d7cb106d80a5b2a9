"""From pixels to what a trained network reads."""

import dataclasses

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.data import load_data
from cordsnet.models import Preprocessing
from oracles import CASCADE, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")
PREPARE = Preprocessing((4, 4), (0.5, 0.25), (0.5, 2.0), ("a", "b", "c"))


def test_bytes_and_shares_of_one_give_the_same_normalised_images():
    levels = torch.randint(0, 256, (3, 2, 4, 4), dtype=torch.uint8)
    wanted = (levels.double().numpy() / 255 - [[[0.5]], [[0.25]]]) / [[[0.5]], [[2.0]]]
    assert_allclose(PREPARE(levels), wanted, atol=1e-6)
    assert_allclose(PREPARE(levels.float() / 255), wanted, atol=1e-6)
    assert_allclose(PREPARE(levels[0]), wanted[:1], atol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (8, 13), (13, 8), (4, 9), (2, 3), (3, 2)])
def test_any_size_is_brought_to_the_networks(rows, columns):
    levels = torch.rand(1, 2, rows, columns)
    assert PREPARE(levels).shape == (1, 2, 4, 4)
    flat = torch.full((1, 2, rows, columns), 0.5)
    assert_allclose(PREPARE(flat)[0, 0], 0.0, atol=1e-6)


def test_the_middle_is_taken():
    levels = torch.zeros(1, 2, 4, 8)
    levels[..., 2:6] = 1.0
    assert_allclose(PREPARE(levels)[0, 0], 1.0, atol=1e-6)


def test_the_pixels_of_the_data_set_become_its_images():
    data = load_data("digits", 16)
    spec = dataclasses.replace(CASCADE, image_size=(16, 16), num_classes=10)
    kept = {"data": {"mean": data.mean, "std": data.std, "classes": data.classes}}
    prepare = Preprocessing.of(kept, spec)
    images = data.test.take(5).images
    pixels = images * data.std[0] + data.mean[0]
    assert_allclose(prepare(pixels.clamp(0, 1)), images, atol=1e-5)
    assert prepare.classes == data.classes


@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        (torch.rand(1, 3, 4, 4), ValueError, r"\[B, 2, H, W\].*got \[1, 3, 4, 4\]"),
        (torch.rand(4, 4), ValueError, "got"),
        (torch.zeros(1, 2, 4, 4, dtype=torch.int64), TypeError, "uint8 or floats"),
        (torch.full((1, 2, 4, 4), 200.0), ValueError, "must be in 0-1"),
        (torch.full((1, 2, 4, 4), float("nan")), ValueError, "must be in 0-1"),
    ],
)
def test_what_is_no_image_is_refused(images, error, said):
    with pytest.raises(error, match=said):
        PREPARE(images)


def test_a_network_that_does_not_say_is_refused():
    model = randomised(CASCADE)
    assert not hasattr(model, "preprocessing")
    with pytest.raises(AttributeError, match="does not say how its images were normalised"):
        _ = model.preprocessing
    model.metadata = {"data": {"mean": [0.5], "std": [0.5], "classes": ["a"]}}
    with pytest.raises(AttributeError, match="1 classes for 1 channel"):
        _ = model.preprocessing
