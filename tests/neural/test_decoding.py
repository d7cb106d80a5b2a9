"""Decoding over time against analytic optima, known onsets, and stationary and rotating codes."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cordsnet.analysis import OnsetStatus
from cordsnet.neural import (
    DecodingPlan,
    Recording,
    cross_temporal,
    decode_across,
    decode_over_time,
    make_recording,
)

IT = Path(__file__).resolve().parents[3] / "shared" / "data" / "it_7objects_1ms.npz"
QUICK = DecodingPlan(folds=3, resamples=2)


def bins(count, width=10.0):
    starts = width * np.arange(count)
    return np.stack([starts, starts + width], 1)


def classes(images=24, count=2):
    return np.arange(images) % count


def activity(images=24, time=12, units=3, rise=None, gap=1.5, seed=0):
    """Noise of variance 1; from bin `rise` on the means of two classes differ by `gap` in each unit."""
    found = np.random.default_rng(seed).normal(size=(images, time, units))
    if rise is not None:
        found[:, rise:] += gap * classes(images)[:, None, None]
    return found


@pytest.mark.parametrize("decoder", ["ridge", "lda", "logistic", "svm"])
def test_accuracy_is_that_of_the_best_decoder_of_two_gaussian_classes(decoder):
    """The best decoder of two normal classes at a distance d has the accuracy Phi(d / 2)."""
    given = activity(images=1000, time=2, units=3, rise=1, gap=1.0)
    found = decode_over_time(
        given, classes(1000), bins_ms=bins(2), plan=DecodingPlan(decoder=decoder, resamples=3), permutations=0
    )
    assert found.accuracy[0] == pytest.approx(0.5, abs=0.05)
    assert found.accuracy[1] == pytest.approx(stats.norm.cdf(np.sqrt(3) / 2), abs=0.03)  # sd 0.013, over images
    assert found.interval[1, 0] <= found.accuracy[1] <= found.interval[1, 1]
    assert found.by_image.mean(0) == pytest.approx(found.accuracy)
    assert (found.chance, found.classes, found.n, found.neurons, found.repeats) == (0.5, (0, 1), 3, 3, 1)
    assert found.onset is None


def test_false_onsets_of_null_data_are_five_percent_at_most():
    found = [
        decode_over_time(
            activity(time=5, seed=k),
            classes(),
            bins_ms=bins(5),
            plan=DecodingPlan(folds=2, resamples=1, seed=k),
            permutations=39,
            draws=0,
            consecutive=1,
        ).onset.status
        for k in range(60)
    ]
    assert sum(status is OnsetStatus.FOUND for status in found) <= stats.binom.ppf(0.99, 60, 0.05)


def test_a_known_onset_of_recorded_neurons_is_within_its_interval():
    means = np.zeros((16, 12, 6))
    means[:, 5:] = 2.0 * np.random.default_rng(1).normal(size=(2, 1, 6))[classes(16)]
    means[:, :, :] += np.random.default_rng(2).normal(size=(16, 1, 6)) / 4  # images differ beside their class
    made = make_recording(means, bins(12), neurons=6, repeats=8, noise="gaussian", rates_hz=400.0, missing=0.2)
    found = decode_over_time(made.recording, classes(16), plan=DecodingPlan(folds=4, resamples=2), permutations=99)
    assert found.repeats == made.recording.repeats.min()
    assert found.onset.status is OnsetStatus.FOUND
    assert found.onset.interval_ms[0] <= 55.0 <= found.onset.interval_ms[1]
    assert found.accuracy[6:].min() > 0.8
    assert found.accuracy[:5].max() < 0.7


def test_images_learnt_by_heart_count_only_where_repeats_are_split():
    images = np.random.default_rng(0).normal(size=(24, 1, 8))  # every image differs, and classes do not
    made = make_recording(images, bins(1, 100.0), neurons=8, repeats=10, rates_hz=400.0)
    plans = {split: DecodingPlan(split=split, resamples=2, folds=4) for split in ("image", "repeat")}
    found = {
        split: decode_over_time(made.recording, classes(24, 6), plan=plan, permutations=0)
        for split, plan in plans.items()
    }
    assert found["image"].accuracy[0] < 0.35
    assert found["repeat"].accuracy[0] > 0.4
    assert found["image"].chance == pytest.approx(1 / 6)


def codes(rotating, images=60, time=8, units=16):
    """A class that shows in the same units at all times, or in other units in each bin."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(units, units)))[0][:time]
    axes = axes if rotating else np.repeat(axes[:1], time, 0)
    sign = 2.0 * classes(images) - 1
    return rng.normal(size=(images, time, units)) + 3 * sign[:, None, None] * axes


