"""Object solution times: known crossings, images that are never solved, and ranks beside SciPy."""

import numpy as np
import pytest
from scipy import stats

from cordsnet.neural import (
    DecodingPlan,
    SolutionStatus,
    make_recording,
    object_solution_times,
    rank_agreement,
)
from cordsnet.neural.decoding.solution_times import MEASURES, _crossing

CENTRES = 75.0 + 10 * np.arange(10)
BINS = np.stack([CENTRES - 5, CENTRES + 5], 1)
PLAN = DecodingPlan(folds=3, resamples=2)


def late(images=18, units=12, seed=0):
    """Activity of three classes; half of the images tell their class from bin 2 on, the others from bin 6 on."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % 3
    starts = np.where(np.arange(images) < images // 2, 2, 6)
    on = np.arange(10) >= starts[:, None]
    means = rng.normal(size=(3, units))[labels]
    return on[:, :, None] * means[:, None] + 5.0, labels, starts


def test_images_are_solved_when_they_tell_their_class():
    activity, labels, starts = late()
    made = make_recording(activity, BINS, neurons=12, repeats=12, noise="gaussian", rates_hz=1000.0, seed=1)
    found = object_solution_times(made.recording, labels, threshold=0.85, plan=PLAN, draws=20)
    assert set(found.status) == {SolutionStatus.SOLVED}
    known = CENTRES[starts]
    assert (abs(found.time_ms - known) <= 10).mean() > 0.85  # a crossing lies between the bin before and its own
    inside = (found.interval_ms[:, 0] - 10 <= known) & (known <= found.interval_ms[:, 1] + 10)
    assert inside.mean() > 0.9
    assert (found.share_solved > 0.5).all()
    agreed = rank_agreement(found.time_ms, known)
    assert agreed.value > 0.8
    assert agreed.interval[0] <= agreed.value <= agreed.interval[1]
    assert (agreed.n, agreed.left_out) == (18, 0)


def test_each_image_or_class_has_a_status_of_its_own():
    activity, labels, _ = late()
    activity[-1] = activity[-2]  # an image that looks like another class
    made = make_recording(activity, BINS, neurons=12, repeats=8, noise="gaussian", rates_hz=1000.0, seed=1)
    needed = np.full(18, 0.9)
    needed[0], needed[1] = np.nan, 0.5
    found = object_solution_times(made.recording, labels, threshold=needed, measure="one_vs_rest", plan=PLAN, draws=0)
    assert found.status[0] is found.status[1] is SolutionStatus.NO_THRESHOLD
    assert found.status[-1] is SolutionStatus.NEVER
    assert np.isnan(found.time_ms[[0, 1, -1]]).all()
    assert found.interval_ms is None
    assert found.share_solved is None
    each = object_solution_times(made.recording, labels, threshold=0.7, of="class", plan=PLAN, draws=0)
    assert each.names == ("0", "1", "2")
    whole = object_solution_times(made.recording, labels, threshold=0.7, plan=PLAN, draws=0)
    np.testing.assert_allclose(each.accuracy[1], whole.accuracy[labels == 1].mean(0))


def test_crossings_are_interpolated_between_bins():
    times = np.array([10.0, 20.0, 30.0, 40.0])
    assert _crossing(np.array([0.5, 0.6, 0.8, 0.9]), 0.7, times, 1) == (pytest.approx(25.0), SolutionStatus.SOLVED)
    assert _crossing(np.array([0.5, 0.9, 0.5, 0.9]), 0.7, times, 1)[0] == pytest.approx(15.0)
    assert _crossing(np.array([0.5, 0.9, 0.5, 0.9]), 0.7, times, 2)[1] is SolutionStatus.NEVER
    assert _crossing(np.array([0.8, 0.9, 0.5, 0.9]), 0.7, times, 1)[1] is SolutionStatus.EARLIER


def test_measures_of_scores_by_hand():
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 2.0], [-1.0, 1.0, -2.0]])[:, None, None]  # of classes 0, 1, 1
    codes = np.array([0, 1, 1])
    assert MEASURES["two_way"](scores, codes).ravel() == pytest.approx([1.0, 0.75, 1.0])
    # class 0 is rejected for one of two images of others, class 1 for none of the one
    assert MEASURES["one_vs_rest"](scores, codes).ravel() == pytest.approx([0.75, 0.5, 0.5])


def test_accuracy_without_information_is_chance():
    noise = np.random.default_rng(0).normal(size=(300, 2, 5))
    for measure in MEASURES:
        found = object_solution_times(
            noise, np.arange(300) % 3, threshold=0.9, measure=measure, of="class", bins_ms=BINS[:2], plan=PLAN, draws=0
        )
        assert found.accuracy.mean() == pytest.approx(0.5, abs=0.04)
        assert set(found.status) == {SolutionStatus.NEVER}


def test_ranks_are_those_of_scipy_over_images_with_both_times():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 40))
    y += x
    x[3], y[5] = np.nan, np.nan
    both = np.isfinite(x) & np.isfinite(y)
    found = rank_agreement(x, y)
    assert found.value == pytest.approx(stats.spearmanr(x[both], y[both]).statistic)
    assert (found.n, found.left_out) == (38, 2)
    few = rank_agreement(np.array([1.0, 2.0, 3.0, np.nan]), np.arange(4.0))
    assert np.isnan(few.value)
    assert few.interval is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "d"}, "two_way, one_vs_rest"),
        ({"of": "neuron"}, "'image' or 'class'"),
        ({"consecutive": 11}, "1 to the 10 bins"),
        ({"draws": 5}, "draws must be 0"),
        ({"threshold": np.full(3, 0.8)}, "one for each of 18"),
        ({"threshold": 1.5}, "at most 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(changes, message):
    activity, labels, _ = late()
    with pytest.raises(ValueError, match=message):
        object_solution_times(**{"data": activity, "labels": labels, "threshold": 0.8, "bins_ms": BINS, **changes})


def test_times_of_different_images_are_refused():
    with pytest.raises(ValueError, match="measured_ms must be a time for each"):
        rank_agreement(np.zeros(4), np.zeros(5))
    with pytest.raises(ValueError, match="draws must be from 20"):
        rank_agreement(np.zeros(4), np.zeros(4), draws=1)
