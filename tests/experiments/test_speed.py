"""Times to settle and slowest modes of networks in which both have a closed form."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels
from scipy import stats

import cordsnet
from cordsnet.analysis import jacobian
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.settling import Mode, record_settling, slowest_mode
from cordsnet.experiments.effects.speed import Measures, SpeedOptions
from cordsnet.experiments.intervals import rank_correlation

GAIN = 0.8
SHORT = SpeedOptions(trials=8, hold_ms=700.0)


@pytest.fixture(scope="module")
def slow_channel():
    """A network whose first channel excites itself: 10 ms / (1 - 0.8) where it is lit, and 10 ms elsewhere."""
    model, _ = leaky_readers()
    kernel = torch.zeros(2, 2, 3, 3)
    kernel[0, 0, 1, 1] = GAIN
    kernel[1, 1, 1, 1] = 1e-6  # norms of kernels are not zero
    with torch.no_grad():
        for recurrent in model.wiring.recurrent.values():
            recurrent.weight = kernel
    return model, EXPERIMENTS["speed"](Setting({"net": model}, lit_channels()), SHORT)


def test_modes_of_lit_channels_have_their_closed_form(slow_channel):
    _, result = slow_channel
    for row in result.rows("images"):
        assert row["decay_ms"] == pytest.approx(10 / (1 - GAIN) if row["class"] == 0 else 10.0, rel=1e-3)
    assert [row["note"][:24] for row in result.rows("notes")] == ["pixels of its images are"]


def test_the_time_to_settle_has_its_closed_form(slow_channel):
    """Of two leaks of the same rate a, the upper one is a^n (1 + n (1 - a) / a) away after n steps."""
    _, result = slow_channel
    steps = np.arange(201)
    for label, leak in ((1, 0.8), (0, 1 - 0.2 * (1 - GAIN))):
        away = leak**steps * (1 + steps * (1 - leak) / leak)
        expected = 2.0 * np.interp(-0.05, -away, steps)
        (found,) = {round(float(row["settle_ms"]), 2) for row in result.rows("images", **{"class": label})}
        assert found == pytest.approx(expected, abs=0.1)


def test_near_the_fixed_point_the_slowest_mode_is_left(slow_channel):
    """Two equal leaks in a row fall a little slower than one, and ever less so."""
    _, result = slow_channel
    for row in result.rows("images", **{"class": 1}):
        assert 10.0 < row["tail_ms"] < 13.0
    assert result.claim("tail_follows_mode").value == pytest.approx(1.0)


def test_slow_images_are_found_and_an_answer_that_is_there_at_once(slow_channel):
    _, result = slow_channel
    assert result.claim("slow_modes_settle_late").value == pytest.approx(1.0)
    assert result.claim("slow_modes_settle_late").verdict == "holds"
    assert result.claim("answer_before_rest").verdict == "holds"


def test_shuffled_modes_predict_nothing(slow_channel):
    model, _ = slow_channel
    settling = record_settling(model, lit_channels().images, 400.0)
    rng = np.random.default_rng(0)
    modes = tuple(Mode(float(decay), 0.0, {}) for decay in rng.permutation([10.0, 50.0] * 10))
    found = Measures(settling.settle_ms(0.05), settling.decide_ms(), settling.tail_ms(), modes).claims()[
        "slow_modes_settle_late"
    ]
    assert found.interval[0] < 0 < found.interval[1]


def test_the_order_of_models_changes_nothing(slow_channel):
    model, _ = slow_channel
    other, _ = leaky_readers(bias=0.2)
    few = SpeedOptions(trials=3, hold_ms=100.0)
    results = [
        EXPERIMENTS["speed"](Setting(models, lit_channels()), few)
        for models in ({"a": model, "b": other}, {"b": other, "a": model})
    ]
    for table in results[0].tables:
        for label in "ab":
            assert results[0].rows(table, model=label) == results[1].rows(table, model=label)


def test_a_network_that_has_not_settled_is_left_out_with_a_note(slow_channel):
    model, _ = slow_channel
    result = EXPERIMENTS["speed"](Setting({"net": model}, lit_channels()), SpeedOptions(trials=4, hold_ms=40.0))
    said = "left out, 4 of 4 images: not within 5 % of the fixed point after 40 ms"
    assert any(said in row["note"] for row in result.rows("notes"))
    assert {claim.value for claim in result.claims if claim.name != "slow_modes_decide_late"} == {None}


def test_a_mode_that_grows_is_infinite_and_left_out(slow_channel):
    model, _ = leaky_readers(bias=0.5)
    kernel = torch.zeros(2, 2, 3, 3)
    kernel[0, 0, 1, 1] = kernel[1, 1, 1, 1] = 1.2
    with torch.no_grad():
        model.wiring.recurrent["area1"].weight = kernel
    rates = {area: torch.ones(1, *shape) for area, shape in model.shapes.items()}
    mode = slowest_mode(model, lit_channels().images[:1], rates)
    assert mode.decay_ms == np.inf
    assert Measures(*np.full((3, 1), 5.0), (mode,)).growing == 1


def test_modes_of_a_network_of_steps_are_those_of_its_map():
    model = cordsnet.create_model("dtcnn_r2_small", in_channels=1, num_classes=3, image_size=8, width=2).eval()
    image = torch.rand(1, 1, 8, 8)
    rates = {area: torch.ones(1, *shape) for area, shape in model.shapes.items()}
    mode = slowest_mode(model, image, rates, tol=1e-6)
    for area, decay in mode.by_area.items():
        matrix = jacobian(model, rates, image, area).to_dense().double()
        size = float(torch.linalg.eigvals(matrix).abs().max())
        assert decay == pytest.approx(np.inf if size >= 1 else -model.dt_ms / np.log(size), rel=1e-2)


def test_models_without_a_rate_equation_are_refused():
    model = cordsnet.create_model("convlstm_small", in_channels=2, num_classes=2, image_size=8)
    with pytest.raises(ValueError, match="no rate equation"):
        EXPERIMENTS["speed"](Setting({"net": model}, lit_channels()), SHORT)


def test_rank_correlations_see_order_alone_and_cover_zero():
    first, rng = np.arange(20.0), np.random.default_rng(1)
    assert rank_correlation(first, first**3).value == pytest.approx(1.0)
    assert rank_correlation(first, -np.exp(first)).value == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(first, np.ones(20)).value)
    tied = rng.integers(0, 4, size=(2, 25)).astype(float)
    assert rank_correlation(*tied).value == pytest.approx(stats.spearmanr(*tied).statistic)
    gaps = np.where(first < 18, np.nan, first)
    assert (np.isnan(rank_correlation(gaps, first).value), rank_correlation(gaps, first).n) == (True, 2)
    drawn = [rank_correlation(*rng.normal(size=(2, 30)), seed=k).interval for k in range(100)]
    assert np.mean([low <= 0 <= high for low, high in drawn]) >= 0.88


def test_bad_options_are_refused():
    for wrong in ({"trials": 0}, {"hold_ms": 0.0}, {"share": 1.0}, {"tol": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SpeedOptions(**wrong)
