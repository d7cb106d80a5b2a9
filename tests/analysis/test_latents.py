"""Metrics of inferred dynamics against the benchmark's own code, scikit-learn, and cases whose answer is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from latent_examples import SIZES, example
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from cordsnet.analysis import bits_per_spike, cycle_consistency, rate_r2, state_r2
from cordsnet.errors import ArgumentError

STORED = json.loads((Path(__file__).parents[1] / "golden" / "ctd_metrics.json").read_text())["numbers"]
STATE = ("true_train", "inferred_train", "true_test", "inferred_test")


@pytest.mark.parametrize("name", SIZES)
def test_numbers_are_those_of_the_benchmark(name):
    made, wanted = example(*SIZES[name]), STORED[name]
    assert state_r2(*(made[key] for key in STATE)) == pytest.approx(wanted["state_r2"], abs=1e-9)
    exchanged = (made[key] for key in ("inferred_train", "true_train", "inferred_test", "true_test"))
    assert state_r2(*exchanged) == pytest.approx(wanted["reconstruction_r2"], abs=1e-9)
    assert rate_r2(made["rates_train"], made["rates_test"]) == pytest.approx(wanted["rate_r2"], abs=1e-9)
    in_single = bits_per_spike(made["rates_test"], made["counts_test"])  # as the benchmark computes it
    assert in_single == pytest.approx(wanted["bits_per_spike"], abs=1e-5)
    cycles = {key.split()[1]: value for key, value in wanted.items() if key.startswith("cycle")}
    assert len(cycles) == 4
    for least, value in cycles.items():
        parts = (made[key] for key in ("inferred_train", "rates_train", "inferred_test"))
        assert cycle_consistency(*parts, least_variance=float(least)) == pytest.approx(value, abs=1e-9)


def test_state_r2_is_that_of_scikit_learn():
    made = [example(2, 1, 5)[key].reshape(90, -1) for key in STATE]
    predicted = LinearRegression().fit(made[0], made[1]).predict(made[2])
    assert state_r2(*made) == pytest.approx(r2_score(made[3], predicted, multioutput="variance_weighted"), abs=1e-12)


def test_invented_dimensions_lower_state_r2_by_their_variance():
    draw = np.random.default_rng(0)
    true, invented = draw.normal(size=(2, 100, 50, 2)), draw.normal(size=(2, 100, 50, 2))
    inferred = np.concatenate([3.0 * true[..., ::-1] + 1.0, invented], axis=-1)
    assert state_r2(true[0], inferred[0], true[1], inferred[1]) == pytest.approx(18 / 20, abs=0.01)
    assert state_r2(true[0], inferred[0, ..., :2], true[1], inferred[1, ..., :2]) == pytest.approx(1.0, abs=1e-12)
    assert state_r2(inferred[0], true[0], inferred[1], true[1]) == pytest.approx(1.0, abs=1e-12)


def test_latents_that_rates_do_not_show_lower_the_cycle_consistency_by_their_variance():
    draw = np.random.default_rng(1)
    latents, hidden = draw.normal(size=(2, 5000, 2)), 2.0 * draw.normal(size=(2, 5000, 1))
    rates = np.exp(latents[0] @ np.array([[1.0, 0.2, 0.0], [0.0, 0.5, 1.0]]))
    whole = np.concatenate([latents, hidden], axis=-1)
    assert cycle_consistency(latents[0], rates, latents[1]) == pytest.approx(1.0, abs=1e-12)
    assert cycle_consistency(whole[0], rates, whole[1]) == pytest.approx(2 / 6, abs=0.02)


def test_bits_per_spike_are_those_of_poisson_likelihoods():
    draw = np.random.default_rng(2)
    rates = np.exp(draw.normal(size=(8, 40, 5)) - 1)
    counts = draw.poisson(rates)
    mean = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    gained = stats.poisson.logpmf(counts, rates).sum() - stats.poisson.logpmf(counts, mean).sum()
    assert bits_per_spike(rates, counts) == pytest.approx(gained / counts.sum() / np.log(2), abs=1e-12)
    assert bits_per_spike(mean, counts) == pytest.approx(0.0, abs=1e-12)
    silent = np.concatenate([counts, np.zeros((8, 40, 1), int)], -1)
    almost_silent = np.concatenate([rates, np.full((8, 40, 1), 1e-6)], -1)
    assert bits_per_spike(almost_silent, silent) == pytest.approx(bits_per_spike(rates, counts), abs=1e-5)


X = np.random.default_rng(3).normal(size=(4, 6, 3))
WRONG = {
    "vector": (lambda: rate_r2(X[0, 0], X[0, 0]), "true must be numbers"),
    "nan": (lambda: rate_r2(X * np.nan, X), "true must be finite"),
    "shape": (lambda: rate_r2(X, X[:, :, :2]), "inferred must have the shape of true"),
    "flat": (lambda: rate_r2(np.ones_like(X), X), "true must vary"),
    "samples": (lambda: state_r2(X, X[:3], X, X), "inferred_train must have the 24 samples of true_train, got 18"),
    "dimensions": (lambda: state_r2(X, X, X[..., :2], X), "true_test must have the 3 dimensions of true_train, got 2"),
    "one": (lambda: rate_r2(X[0, :1], X[0, :1]), "true must hold two samples or more, got 1"),
    "rates": (lambda: cycle_consistency(X, X, X), "rates_train must be above 0"),
    "share": (lambda: cycle_consistency(X, np.exp(X), X, 1.0), "least_variance must be 0 or more and below 1, got 1"),
    "no readout": (lambda: cycle_consistency(X, np.ones_like(X), X), "got a readout of zero"),
    "counts": (lambda: bits_per_spike(np.exp(X), X), "spikes must be counts"),
    "silence": (lambda: bits_per_spike(np.exp(X), np.zeros_like(X)), "spikes must hold at least one spike"),
    "zero": (lambda: bits_per_spike(0 * abs(X), np.ones_like(X)), "rates must be above 0, got 0"),
    "spikes": (lambda: bits_per_spike(np.exp(X), np.ones((4, 6, 2))), "spikes must have the shape of rates"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(case):
    call, said = WRONG[case]
    with pytest.raises(ArgumentError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
