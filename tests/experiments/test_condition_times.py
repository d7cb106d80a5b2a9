"""Median times by condition: known orders are found, samples are drawn, undecided conditions share the last rank."""

import numpy as np

from cordsnet.experiments.people.condition_times import draw_medians
from cordsnet.experiments.people.reaction_time import measure

CONDITIONS, MEASURES = 17, ("threshold", "uncertainty", "settling")


def people(rng, order, count=40):
    """Reaction times [P, C] that follow an order; each person saw half of the conditions."""
    times = 600 + 20 * order + rng.normal(0, 5, (count, CONDITIONS))
    times[::2, ::2] = np.nan
    times[1::2, 1::2] = np.nan
    return times


def photographs(rng, order, count=30):
    return 100 + 10 * order + rng.normal(0, 5, (count, CONDITIONS))


def test_the_sign_of_a_known_order_is_found():
    rng, order = np.random.default_rng(0), np.random.default_rng(1).permutation(CONDITIONS)
    times = dict(zip(MEASURES, (photographs(rng, sign * order) for sign in (1, -1, 0)), strict=True))
    found = measure(draw_medians(times, people(rng, order), 200))
    assert found["threshold_orders_conditions"].interval[0] > 0.9
    assert found["uncertainty_orders_conditions"].interval[1] < -0.9
    low, high = found["settling_orders_conditions"].interval
    assert low < 0.5
    assert high > -0.5
    assert found["best_time_orders_conditions"].value == found["threshold_orders_conditions"].value
    assert found["worst_time_orders_conditions"].value == found["uncertainty_orders_conditions"].value


def test_the_first_sample_is_all_of_them():
    rng, order = np.random.default_rng(2), np.arange(CONDITIONS)
    times, reaction = {"threshold": photographs(rng, order)}, people(rng, order)
    drawn = draw_medians(times, reaction, 3)
    assert drawn.people.shape == drawn.model["threshold"].shape == (4, CONDITIONS)
    np.testing.assert_allclose(drawn.model["threshold"][0], np.median(times["threshold"], 0))
    np.testing.assert_allclose(drawn.people[0], np.nanmedian(reaction, 0))
    again = draw_medians(times, reaction, 3)
    np.testing.assert_array_equal(drawn.people, again.people)
