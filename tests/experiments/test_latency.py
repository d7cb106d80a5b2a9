"""Latencies of areas on a leaky network, whose responses have a closed form."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.latency import LatencyOptions, measure, with_contrast

SHORT = LatencyOptions(trials=20, before_ms=20.0)


def half_of(rise: np.ndarray) -> float:
    """Time to half, 2 ms apart, of a curve that rises from 0."""
    return float(np.interp(0.5 * rise[-1], rise, 2.0 * np.arange(len(rise))))


def test_latencies_of_a_leaky_network_have_their_closed_form():
    """A leak covers 1 - a^n in n steps, and an area that it drives 1 - a^n (1 + n (1-a) / a)."""
    model, _ = leaky_readers()
    result = EXPERIMENTS["latency"](Setting({"net": model}, lit_channels()), SHORT)
    steps = np.arange(101)
    leak = 0.8**steps
    expected = half_of(1 - leak), half_of(1 - leak * (1 + 0.25 * steps))
    found = [row["latency_ms"] for row in result.rows("latency", contrast=1.0)]
    assert found == pytest.approx(expected, abs=1e-3)
    assert result.rows("lag")[0]["lag_ms"] == pytest.approx(expected[1] - expected[0], abs=1e-3)
    assert result.claim("area_lag").verdict == "holds"
    assert result.rows("rising")[0]["share"] == 1.0
    # the network is linear, so that contrast changes no latency
    assert result.claim("contrast_latency").value == pytest.approx(0.0, abs=1e-3)
    assert result.claim("contrast_latency").verdict != "holds"


def test_the_order_of_models_changes_nothing():
    first, second = (leaky_readers(bias)[0] for bias in (0.0, 0.5))
    images = torch.rand(20, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(20) % 2)
    results = [
        EXPERIMENTS["latency"](Setting(models, split), SHORT)
        for models in ({"a": first, "b": second}, {"b": second, "a": first})
    ]
    for label in "ab":
        assert results[0].rows("latency", model=label) == results[1].rows("latency", model=label)


def test_contrast_keeps_the_mean_of_each_channel():
    images = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    scaled = with_contrast(images, 0.25)
    assert torch.allclose(scaled.mean((2, 3)), images.mean((2, 3)))
    assert torch.allclose(scaled.std((2, 3)), 0.25 * images.std((2, 3)))


def test_a_fall_with_contrast_is_found_and_its_absence_too():
    rng = np.random.default_rng(0)
    base = rng.normal(20.0, 1.0, 40)
    falling = {contrast: {"v1": base - 4 * contrast, "it": base + 10 - 4 * contrast} for contrast in (0.5, 1.0)}
    found = measure(falling)
    assert found["contrast_latency"].value == pytest.approx(2.0)
    assert found["area_lag"].value == pytest.approx(10.0)
    rising = {0.5: falling[1.0], 1.0: falling[0.5]}
    assert measure(rising)["contrast_latency"].interval[1] < 0


def test_a_blank_image_has_no_latency():
    model, _ = leaky_readers()
    split = lit_channels()
    dark = Split(torch.zeros_like(split.images), split.labels)
    result = EXPERIMENTS["latency"](Setting({"net": model}, dark), SHORT)
    assert {claim.value for claim in result.claims} == {None}
    said = "leave the mean rate as it was are left out: 20"
    assert any(said in row["note"] for row in result.rows("notes"))


def test_bad_options_are_refused():
    for wrong in ((), (1.0, 0.5), (0.0, 1.0), (0.5,)):
        with pytest.raises(ValueError, match="contrasts"):
            LatencyOptions(contrasts=wrong)
    with pytest.raises(ValueError, match="image_ms"):
        LatencyOptions(image_ms=0.0)