def test_a_stationary_code_is_a_square_and_a_rotating_one_a_diagonal():
    same, turning = (
        cross_temporal(codes(rotating), classes(60), bins_ms=bins(8), plan=QUICK) for rotating in (False, True)
    )
    assert same.accuracy.min() > 0.9
    assert np.diag(turning.accuracy).min() > 0.9
    off = turning.accuracy[~np.eye(8, dtype=bool)]
    assert off.mean() == pytest.approx(0.5, abs=0.05)
    assert off.max() < 0.85
    assert same.interval.shape == (8, 8, 2)
    over = decode_over_time(codes(True), classes(60), bins_ms=bins(8), plan=QUICK, permutations=0)
    np.testing.assert_allclose(np.diag(turning.accuracy), over.accuracy)


def test_a_code_that_tolerates_position_generalises_and_one_that_does_not_fails():
    rng = np.random.default_rng(4)
    position = np.repeat(["left", "right"], 30)
    tolerant, bound = rng.normal(size=(2, 60, 1, 10))
    axis = np.ones(10) / np.sqrt(10)
    sign = 2.0 * classes(60) - 1
    tolerant += 4 * sign[:, None, None] * axis
    bound += 4 * np.where(position == "left", sign, -sign)[:, None, None] * axis
    settings = {"train": ["left"], "test": ["right"], "bins_ms": bins(1), "plan": QUICK}
    found = decode_across(tolerant, classes(60), position, **settings)
    assert found.accuracy[0] > 0.95
    assert np.isnan(found.by_image[:30]).all()
    assert np.isfinite(found.by_image[30:]).all()
    assert decode_across(bound, classes(60), position, **settings).accuracy[0] < 0.05


def test_a_simultaneous_population_keeps_shared_noise_and_a_pseudo_population_breaks_it():
    """The class is the difference of two neurons that share noise: it shows only within a repeat."""
    rng = np.random.default_rng(5)
    sign = (2.0 * classes(12) - 1)[:, None, None]
    shared = 4 * rng.normal(size=(12, 40, 1))
    both = np.stack([shared + sign / 2, shared - sign / 2], -1) + 0.3 * rng.normal(size=(12, 40, 1, 2))
    recording = Recording(both, bins(1), [str(k) for k in range(12)], ["a", "b"], unit="other")
    found = {
        kind: decode_over_time(
            recording, classes(12), plan=DecodingPlan(population=kind, folds=3, resamples=2), permutations=0
        ).accuracy[0]
        for kind in ("simultaneous", "pseudo")
    }
    assert found["simultaneous"] > 0.9
    assert found["pseudo"] < 0.7


def test_results_are_those_of_the_seed():
    given = activity(time=3, rise=1)
    one, same, other = (
        decode_over_time(
            given, classes(), bins_ms=bins(3), plan=DecodingPlan(folds=3, resamples=2, seed=k), permutations=0
        )
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.by_image, same.by_image)
    assert (one.by_image != other.by_image).any()


GIVEN = {"data": activity(), "labels": classes(), "bins_ms": bins(12), "plan": QUICK}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": np.zeros((24, 12))}, "data must be a recording or numbers"),
        ({"bins_ms": None}, "bins_ms must give"),
        ({"labels": "object"}, "labels must be a label of the recording"),
        ({"labels": np.zeros(5)}, "labels must be 24 values"),
        ({"labels": np.zeros(24)}, "two classes"),
        ({"plan": DecodingPlan(folds=13)}, "folds must be at most 12, the images of the rarest class"),
        ({"plan": DecodingPlan(split="repeat")}, "folds must be at most 1, the repeats"),
        ({"plan": DecodingPlan(repeats=2)}, "repeats must be at most 1"),
        ({"plan": DecodingPlan(resamples=10_000, folds=12)}, "at most 1,000,000"),
    ],
)
def test_what_cannot_be_decoded_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        decode_over_time(**{**GIVEN, **changes})


