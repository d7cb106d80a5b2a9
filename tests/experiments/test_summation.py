"""Summation on a linear network, where it is exact, on a rectified one, and on responses made by hand."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.doubled import Doubled, in_time, of_contrast
from cordsnet.experiments.effects.summation import SummationOptions, measure, record_summation

SHORT = SummationOptions(
    trials=20, before_ms=20.0, durations_ms=(10.0, 40.0), contrasts=(0.25, 0.5), image_ms=20.0, after_ms=20.0
)


def test_a_linear_network_is_additive_in_every_window():
    """Also where the trial ends long before the response does."""
    model, _ = leaky_readers()
    split = lit_channels()
    result = EXPERIMENTS["summation"](Setting({"net": model}, split), SHORT)
    rows = result.rows("summation")
    assert {(row["of"], row["amount"]) for row in rows} == {
        ("duration", 10.0), ("duration", 40.0), ("contrast", 0.25), ("contrast", 0.5)
    }  # fmt: skip
    assert [row["index"] for row in rows] == pytest.approx([1.0] * len(rows), abs=1e-4)
    assert {claim.verdict for claim in result.claims} == {"fails"}


def test_responses_have_their_closed_form():
    """A leak of 1 - a^n while the image is there, and its last value times a^n after it, in steps of 2 ms."""
    model, _ = leaky_readers()
    split = lit_channels()
    found = record_summation(model, split.images, SHORT)
    short, long = (one.single for one in found.pairs if (one.of, one.area) == ("duration", "area1"))
    steps = 50  # twice the longest duration and 20 ms

    def summed(shown: int) -> float:
        rise = 1 - 0.8 ** np.arange(1, shown + 1)
        return float(rise.sum() + (rise[-1] * 0.8 ** np.arange(1, steps - shown + 1)).sum())

    assert len(found.times) == steps
    assert long / short == pytest.approx(np.full(20, summed(20) / summed(5)), abs=1e-4)


def test_an_area_with_a_threshold_is_super_additive_in_contrast():
    model, _ = leaky_readers(bias=-0.05)
    result = EXPERIMENTS["summation"](Setting({"net": model}, lit_channels()), SHORT)
    rows = result.rows("summation", of="contrast", area="area1")
    assert min(row["low"] for row in rows) > 1.05
    assert rows[0]["index"] > rows[1]["index"]
    assert result.claim("contrast_summation").verdict == "fails"


def hand_made(index: dict[str, float]) -> list[Doubled]:
    """Responses of areas with a known index, the same for duration and contrast."""
    single = np.random.default_rng(0).uniform(1, 2, 30)
    return [
        Doubled(of, amount, area, single, 2 * value * single, 2 * single)
        for of, amount in (("duration", 20.0), ("duration", 40.0), ("contrast", 0.5))
        for area, value in index.items()
    ]


def test_sub_additivity_is_found_and_its_absence_too():
    found = measure(hand_made({"v1": 0.9, "it": 0.6}))
    assert found["temporal_summation"].value == pytest.approx(0.9)
    assert found["contrast_summation"].interval == pytest.approx((0.9, 0.9))
    assert found["summation_up_the_hierarchy"].value == pytest.approx(0.3)
    assert measure(hand_made({"v1": 0.6, "it": 1.2}))["summation_up_the_hierarchy"].interval[1] < 0


def test_one_area_has_no_hierarchy():
    assert "summation_up_the_hierarchy" not in measure(hand_made({"v1": 0.9}))


def test_without_a_response_nothing_is_measured():
    model, _ = leaky_readers()
    split = lit_channels()
    dark = Split(torch.zeros_like(split.images), split.labels)
    result = EXPERIMENTS["summation"](Setting({"net": model}, dark), SHORT)
    assert {claim.value for claim in result.claims} == {None}
    assert any("may be none" in row["note"] for row in result.rows("notes"))


def test_a_sum_in_which_the_response_cancels_has_no_index():
    steps = np.arange(40)
    wave = np.sin(2 * np.pi * steps / 20)[:, None] + 0.1 * np.random.default_rng(0).random((1, 30))  # [T, B]
    rises = np.exp(-steps / 10)[:, None] * np.ones((1, 30))
    for rate, cancels in ((wave, True), (rises, False), (-rises, False)):
        pairs = in_time({20.0: {"v1": rate}, 40.0: {"v1": 1.5 * rate}}, 20.0, 2.0)
        pairs += of_contrast({0.5: {"v1": rate}, 1.0: {"v1": 1.5 * rate}}, 0.5, 2.0)
        assert [pair.cancels for pair in pairs] == [cancels, cancels]
        found = measure(pairs)
        assert np.isnan(found["temporal_summation"].value) == cancels
        assert np.isnan(found["contrast_summation"].value) == cancels


def test_bad_options_are_refused():
    for wrong in ((), (0.0,), (0.25, 0.75)):
        with pytest.raises(ValueError, match="contrasts"):
            SummationOptions(contrasts=wrong)
    with pytest.raises(ValueError, match="durations_ms"):
        SummationOptions(durations_ms=())
    with pytest.raises(ValueError, match="after_ms"):
        SummationOptions(after_ms=0.0)
