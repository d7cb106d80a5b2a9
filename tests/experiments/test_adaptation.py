"""Repetition suppression on a leaky network, whose responses have a closed form, and on responses made by hand."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.adaptation import OTHER, SAME, AdaptationOptions, measure, ratio
from cordsnet.experiments.pairs import other_class, partners

SHORT = AdaptationOptions(trials=20, before_ms=20.0, image_ms=20.0, gaps_ms=(10.0, 40.0))


def leaky_ratio(gap: int, image: int = 10, leak: float = 0.8) -> float:
    """Mean of a leak over a second image of `image` steps, over that of the first from zero."""
    course = 1 - leak ** np.arange(1, image + 1)
    left = course[-1] * leak**gap
    return float((1 - (1 - left) * (1 - course)).mean() / course.mean())


def of_several_strengths() -> Split:
    """Images of channels that are lit by very different amounts."""
    split = lit_channels()
    return Split(split.images * torch.linspace(0.1, 10, 20)[:, None, None, None], split.labels)


def test_a_linear_network_is_not_suppressed_but_for_what_is_left_of_the_first_image():
    model, _ = leaky_readers()
    result = EXPERIMENTS["adaptation"](Setting({"net": model}, lit_channels()), SHORT)
    for before in (SAME, OTHER):
        rows = result.rows("adaptation", area="area1", before=before)
        assert [row["ratio"] for row in rows] == pytest.approx([1.0, 1.0], abs=1e-4)
        expected = [leaky_ratio(5), leaky_ratio(20)]
        assert [row["with_what_is_left"] for row in rows] == pytest.approx(expected, abs=1e-4)
    assert {claim.verdict for claim in result.claims} == {"fails"}


def test_every_image_is_compared_with_itself():
    """Responses that differ a hundredfold between images leave no spread in the ratios of a linear network."""
    model, _ = leaky_readers()
    result = EXPERIMENTS["adaptation"](Setting({"net": model}, of_several_strengths()), SHORT)
    rows = result.rows("adaptation", before=OTHER)
    assert [row["ratio"] for row in rows] == pytest.approx([1.0] * len(rows), abs=1e-4)
    assert max(row["high"] - row["low"] for row in rows) < 1e-4
    assert result.claim("specific").verdict == "fails"


def test_every_image_comes_first_and_second_once():
    split = lit_channels()
    order = partners(split)
    assert sorted(order.tolist()) == list(range(20))
    assert not (split.labels[order] == split.labels).any()
    assert torch.equal(other_class(split).images, split.images[order])


def test_suppression_that_recovers_and_is_specific_is_found():
    first = np.random.default_rng(0).uniform(1, 2, 30)
    made = {(SAME, 50.0): 0.5, (SAME, 200.0): 0.8, (OTHER, 50.0): 0.9, (OTHER, 200.0): 1.0}
    found = {key: {"v1": np.stack([first, share * first, first])} for key, share in made.items()}
    claims = measure(found)
    assert claims["repetition_suppression"].value == pytest.approx(0.5)
    assert claims["repetition_suppression"].interval[1] < 1
    assert claims["recovery"].value == pytest.approx(0.3)
    assert claims["specific"].value == pytest.approx(0.4)


def test_ratios_weigh_images_as_they_are_drawn():
    rows = np.array([[1.0, 3.0], [1.0, 1.0], [1.0, 3.0]])
    assert ratio(np.array([[1.0, 1.0], [2.0, 0.0]]), rows) == pytest.approx([0.5, 1.0])
    assert ratio(np.ones((1, 2)), -rows) == pytest.approx([0.5])
    assert np.isnan(ratio(np.ones((1, 2)), 0 * rows)).all()


def test_a_response_that_may_be_none_decides_nothing():
    first = np.random.default_rng(0).normal(0.1, 1, 30)
    keys = [(before, gap) for before in (SAME, OTHER) for gap in (50.0, 200.0)]
    found = measure({key: {"v1": np.stack([first, 0.5 * first, first])} for key in keys})
    assert all(np.isnan(one.value) for one in found.values())


def test_without_a_response_nothing_is_measured():
    model, _ = leaky_readers()
    split = lit_channels()
    dark = Split(torch.zeros_like(split.images), split.labels)
    result = EXPERIMENTS["adaptation"](Setting({"net": model}, dark), SHORT)
    assert {claim.value for claim in result.claims} == {None}
    assert any("no ratio of responses" in row["note"] for row in result.rows("notes"))


def test_bad_options_are_refused():
    for wrong in ((50.0,), (100.0, 50.0), (0.0, 50.0)):
        with pytest.raises(ValueError, match="gaps_ms"):
            AdaptationOptions(gaps_ms=wrong)