def test_an_absent_image_of_a_neuron_is_named():
    responses = np.random.default_rng(0).normal(size=(6, 2, 1, 2))
    responses[3, :, :, 1] = np.nan
    recording = Recording(responses, bins(1), list("abcdef"), ["n", "m"], unit="other")
    with pytest.raises(ValueError, match="'m' has no whole repeat of 'd'"):
        decode_over_time(recording, classes(6))
    with pytest.raises(ValueError, match="no repeat of 'd' is whole in all neurons"):
        decode_over_time(recording, classes(6), plan=DecodingPlan(population="simultaneous"))
    with pytest.raises(ValueError, match="bins_ms must be None for a recording"):
        decode_over_time(recording, classes(6), bins_ms=bins(1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": ["a"], "test": ["a"]}, "no value of train"),
        ({"train": ["c"], "test": ["a"]}, "no image has of 'c'"),
        ({"train": ["b"], "test": ["a"]}, "every class, but has none of 1"),
    ],
)
def test_generalisation_needs_all_classes_on_both_sides(settings, message):
    second = np.array(["a"] * 23 + ["b"])
    second[0] = "b"
    labels = classes()
    labels[23] = 0
    with pytest.raises(ValueError, match=message):
        decode_across(activity(), labels, second, bins_ms=bins(12), **settings)


@pytest.mark.parametrize(
    "settings",
    [{"split": "time"}, {"decoder": "forest"}, {"population": "all"}, {"folds": 1}, {"repeats": 0}, {"resamples": 0}],
)
def test_plans_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        DecodingPlan(**settings)


def seven_objects(width_ms, start_ms, end_ms):
    """Recording of IT in bins of one width: 7 objects at 3 positions, 132 neurons recorded one after another."""
    file = np.load(IT)
    starts = np.arange(start_ms, end_ms, width_ms)
    first = starts.astype(int) + int(file["onset_ms"])
    spikes = np.unpackbits(file["spikes_packed"], axis=1)[:, first[0] : first[-1] + width_ms]
    counts = spikes.reshape(len(spikes), len(starts), width_ms).sum(2)
    kinds, image = np.unique(np.stack([file["object"], file["position"]], 1), axis=0, return_inverse=True)
    responses = np.full((len(kinds), 20, len(starts), 132), np.nan, np.float32)
    seen = np.zeros((len(kinds), 132), int)
    for count, place, neuron in zip(counts, image.ravel(), file["neuron"], strict=True):
        responses[place, seen[place, neuron], :, neuron] = count
        seen[place, neuron] += 1
    return Recording(
        responses,
        np.stack([starts, starts + width_ms], 1).astype(float),
        [" ".join(kind) for kind in kinds],
        file["neuron_name"].tolist(),
        image_labels={"object": kinds[:, 0], "position": kinds[:, 1]},
    )


@pytest.mark.skipif(not IT.is_file(), reason="there is no shared/data/it_7objects_1ms.npz beside the repository")
def test_objects_are_decoded_from_it_from_about_100_ms_at_positions_that_were_not_trained():
    recording = seven_objects(20, -60, 240)
    plan = DecodingPlan(split="repeat", resamples=1)
    found = decode_over_time(recording, "object", plan=plan, permutations=99, draws=20)
    assert 70 <= found.onset.interval_ms[0] <= found.onset.onset_ms <= found.onset.interval_ms[1] <= 130
    before = recording.bins_ms[:, 1] <= 0
    assert found.accuracy[before].mean() == pytest.approx(1 / 7, abs=0.03)
    assert found.accuracy.max() > 0.4
    across = decode_across(recording, "object", "position", train=["upper", "lower"], test=["middle"], plan=plan)
    assert across.accuracy.max() > 0.35
    assert across.accuracy[before].mean() == pytest.approx(1 / 7, abs=0.05)
    crossed = cross_temporal(recording, "object", plan=plan).accuracy
    late, early = np.flatnonzero(recording.bins_ms[:, 0] >= 100), np.flatnonzero(before)
    assert crossed[np.ix_(late, late)].mean() > 0.3
    assert crossed[np.ix_(late, early)].mean() == pytest.approx(1 / 7, abs=0.03)
