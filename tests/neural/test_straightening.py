"""Curvature in closed form, its estimate from noisy repeats in simulations, and V1 of Henaff et al. 2021."""

import io
import zipfile

import numpy as np
import pytest

from answers_by_hand import real
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural import (
    ContrastStatus,
    CurvatureStatus,
    Recording,
    curvature,
    neural_curvature,
    straightening,
    straightening_contrast,
)
from cordsnet.neural.straightening.curvature import _step_products, angle_of

FOLDERS = ("chironomus", "bees", "dogville", "egomotion", "prairieTer")
FOLDERS += ("carnegie-dam", "walking", "smile", "water", "leaves-wind")


def turning(rng, frames, width, degrees):
    """A path of unit steps, each of which turns from the last by the same angle in a random direction."""
    step = np.eye(width)[0]
    path = [np.zeros(width)]
    for _ in range(frames - 1):
        path.append(path[-1] + step)
        other = rng.normal(size=width)
        other -= step * (step @ other)
        step = np.cos(np.radians(degrees)) * step + np.sin(np.radians(degrees)) * other / np.linalg.norm(other)
    return np.array(path)


def rates(rng, neurons, step, degrees):
    """Mean counts [11 frames, neurons], about 2 each, that turn by an angle; a step is in units of Poisson noise."""
    base = rng.gamma(2, 0.85, neurons) + 0.5
    path = turning(rng, 11, neurons, degrees) @ np.linalg.qr(rng.normal(size=(neurons, neurons)))[0]
    return np.maximum(base + step * path * np.sqrt(base), 0.02)


def products(mean):
    steps = np.diff(mean, axis=0)
    return steps @ steps.T


def test_curvature_is_the_angle_between_steps():
    rng = np.random.default_rng(0)
    for degrees in (0.01, 35.0, 90.0, 150.0):
        np.testing.assert_allclose(curvature(turning(rng, 9, 30, degrees)), degrees, rtol=1e-6)
    angle = np.linspace(0, 2 * np.pi, 13)  # a regular polygon of 12 corners
    np.testing.assert_allclose(curvature(np.stack([np.cos(angle), np.sin(angle)], 1)), 30, rtol=1e-12)
    assert curvature(np.array([0.0, 1.0, 0.0])[:, None]).tolist() == [180.0]
    assert np.isnan(curvature(np.array([0.0, 1.0, 1.0, 2.0])[:, None])).all()  # no direction where nothing changes
    movie = rng.random((5, 4, 3))
    np.testing.assert_allclose(curvature(movie), curvature(movie.reshape(5, 12)))


def test_without_noise_the_estimate_is_the_closed_form():
    mean = turning(np.random.default_rng(1), 7, 20, 40.0)
    for average in ("products", "angles"):
        found = neural_curvature(np.repeat(mean[None], 3, 0), average, draws=5)
        assert found.value == pytest.approx(40, abs=1e-6)
        assert found.signal_share == pytest.approx(1)
        assert found.naive == pytest.approx(40, abs=1e-6)
        assert found.status is CurvatureStatus.ESTIMATED
        np.testing.assert_allclose(found.angles, 40, atol=1e-6)


def test_products_are_the_mean_over_all_splits_into_halves():
    rng = np.random.default_rng(2)
    values = rng.poisson(2.0, (4, 5, 6)).astype(float)
    by_hand = []
    for half in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        rest = [k for k in range(4) if k not in half]
        one, other = (np.diff(values[list(part)].mean(0), axis=0) for part in (half, rest))
        by_hand.append(one @ other.T)
    found = _step_products(values, np.ones(values.shape), np.ones(4)).sum(0)
    np.testing.assert_allclose(found, np.mean(by_hand, 0), atol=1e-12)
    absent = np.concatenate([values, np.full((2, 5, 6), np.nan)])  # repeats that nobody has change nothing
    np.testing.assert_allclose(neural_curvature(absent, draws=0).angles, neural_curvature(values, draws=0).angles)


def test_products_of_a_sample_leave_out_those_of_a_repeat_with_its_copy():
    values = np.random.default_rng(3).normal(size=(4, 3, 2))
    weights = np.array([2.0, 0.0, 1.0, 1.0])
    total, number = np.zeros((2, 2)), 0.0
    for r in range(4):
        for s in range(4):
            if r != s:
                total += weights[r] * weights[s] * np.diff(values[r], axis=0) @ np.diff(values[s], axis=0).T
                number += weights[r] * weights[s]
    found = _step_products(values, np.ones(values.shape), weights).sum(0)
    np.testing.assert_allclose(found, (total + total.T) / 2 / number, atol=1e-12)


