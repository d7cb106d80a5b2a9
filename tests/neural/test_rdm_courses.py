"""RDMs over time of MEG and EEG: published layouts, RSA with a known answer, ceilings and their intervals."""

import numpy as np
import pytest
import scipy.io
import xarray
from scipy.spatial.distance import pdist, squareform

from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural import (
    CeilingStatus,
    RdmCourses,
    RsaStatus,
    compare_rdms,
    ct_rsa,
    read_rdms,
    rsa_ceiling,
    rsa_over_time,
)

PEOPLE, REGIONS, TIMES, IMAGES = 5, 3, 7, 6
NAMES = ("V1", "V4", "IT")
TIMES_MS = np.arange(TIMES) * 10.0 - 20


def courses():
    rng = np.random.default_rng(0)
    return rng.random((PEOPLE, REGIONS, TIMES, IMAGES * (IMAGES - 1) // 2))


def matrices(values):
    flat = values.reshape(-1, values.shape[-1])
    return np.stack([squareform(one) for one in flat]).reshape(*values.shape[:-1], IMAGES, IMAGES)


def check(found, wanted):
    np.testing.assert_allclose(found.rdms, wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.times_ms, TIMES_MS)
    assert found.images == IMAGES


def test_published_layouts_are_the_same_courses(tmp_path):
    values = courses()
    named = {"times_ms": TIMES_MS, "regions": NAMES}
    one = values[0]
    np.save(tmp_path / "region_time_pair.npy", one)
    check(read_rdms(tmp_path / "region_time_pair.npy", "region time pair", **named), values[:1])
    np.savez(tmp_path / "all.npz", rdms=values, other=np.arange(3))
    check(read_rdms(tmp_path / "all.npz", "subject region time pair", key="rdms", **named), values)
    scipy.io.savemat(tmp_path / "square.mat", {"RDMs": matrices(values).transpose(4, 3, 0, 2, 1)})
    check(read_rdms(tmp_path / "square.mat", "image image subject time region", **named), values)
    sessions = np.stack([values[:, 0] - 0.1, values[:, 0] + 0.1], 1)
    check(read_rdms(matrices(sessions), "subject session time image image", times_ms=TIMES_MS), values[:, :1])


def test_assemblies_bring_their_names(tmp_path):
    values = courses()
    people = [f"p{k}" for k in range(PEOPLE)]
    coords = {"subject": people, "region": list(NAMES), "time": TIMES_MS}
    array = xarray.DataArray(values, coords, ("subject", "region", "time", "pair"), name="rdms")
    array.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    square = xarray.DataArray(matrices(values), coords, ("subject", "region", "time", "image_1", "image_2"))
    for found in (read_rdms(array), read_rdms(tmp_path / "a.nc"), read_rdms(square)):
        check(found, values)
        assert (found.regions, found.subjects) == (NAMES, tuple(people))
    np.testing.assert_array_equal(found.of("IT"), values[:, 2])
    early = found.between(0, 20)
    assert early.times_ms.tolist() == [0, 10, 20]
    assert early.bins_ms.tolist() == [[-5, 5], [5, 15], [15, 25]]


@pytest.mark.parametrize("side", [np.triu, np.tril])
def test_half_a_matrix_is_enough(side):
    full = matrices(courses())
    half = np.where(side(np.ones((IMAGES, IMAGES)), 1 if side is np.triu else -1) > 0, full, np.nan)
    found = read_rdms(half, "subject region time image image", times_ms=TIMES_MS)
    np.testing.assert_array_equal(found.rdms, courses())


@pytest.mark.parametrize("hidden", [None, np.triu, np.tril])
def test_similarities_are_not_read_as_distances(hidden):
    """A matrix of correlations has 1 on its diagonal; as RDMs it would turn the sign of RSA."""
    axes, alike = "subject region time image image", 1 - matrices(courses())
    if hidden is not None:
        alike = np.where(hidden(np.ones((IMAGES, IMAGES)), 1 if hidden is np.triu else -1) > 0, np.nan, alike)
    with pytest.raises(DataError, match=r"on the diagonal, got 1: .* give 1 - similarity"):
        read_rdms(alike, axes, times_ms=TIMES_MS)
    for diagonal in (np.nan, 1e-7):  # left out, or rounding
        known = 1 - alike
        known[..., range(IMAGES), range(IMAGES)] = diagonal
        np.testing.assert_allclose(read_rdms(known, axes, times_ms=TIMES_MS).rdms, courses(), rtol=1e-12)


def broken(values):
    values[1, 2, 3, 4] = np.nan
    return values


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: read_rdms(x), "axes must say"),
        (lambda x: read_rdms(x, "subject region time pair"), "times_ms must say the time of each of the 7"),
        (lambda x: read_rdms(x, "subject region pair", times_ms=TIMES_MS), "names 3 axes"),
        (lambda x: read_rdms(x, "subject region time time", times_ms=TIMES_MS), "time twice"),
        (lambda x: read_rdms(x, "subject region time image", times_ms=TIMES_MS), "pair once, or image twice"),
        (lambda x: read_rdms(x, "subject region time sensor", times_ms=TIMES_MS), "'sensor'"),
        (lambda x: read_rdms(x[..., :14], "subject region time pair", times_ms=TIMES_MS), "14"),
        (lambda x: read_rdms(x, "subject region time pair", times_ms=TIMES_MS[:3]), "3 for 7"),
        (lambda x: read_rdms(x, "subject region time pair", times_ms=TIMES_MS[::-1].copy()), "rise"),
        (lambda x: read_rdms(x, "subject region time pair", times_ms=TIMES_MS, regions=["a", "a", "b"]), "different"),
        (lambda x: read_rdms(broken(x), "subject region time pair", times_ms=TIMES_MS), "subject1, region2 at 10 ms"),
        (lambda x: read_rdms(x > 0, "subject region time pair", times_ms=TIMES_MS), "real numbers"),
        (lambda x: read_rdms(matrices(x) + np.triu(np.ones((6, 6))), "subject region time image image"), "symmetric"),
        (lambda x: read_rdms("no_such.npy", "time pair"), "no file"),
        (lambda x: read_rdms(3, "time pair"), "an array, a DataArray or the path"),
        (lambda x: read_rdms(x, "subject region time pair", times_ms=TIMES_MS).of(), "region must be one of"),
        (lambda x: read_rdms(x, "subject region time pair", times_ms=TIMES_MS).between(90, 99), "from -20 to 40 ms"),
        (lambda x: read_rdms(x[:, :, :1], "subject region time pair", times_ms=[0.0]).bins_ms, "two times"),
    ],
)
def test_what_is_no_course_is_refused_by_name(call, said):
    with pytest.raises((ArgumentError, DataError), match=said):
        call(courses())


