"""Experiments on stored answers: known fits and accuracies are found, and nothing is measured without the files."""

import numpy as np
import pytest

from answers_by_hand import RIGHT, challenge, real, write_challenge, write_trials
from cordsnet.data.people.maniquet2025 import read_challenge
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.people.challenge import ChallengeOptions, draw_people, partial_correlation
from cordsnet.experiments.people.masking_people import MaskingPeopleOptions

UNMASKED, MASKED = (0.569, 0.651, 0.716, 0.730, 0.735), (0.251, 0.447, 0.553, 0.626, 0.718)
"""Published accuracies."""


def accuracies(folder, masked):
    result = EXPERIMENTS["masking_people"](Setting(), MaskingPeopleOptions(str(folder), draws=200))
    return result, [row["accuracy"] for row in result.rows("masking_people", masked=masked)]


@pytest.mark.parametrize("masked", [False, True])
def test_accuracies_of_people_are_found(masked, tmp_path):
    result, found = accuracies(write_trials(tmp_path), masked)
    assert np.allclose(found, np.array(RIGHT[masked]) / 10)
    assert np.isclose(result.claim("mask_costs_at_25_ms").value, 0.3)
    assert result.claim("mask_costs_at_25_ms").verdict == "holds"
    assert result.claim("mask_costs_at_150_ms").verdict == "fails"  # all people lose nothing


@pytest.mark.parametrize(("masked", "published"), [(False, UNMASKED), (True, MASKED)])
def test_published_accuracies_are_found(masked, published):
    _, found = accuracies(real("masking_tang2018"), masked)
    assert tuple(round(value, 3) for value in found) == published


def test_known_fits_are_found(tmp_path):
    result = EXPERIMENTS["challenge"](Setting(), ChallengeOptions(str(write_challenge(tmp_path)), draws=100))
    for group in ("all people", "without mask", "with mask"):
        rows = result.rows("challenge", people=group)
        assert np.allclose([row["fit"] for row in rows], [0.5, 0.7, 0.9])
        assert [row["rank"] for row in rows] == [3, 2, 1]
        assert np.isclose(result.claim("size_predicts_fit", group).value, 1.0)
        assert np.isclose(result.claim("ceiling_is_reached", group).value, 0.9 - 0.98)
        assert result.claim("ceiling_is_reached", group).verdict == "fails"


@pytest.mark.parametrize("gain", [0.2, -0.2])
def test_recurrence_beyond_size_is_found(gain, tmp_path):
    names = {"cornet_z": 6.0, "cornet_s": 6.5, "B_net_128": 7.0, "BL_net_128": 7.2, "vgg16_bn": 8.0, "FBnet": 7.8}
    names |= {"bd": 6.2, "BT_net_128": 7.4}  # of fewer, too many samples hold recurrent networks alone, or none
    recurrent = ("cornet_s", "BL_net_128", "FBnet", "BT_net_128")
    fits = {name: (10**size, 0.05 * size + 0.2 + gain * (name in recurrent)) for name, size in names.items()}
    found = EXPERIMENTS["challenge"](
        Setting(), ChallengeOptions(str(write_challenge(tmp_path, challenge(fits))), draws=100)
    )
    claim = found.claim("recurrence_predicts_fit", "all people")
    assert np.isclose(claim.value, np.sign(gain), atol=1e-3)
    assert claim.verdict == ("holds" if gain > 0 else "fails")


@pytest.mark.parametrize("group", ["all people", "without mask"])
def test_people_are_drawn_with_errors_over_people_and_not_over_trials(group, tmp_path):
    found = challenge()
    found["performance"] |= {f"sem {start}accuracy": [1e-4] * 17 for start in ("", "mask ", "no mask ")}
    data = read_challenge(write_challenge(tmp_path, found))
    drawn = draw_people(data, group, 2000, np.random.default_rng(0))
    over_people = np.nanstd(data.accuracy, 0, ddof=1) / np.sqrt(109)
    assert np.allclose(drawn.std(0), over_people, rtol=0.1)  # 1e-3, ten times what is stored


def test_a_partial_correlation_takes_the_line_away():
    size = np.arange(6.0)
    recurrent = np.array([0.0, 1, 0, 1, 1, 0])
    assert np.isnan(partial_correlation(3 * size + 1, recurrent, size))
    assert np.isclose(partial_correlation(3 * size - 2 * recurrent, recurrent, size), -1)


def test_a_network_that_nobody_knows_is_refused(tmp_path):
    folder = write_challenge(tmp_path, challenge({"cornet_z": (1e6, 0.5), "mynet": (1e7, 0.7)}))
    with pytest.raises(ValueError, match="whether 'mynet' is recurrent is not known"):
        EXPERIMENTS["challenge"](Setting(), ChallengeOptions(str(folder)))


@pytest.mark.parametrize("name", ["challenge", "masking_people"])
def test_files_are_needed_and_models_are_not(name):
    with pytest.raises(ValueError, match=r"people must name .* 20"):
        EXPERIMENTS[name](Setting())
    with pytest.raises(ValueError, match="measures stored answers; leave out 'net'"):
        EXPERIMENTS[name].check({"net": None})