@pytest.mark.parametrize("degrees", [30.0, 60.0, 90.0])
def test_noise_bends_the_mean_responses_and_not_the_estimate(degrees):
    rng = np.random.default_rng(4)
    off, naive, angles, shares = [], [], [], []
    for _ in range(60):
        mean = rates(rng, 60, 2.0, degrees)
        counts = rng.poisson(mean, (50, *mean.shape)).astype(float)
        counts[40:, :, ::3] = np.nan  # a third of the neurons has fewer repeats
        truth = angle_of(products(mean), "products")[0]
        found = neural_curvature(counts, draws=0)
        off.append(found.value - truth)
        naive.append(found.naive - truth)
        angles.append(neural_curvature(counts, "angles", draws=0).value - truth)
        shares.append(found.signal_share)
    assert 0.4 < np.mean(shares) < 0.7  # as for natural movies in V1
    assert np.mean(naive) > 8
    assert abs(np.mean(off)) < 3 + 3 * np.std(off) / 60**0.5
    assert abs(np.mean(off)) < np.mean(naive) / 3
    assert np.mean(angles) < 0  # noise in the cosine makes its angles too small


def test_intervals_cover_the_curvature():
    rng, inside, runs = np.random.default_rng(5), 0, 50
    for run in range(runs):
        mean = rates(rng, 40, 2.5, 60.0)
        found = neural_curvature(rng.poisson(mean, (30, *mean.shape)).astype(float), draws=60, seed=run)
        inside += found.interval[0] <= angle_of(products(mean), "products")[0] <= found.interval[1]
    assert inside / runs >= 0.9


def test_noise_alone_has_no_curvature():
    rng = np.random.default_rng(6)
    found = [neural_curvature(rng.poisson(2.0, (20, 11, 30)).astype(float), draws=40, seed=k) for k in range(20)]
    statuses = {one.status for one in found}
    assert statuses <= {CurvatureStatus.NOISE, CurvatureStatus.WIDE}
    assert {one.interval for one in found} == {None, (0.0, 180.0)}
    assert all(np.isnan(one.value) == (one.status is CurvatureStatus.NOISE) for one in found)


def movies(rng, neural, pixel, count=8):
    """Counts and frames of movies of these curvatures."""
    mean = np.stack([rates(rng, 60, 3.0, neural) for _ in range(count)])
    counts = rng.poisson(mean[:, None], (count, 40, *mean.shape[1:])).astype(float)
    return counts, np.stack([turning(rng, 11, 64, pixel).reshape(11, 8, 8) for _ in range(count)])


def test_straightening_is_neural_less_pixel_curvature():
    rng = np.random.default_rng(7)
    natural = straightening(*movies(rng, 60.0, 85.0), draws=20)
    synthetic = straightening(*movies(rng, 75.0, 1e-3), draws=20)
    np.testing.assert_allclose(natural.pixels, 85)
    np.testing.assert_allclose(natural.value, [one.value - 85 for one in natural.neural])
    np.testing.assert_allclose(natural.interval[:, 0], [one.interval[0] - 85 for one in natural.neural])
    assert natural.n_estimated == 8
    found = straightening_contrast(natural, synthetic, draws=200)
    assert found.value == pytest.approx(-100, abs=8)  # 60 - 85 less 75 - 0
    assert found.mean_interval[0] < found.mean_difference < found.mean_interval[1] < 0
    assert found.value == pytest.approx(found.categories[0] - found.categories[1])
    assert found.category_intervals[0][1] < 0 < found.category_intervals[1][0]
    assert (found.n_pairs, found.n_movies, found.status) == (8, 8, ContrastStatus.ESTIMATED)
    again = straightening_contrast(natural, synthetic, draws=200)
    assert again.interval == found.interval


def test_a_category_that_is_lost_in_noise_is_said():
    rng = np.random.default_rng(8)
    natural = straightening(*movies(rng, 60.0, 85.0), draws=0)
    noise = straightening(rng.poisson(2.0, (8, 10, 11, 20)).astype(float), movies(rng, 60.0, 85.0)[1], draws=0)
    found = straightening_contrast(natural, noise, draws=100)
    assert found.status is ContrastStatus.NOISE
    assert found.interval is None
    assert np.isnan(natural.interval).all()