def test_files_that_are_none_are_refused(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.ones(3), b=np.ones(3))
    with pytest.raises(DataError, match="name the RDMs with key"):
        read_rdms(tmp_path / "two.npz", "time pair")
    (tmp_path / "a.nc").write_bytes(b"nothing of that kind" * 10)
    with pytest.raises(DataError, match=r"a\.nc is damaged"):
        read_rdms(tmp_path / "a.nc")
    (tmp_path / "a.txt").write_text("1 2 3")
    with pytest.raises(DataError, match="must be"):
        read_rdms(tmp_path / "a.txt", "time pair")


DELAY = 3
"""Times by which people are later than the model."""


def people(rng, count=8, noise=0.5, images=16, times=12):
    """RDMs [T, pairs] of a model that change over time, the same later by `DELAY`, and those of people."""
    turning = np.linspace(0, np.pi / 2, times)[:, None, None]
    features = np.cos(turning) * rng.normal(size=(images, 8)) + np.sin(turning) * rng.normal(size=(images, 8))
    model = np.stack([pdist(one, "sqeuclidean") for one in features])
    later = model[np.maximum(np.arange(times) - DELAY, 0)]
    return model, later, later + noise * rng.normal(size=(count, *later.shape)) * model.std()


def test_every_time_of_a_model_is_found_at_its_delay():
    rng = np.random.default_rng(1)
    model, _, brains = people(rng, count=16)
    found = ct_rsa(model, brains, "pearson", draws=50)
    wanted = np.maximum(np.arange(12) - DELAY, 0)
    assert np.abs(found.best - wanted).max() <= 1
    assert (found.best == wanted).mean() > 0.6
    assert found.status is RsaStatus.ANIMALS
    assert (found.interval[..., 0] < found.value).all()
    assert found.ceiling.status is CeilingStatus.ANIMALS
    peak = found.value.max(0)
    assert (peak <= found.ceiling.upper + 1e-9).all()  # no model agrees better than the mean of all people
    same = rsa_over_time(model[found.best], brains, "pearson", draws=0)
    np.testing.assert_allclose(same.value, peak, rtol=1e-12)
    np.testing.assert_array_equal(same.ceiling.lower, found.ceiling.lower)


