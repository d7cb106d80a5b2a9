"""Easy and hard images: courses whose decision times are known, and nothing that depends on the other models."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.decision_times import decision_times
from cordsnet.experiments.intervals import rank_correlations
from cordsnet.experiments.questions.hard_images import HardImagesOptions, later_half

SHORT = HardImagesOptions(trials=20, before_ms=20.0, image_ms=200.0, stay_ms=40.0)


def graded() -> Split:
    """Images whose channels differ by less and less, so that later ones are harder."""
    labels = torch.arange(20) % 2
    images = torch.full((20, 2, 8, 8), 0.5)
    gap = torch.linspace(0.5, 0.05, 20)[:, None, None]
    images[torch.arange(20), labels] += gap
    return Split(images, labels)


def test_a_drift_at_constant_speed_decides_late_where_it_is_slow():
    time = torch.arange(0.0, 401.0, 2.0, dtype=torch.float64)
    speeds = torch.tensor([4.0, 2.0, 1.0])
    margin = speeds * time[:, None] / 100 - 1  # crosses 0 at 100 ms / speed
    scores = torch.stack([margin, torch.zeros_like(margin)], -1)
    found = decision_times(scores, time, threshold=0.0, share=0.1, stay_ms=80.0)
    assert torch.allclose(found["threshold"].ms, 100 / speeds.double())
    assert found["settling"].undecided == 3  # it never settles
    order = found["uncertainty"].ms
    assert order[0] < order[1] < order[2]


def test_the_half_that_comes_later_is_found_and_its_absence_too():
    time = np.arange(0.0, 101.0, 10.0)
    ease = np.arange(40.0)
    onset = np.where(ease < 20, 60.0, 20.0)
    later, rows = later_half((time[:, None] >= onset).astype(float), time, ease)
    assert later.value == pytest.approx(40.0)
    assert later.interval[0] > 0
    assert [row["images"] for row in rows] == [20, 20]
    same, _ = later_half((time[:, None] >= 30.0 + 0 * ease).astype(float), time, ease)
    assert same.value == 0.0
    never, _ = later_half(np.zeros((11, 40)), time, ease)
    assert np.isnan(never.value)


def test_in_a_linear_network_contrast_decides_nothing_but_the_margin():
    """A leak scales its course with the image, so that it settles at one time for all images."""
    model, twin = leaky_readers()
    split = graded()
    result = EXPERIMENTS["hard_images"](Setting({"net": model, "cnn": twin}, split), SHORT)
    settled = result.arrays["times/net"].values[2]
    assert np.ptp(settled) < 0.1
    assert result.claim("uncertainty_falls_with_margin").value == pytest.approx(-1.0)
    assert result.claim("uncertainty_falls_with_cnn_confidence", "net against cnn").verdict == "holds"
    assert {row["undecided"] for row in result.rows("correlation")} == {0}


def test_shuffled_confidence_says_nothing():
    rng = np.random.default_rng(1)
    ms = rng.exponential(50.0, 200)
    values = [rank_correlations(ms, rng.permutation(ms))[0] for _ in range(50)]
    assert abs(np.mean(values)) < 0.05


def test_company_and_order_of_models_change_nothing():
    (first, twin), second = leaky_readers(), leaky_readers(0.2)[0]
    models = {"a": first, "b": second, "cnn": twin}
    one = EXPERIMENTS["hard_images"](Setting(models, graded()), SHORT)
    other = EXPERIMENTS["hard_images"](Setting(dict(reversed(models.items())), graded()), SHORT)
    alone = EXPERIMENTS["hard_images"](Setting({"a": first}, graded()), SHORT)
    assert set(one.claims) == set(other.claims)
    assert one.rows("correlation", model="a", by="own margin") == alone.rows("correlation", model="a")
    assert alone.claim("settling_falls_with_cnn_confidence").value is None


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="stay_ms must be between 40"):
        HardImagesOptions(stay_ms=20.0)
    with pytest.raises(ValueError, match="share"):
        HardImagesOptions(share=1.0)