def test_a_recording_has_movies_for_images_and_frames_for_bins():
    counts, frames = movies(np.random.default_rng(9), 60.0, 85.0, 2)
    edges = np.stack([np.arange(11) * 300.0, np.arange(11) * 300.0 + 200], 1)
    brain = Recording(counts, edges, ["a", "b"], [f"n{k}" for k in range(60)])
    np.testing.assert_array_equal(
        straightening(brain, frames, draws=3).interval, straightening(counts, frames, draws=3).interval
    )


COUNTS = np.random.default_rng(0).poisson(2.0, (4, 5, 3)).astype(float)
FRAMES = np.random.default_rng(0).random((2, 5, 4, 4))
ONCE = np.where((np.arange(4) > 0)[:, None, None] & (np.arange(5) == 2)[:, None], np.nan, COUNTS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curvature(FRAMES[0, :2]), r"three frames or more, got shape \[2, 4, 4\]"),
        (lambda: curvature(FRAMES[0] * np.nan), "path holds NaN"),
        (lambda: neural_curvature(COUNTS[0]), r"\[repeat, frame, neuron\] .* got shape \[5, 3\]"),
        (lambda: neural_curvature(COUNTS, "median"), "average must be one of products, angles, got 'median'"),
        (lambda: neural_curvature(COUNTS[:1]), "fewer for frame 0 of neuron 0"),
        (lambda: neural_curvature(ONCE), "fewer for frame 2 of neuron 0"),
        (lambda: neural_curvature(np.where(COUNTS == 2, np.inf, COUNTS)), "got infinity"),
        (lambda: neural_curvature(COUNTS, draws=-1), "draws must be at least 0"),
        (lambda: straightening(np.stack([COUNTS] * 3), FRAMES), r"same movies and frames, got \[3, 5\] and \[2, 5\]"),
        (lambda: straightening(COUNTS, FRAMES), r"\[movie, repeat, frame, neuron\]"),
        (lambda: straightening(np.stack([COUNTS] * 2), 0 * FRAMES), "frames of movie 0 do not differ"),
    ],
)
def test_what_will_not_do_is_said(call, message):
    with pytest.raises((ArgumentError, DataError, ValueError), match=message):
        call()


def frames_of(archive, folder, zoom):
    """Natural frames [11, 256, 256]; of zoom 2 the central half, each of its pixels four times."""
    from PIL import Image

    named = (archive.read(f"{folder}/groundtruth{k}.jpg") for k in range(1, 12))
    read = [np.asarray(Image.open(io.BytesIO(one)).convert("L")) for one in named]
    whole = np.stack(read).astype(float)
    return whole if zoom == 0 else whole[:, 64:192, 64:192].repeat(2, 1).repeat(2, 2)


def henaff(folder):
    """Pixels [20, 11, 256, 256] and counts [20, 60, 11, 300 neurons] of the natural and synthetic movies.

    Synthetic frames are remade as straight lines: the stored files are fades, bent to 46 degrees by JPEG alone.
    """
    with zipfile.ZipFile(folder / "frames.zip") as archive:
        natural = np.stack([frames_of(archive, name, zoom) for zoom in (0, 1) for name in FOLDERS])
    along = np.linspace(0, 1, 11)[:, None, None]
    synthetic = natural[:, :1] * (1 - along) + natural[:, -1:] * along
    counts = ([], [])
    for path in sorted(folder.glob("*.npz")):
        spikes = np.load(path)["spike_count"]
        for kind in (0, 1):
            one = spikes[:, kind].reshape(20, *spikes.shape[3:]).transpose(0, 3, 1, 2).astype(float)
            full = np.full((20, 60, *one.shape[2:]), np.nan)
            full[:, : one.shape[1]] = np.where(one < 0, np.nan, one)
            counts[kind].append(full)
    return (natural, synthetic), tuple(np.concatenate(parts, 3) for parts in counts)


def test_v1_straightens_natural_movies_more_than_fades():
    (natural, synthetic), (seen, faded) = henaff(real("v1_movies_henaff2021"))
    assert seen.shape == (20, 60, 11, 300)
    first, second = straightening(seen, natural, draws=0), straightening(faded, synthetic, draws=0)
    found = straightening_contrast(first, second)
    assert found.pixels[1] < 1e-3
    assert found.status is ContrastStatus.ESTIMATED
    assert found.n_pairs == 20
    assert found.interval[1] < -40
    assert found.mean_interval[1] < -40
    assert found.category_intervals[1][0] > 40  # V1 bends what is straight in pixels
    naive = [np.mean([one.naive for one in part.neural]) for part in (first, second)]
    assert 95 < naive[0] < naive[1] < 115  # mean responses bend both, whatever the neurons do