def test_the_true_model_reaches_the_ceiling_and_no_more():
    rng = np.random.default_rng(2)
    between = []
    for _ in range(20):
        _, truth, brains = people(rng, times=2)
        value, ceiling = rsa_over_time(truth, brains, "pearson", draws=0).value, rsa_ceiling(brains, "pearson")
        between.append((ceiling.lower <= value) & (value <= ceiling.upper))
    assert np.mean(between) > 0.9


def test_intervals_of_the_ceiling_hold_for_other_people():
    rng = np.random.default_rng(3)
    images, count, sets = 16, 6, 150
    truth = pdist(rng.normal(size=(images, 5)), "sqeuclidean")
    found = []
    for _ in range(sets):
        noise = rng.normal(size=(count, 1, len(truth))) * rng.uniform(0.6, 1.4, size=(count, 1, 1))
        found.append(rsa_ceiling(truth + 1.5 * truth.std() * noise, "pearson"))
    for name in ("lower", "upper"):
        expected = np.mean([getattr(one, name) for one in found])
        ends = np.array([getattr(one, f"{name}_interval")[0] for one in found])
        held = ((ends[:, 0] <= expected) & (expected <= ends[:, 1])).mean()
        assert 0.88 < held <= 1, name  # three standard errors below .95 at 150 sets
    assert rsa_ceiling(courses()[:2, 0]).lower_interval is None


def test_agreements_and_ceilings_are_those_of_rsatoolbox():
    rsatoolbox = pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed, which is the oracle here")
    model, _, brains = people(np.random.default_rng(4), count=5, times=4)
    found = ct_rsa(model, brains, "pearson")
    for t in range(4):
        theirs = rsatoolbox.rdm.RDMs(brains[:, t])
        wanted = rsatoolbox.rdm.compare(rsatoolbox.rdm.RDMs(model), theirs, "corr").mean(1)
        np.testing.assert_allclose(found.value[:, t], wanted, atol=1e-12)
        low, high = rsatoolbox.inference.boot_noise_ceiling(theirs, "corr")
        np.testing.assert_allclose([found.ceiling.lower[t], found.ceiling.upper[t]], [low, high], atol=1e-12)


def test_courses_go_through_the_same_comparison_as_any_rdms():
    found = read_rdms(courses(), "subject region time pair", times_ms=TIMES_MS, regions=NAMES)
    assert isinstance(found, RdmCourses)
    model = np.random.default_rng(5).random((4, 15))
    value = ct_rsa(model, found.of("V4"), "spearman").value
    by_hand = np.mean([compare_rdms(model, one, "spearman") for one in courses()[:, 1]], 0)
    np.testing.assert_allclose(value, by_hand, rtol=1e-12)
