"""Decoding over time from recordings with a known onset."""

import dataclasses

import numpy as np
import pytest

from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.recordings.neural_decoding import NeuralDecodingOptions
from cordsnet.neural import Recording, save_recording

STARTS = np.arange(-100.0, 240.0, 20.0)
BINS = np.stack([STARTS, STARTS + 20.0], 1)


def write(folder, signal, onset_ms=100.0, rotating=False):
    """Recording of 30 neurons that tell three objects apart from `onset_ms` on; returns its path."""
    random = np.random.default_rng(0)
    objects, positions = np.arange(36) % 3, np.arange(36) // 3 % 2
    codes = random.normal(size=(len(BINS) if rotating else 1, 3, 30))
    on = BINS.mean(1) >= onset_ms
    code = codes[np.arange(len(BINS)) if rotating else np.zeros(len(BINS), int)][:, objects]  # [bin, image, neuron]
    mean = signal * on[:, None, None] * code
    responses = mean.transpose(1, 0, 2)[:, None] + random.normal(size=(36, 6, len(BINS), 30))
    names, neurons = [f"i{k}" for k in range(36)], [f"n{k}" for k in range(30)]
    labels = {"object": objects, "position": positions}
    return save_recording(Recording(responses, BINS, names, neurons, "other", labels), folder / "made.npz")


def run(path, **changes):
    options = NeuralDecodingOptions(str(path), folds=3, resamples=3, permutations=39, draws=20)
    return EXPERIMENTS["neural_decoding"](Setting(), dataclasses.replace(options, **changes))


def verdicts(result):
    return {claim.name: claim.verdict for claim in result.claims}


def test_a_known_onset_is_found_and_the_code_generalises(tmp_path):
    result = run(write(tmp_path, 1.5), over="position")
    (onset,) = result.rows("onset")
    assert onset["onset_ms"] == pytest.approx(110.0, abs=20.0)
    found = verdicts(result)
    assert (found["decodable"], found["generalises"]) == ("holds", "holds")
    before = [row["accuracy"] for row in result.rows("decoding", tested="all") if row["end_ms"] <= 100]
    assert np.mean(before) == pytest.approx(1 / 3, abs=0.08)


def test_without_a_signal_nothing_holds(tmp_path):
    result = run(write(tmp_path, 0.0), over="position")
    assert "holds" not in verdicts(result).values()
    assert verdicts(result)["onset_near_100_ms"] == "undecided at this scale" or "onset_ms" in result.rows("onset")[0]


def test_a_code_that_changes_is_a_diagonal(tmp_path):
    value = {}
    for rotating in (False, True):
        result = run(write(tmp_path, 1.5, rotating=rotating))
        value[rotating] = next(claim for claim in result.claims if claim.name == "code_changes").value
    assert value[True] > 0.3 > abs(value[False])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "animal"}, "object, position"),
        ({"from_ms": 500.0, "to_ms": 600.0}, "window_ms"),
        ({"recording": ""}, "must be given"),
    ],
)
def test_what_cannot_be_decoded_is_refused(tmp_path, changes, message):
    path = write(tmp_path, 1.0)
    with pytest.raises(ValueError, match=message):
        run(path, **changes)


@pytest.mark.parametrize("wrong", [{"from_ms": 1.0, "to_ms": 0.0}, {"folds": 1}, {"bin_ms": -1.0}, {"split": "trial"}])
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralDecodingOptions(**wrong)
