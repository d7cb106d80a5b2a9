"""Targeted axes against populations whose axes are known, and against least squares written as loops."""

import numpy as np
import pytest

from cordsnet.analysis import targeted_axes
from cordsnet.errors import ArgumentError

TIMES, TRIALS, UNITS = 20, 120, 30


def population(noise=0.0, seed=0):
    """Rates that carry `motion` and `choice` along two directions with courses of their own, and their makings."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(UNITS, 3)))[0].T
    motion, choice = rng.choice([-2.0, -1.0, 1.0, 2.0], TRIALS), rng.choice([-1.0, 1.0], TRIALS)
    time = np.arange(TIMES)
    courses = np.exp(-(((time - 5) / 3) ** 2)), time / TIMES, np.cos(time / 4)
    carried = (motion, choice, np.ones(TRIALS))
    sizes = (2.0, 3.0, 4.0)
    rates = sum(
        size * course[:, None, None] * value[:, None] * direction
        for size, course, value, direction in zip(sizes, courses, carried, directions, strict=True)
    )
    rates = rates + noise * rng.normal(size=rates.shape) + 5.0
    return rates, {"motion": motion, "choice": choice}, directions, courses


def test_known_axes_and_courses_are_found():
    rates, conditions, directions, courses = population()
    found = targeted_axes(rates, conditions, normalise=False)
    assert found.names == ("motion", "choice")
    assert np.allclose(found.axes, directions[:2], atol=1e-10)
    assert list(found.peaks) == [5, TIMES - 1]
    assert np.allclose(found.coefficients[:, 0], 2 * courses[0][:, None] * directions[0], atol=1e-10)
    carried = 3 * courses[1][:, None] * conditions["choice"]
    assert np.allclose(found.projections[:, :, 1], carried - carried.mean(), atol=1e-9)
    assert found.denoised == pytest.approx(1.0, abs=1e-12)


def test_noise_is_removed_by_the_leading_components():
    rates, conditions, directions, _ = population(noise=1.0)
    few, all_of_them = (targeted_axes(rates, conditions, k, normalise=False) for k in (3, UNITS))
    overlap = [abs((found.axes * directions[:2]).sum(1)) for found in (few, all_of_them)]
    assert (overlap[0] > 0.97).all()
    assert overlap[0].sum() > overlap[1].sum()
    assert few.denoised < all_of_them.denoised == pytest.approx(1.0)


def by_loops(rates, conditions, components):
    """The same from the definition: unit by unit and time by time, Gram-Schmidt in place of QR."""
    rates = (rates - rates.mean((0, 1))) / rates.std((0, 1))
    times, trials, units = rates.shape
    design = np.column_stack([*conditions.values(), np.ones(trials)])
    weights = np.zeros((times, design.shape[1], units))
    for t in range(times):
        for unit in range(units):
            weights[t, :, unit] = np.linalg.lstsq(design, rates[t, :, unit], rcond=None)[0]
    keys = list(zip(*conditions.values(), strict=True))
    rows = [
        rates[t, [k for k, one in enumerate(keys) if one == key]].mean(0) for key in set(keys) for t in range(times)
    ]
    cloud = np.array(rows)
    values, vectors = np.linalg.eigh(np.cov(cloud.T))
    leading = vectors[:, np.argsort(values)[::-1][:components]]
    axes = []
    for k in range(len(conditions)):
        courses = weights[:, k] @ leading @ leading.T
        axis = max(courses, key=np.linalg.norm)
        for other in axes:
            axis = axis - (axis @ other) * other
        axes.append(axis / np.linalg.norm(axis))
    shares = [np.var(cloud @ axis) / np.var(cloud, axis=0).sum() for axis in axes]
    return weights, np.array(axes), np.array(shares), rates @ np.array(axes).T


def test_it_is_the_definition_written_as_loops():
    rates, conditions, _, _ = population(noise=0.8, seed=3)
    conditions["both"] = conditions["motion"] * conditions["choice"]
    found = targeted_axes(rates, conditions, components=6)
    weights, axes, shares, projections = by_loops(rates, conditions, 6)
    assert np.allclose(found.coefficients, weights[:, :-1], atol=1e-12)
    assert np.allclose(found.offsets, weights[:, -1], atol=1e-12)
    assert np.allclose(found.axes, axes, atol=1e-9)
    assert np.allclose(found.explained, shares, atol=1e-12)
    assert np.allclose(found.projections, projections, atol=1e-9)
    assert np.allclose(found.axes @ found.axes.T, np.eye(3), atol=1e-12)
    assert ((found.axes * found.directions).sum(1) > 0).all()


def test_a_unit_of_constant_rate_stays_out():
    rates, conditions, _, _ = population(noise=0.1)
    rates[..., 4] = 7.0
    found = targeted_axes(rates, conditions)
    assert np.isfinite(found.axes).all()
    assert abs(found.axes[:, 4]).max() < 1e-12
    assert found.scale[4] == 1.0


WRONG = {
    "shape": ({"rates": np.zeros((3, 4))}, "rates must be numbers .T, N, units., got shape .3, 4."),
    "nan": ({"rates": np.full((3, 4, 2), np.nan)}, "rates must be finite"),
    "none": ({"conditions": {}}, "conditions must hold at least one variable"),
    "trials": ({"conditions": {"motion": np.ones(3)}}, "'motion' must be one number for each of 120 trials"),
    "infinite": ({"conditions": {"motion": np.full(TRIALS, np.inf)}}, "'motion' must be finite"),
    "constant": ({"conditions": {"motion": np.ones(TRIALS)}}, "conditions must vary"),
    "twice": (
        {"conditions": {"a": np.arange(TRIALS), "b": 2 * np.arange(TRIALS) + 1}},
        "none may follow from the others",
    ),
    "flat": ({"rates": np.ones((TIMES, TRIALS, UNITS))}, "rates must differ between times or conditions"),
    "components": ({"components": 0}, "components"),
    "same": ({"components": 1}, "the direction of 'choice' is zero, or lies in those of earlier variables"),
    "units": ({"rates": np.random.default_rng(0).normal(size=(2, TRIALS, 1))}, "at most as many as the 1 units, got 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(case):
    changes, said = WRONG[case]
    rates, conditions, _, _ = population(noise=0.1)
    with pytest.raises((ArgumentError, ValueError), match=said) as caught:
        targeted_axes(**({"rates": rates, "conditions": conditions} | changes))
    assert "\n" not in str(caught.value)
