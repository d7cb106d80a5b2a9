"""Streams of images: their order, answers that are read with a known delay, and a leaky network that is masked."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.serial_presentation import SerialPresentationOptions, best_lag, measure
from cordsnet.experiments.effects.streams import Timing, read_windows, stream_orders, two_halves

SHORT = SerialPresentationOptions(trials=20, durations_ms=(10.0, 80.0), length=4, before_ms=20.0, max_lag_ms=40.0)


def of_strengths(least: float) -> Split:
    """Images whose class is the channel that is lit, some only weakly."""
    split = lit_channels()
    strength = torch.linspace(least, 1, 20)[torch.randperm(20, generator=torch.Generator().manual_seed(0))]
    return Split(split.images * strength[:, None, None, None], split.labels)


@pytest.mark.parametrize(
    "labels", [torch.arange(20) % 2, torch.arange(21) % 7, torch.tensor([0] * 5 + [1] * 2 + [2] * 3)]
)
def test_every_image_comes_at_every_position_and_neighbours_differ_in_class(labels):
    split = Split(torch.zeros(len(labels), 1, 8, 8), labels)
    orders = stream_orders(split, 6)
    assert all(sorted(order.tolist()) == list(range(len(labels))) for order in orders)
    assert (labels[orders[1:]] != labels[orders[:-1]]).all()
    assert torch.equal(orders, stream_orders(split, 6))
    assert not torch.equal(orders, stream_orders(split, 6, seed=1))
    with pytest.raises(ValueError, match="more than half"):
        stream_orders(Split(torch.zeros(3, 1, 8, 8), torch.tensor([0, 0, 1])), 3)


def test_answers_that_come_late_are_read_at_their_lag():
    """Scores name each image 6 steps after its onset, for as long as it was shown."""
    model, _ = leaky_readers()
    labels = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 1, 1]])
    timing = Timing(before_ms=10.0, image_ms=8.0, gap_ms=4.0, max_lag_ms=20.0)
    scores = torch.zeros(40, 3, 2)
    for position, classes in enumerate(labels):
        start = 5 + 6 * position + 6
        scores[start : start + 4] = torch.nn.functional.one_hot(classes, 2).float()
    for position, classes in enumerate(labels):
        hits = read_windows(scores, classes, model, timing, position)
        assert hits.shape == (11, 3)
        assert hits[6].all()
        assert not hits[0].all() if position else True
        assert best_lag(hits[6:], np.arange(3)) == 0


def test_halves_have_half_of_each_class():
    split = Split(torch.zeros(20, 1, 8, 8), torch.arange(20) % 5)
    first, second = two_halves(split)
    assert sorted([*first, *second]) == list(range(20))
    assert split.labels[first].bincount().tolist() == [2] * 5


def test_a_linear_reader_of_equal_images_reads_them_all():
    model, _ = leaky_readers()
    result = EXPERIMENTS["serial_presentation"](Setting({"net": model}, lit_channels()), SHORT)
    assert {row["accuracy"] for row in result.rows("accuracy", image_ms=80.0)} == {1.0}
    assert {row["images"] for row in result.rows("accuracy")} == {10}
    assert result.rows("accuracy", place="inner", between="blank", image_ms=10.0)[0]["images_per_second"] == 50.0
    assert {row["high"] for row in result.rows("accuracy", image_ms=80.0)} == {1.0}  # a share ends at 1
    assert result.claim("slow_streams_are_read").value == 0


def test_weak_images_are_masked_by_strong_ones():
    model, _ = leaky_readers()
    result = EXPERIMENTS["serial_presentation"](Setting({"net": model}, of_strengths(0.02)), SHORT)
    alone, inner = (
        result.rows("accuracy", place=place, between="none", image_ms=10.0)[0]["accuracy"]
        for place in ("alone", "inner")
    )
    assert alone == 1.0
    assert inner < 0.95
    assert result.claim("neighbours_mask").value == pytest.approx(alone - inner)


def test_labels_that_say_nothing_are_read_at_chance():
    model, _ = leaky_readers()
    split = lit_channels()
    shuffled = Split(split.images, torch.tensor([0, 0, 1, 1] * 5))
    result = EXPERIMENTS["serial_presentation"](Setting({"net": model}, shuffled), SHORT)
    rows = result.rows("accuracy", place="alone")
    assert all(row["low"] <= 0.5 <= row["high"] for row in rows)


def test_the_order_of_models_changes_nothing():
    first, second = (leaky_readers(bias)[0] for bias in (0.0, 0.5))
    results = [
        EXPERIMENTS["serial_presentation"](Setting(models, of_strengths(0.02)), SHORT)
        for models in ({"a": first, "b": second}, {"b": second, "a": first})
    ]
    for label in "ab":
        assert results[0].rows("accuracy", model=label) == results[1].rows("accuracy", model=label)


def test_one_rate_decides_nothing():
    kept = {(20.0, between, place): np.ones(4) for between in ("none", "blank") for place in ("alone", "inner")}
    assert all(np.isnan(one.value) for one in measure(kept).values())


def test_bad_options_are_refused():
    for wrong in ((20.0,), (20.0, 20.0), (0.0, 20.0)):
        with pytest.raises(ValueError, match="durations_ms"):
            SerialPresentationOptions(durations_ms=wrong)
    with pytest.raises(ValueError, match="length"):
        SerialPresentationOptions(length=2)
    with pytest.raises(ValueError, match="trials"):
        SerialPresentationOptions(trials=3)
