"""Mixtures of images: lines, switches, oscillations, loops and alternation whose answers are known."""

import dataclasses

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

import cordsnet
from cordsnet.data import Split
from cordsnet.errors import ArgumentError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.ambiguity import MixturesOptions
from cordsnet.experiments.effects.dominance import dominance, gamma_fit
from cordsnet.experiments.effects.hysteresis import Loop, sweep, without_lag
from cordsnet.experiments.effects.mixture_states import Mixed, first_axis, on_line, settle_mixtures, switch_of
from cordsnet.experiments.effects.mixtures import _rest
from cordsnet.experiments.effects.oscillation import LEAST, judge, judge_hold
from cordsnet.experiments.pairs import disjoint_pairs

SHARES = np.linspace(0.0, 1.0, 11)
SHORT = MixturesOptions(
    trials=20, levels=5, image_ms=120.0, hold_ms=256.0, window_ms=128.0, sweep_ms=(300.0, 600.0), frames=150,
    dominance_ms=60.0, sigma=0.0,
)  # fmt: skip
STEPS, DT = np.arange(200), 2.0


def wave(frequency_hz: float, decay_ms: float = np.inf) -> np.ndarray:
    """Rates [T, 1, 3] that turn in a plane about a point far from zero."""
    time = STEPS * DT
    angle = 2 * np.pi * frequency_hz * time / 1e3
    size = np.exp(-time / decay_ms)
    return np.stack([5 + size * np.cos(angle), 5 + size * np.sin(angle), np.full(len(time), 5.0)], 1)[:, None]


def one(rates: np.ndarray, response: float = 10.0, rounding: float = 1e-7):
    found = judge(rates, DT, np.array([response]), rounding)
    return found.verdict[0], found


@pytest.fixture(scope="module")
def linear():
    """A network whose areas are linear for these images, so that mixtures settle in proportion."""
    model, _ = leaky_readers(bias=0.5)
    return model, EXPERIMENTS["mixtures"](Setting({"net": model}, lit_channels()), SHORT)


def test_a_linear_network_settles_in_proportion_and_has_no_hysteresis(linear):
    _, result = linear
    rows = result.rows("line", of="rates")
    assert [row["value"] for row in rows] == pytest.approx([row["mixture"] for row in rows], abs=1e-5)
    assert all(row["value"] < 1e-5 for row in result.rows("line", of="distance"))
    assert [row["steepness"] for row in result.rows("switch")] == pytest.approx([1.0, 1.0], abs=1e-4)
    verdicts = {claim.name: claim.verdict for claim in result.claims}
    assert verdicts["settles_between"] == verdicts["near_line"] == verdicts["one_axis"] == "holds"
    assert verdicts["categorical"] == verdicts["hysteresis"] == "fails"
    assert verdicts["sweep_lag"] == "holds"
    assert (result.claim("no_oscillation").value, result.claim("alternates").value) == (0, None)  # without noise
    assert any("sigma is 0" in row["note"] for row in result.rows("notes"))


def test_the_lag_of_a_linear_network_has_its_closed_form(linear):
    """In steps of 2 ms, areas of 10 ms follow a ramp 9 and 19 ms behind; scores are read from both, 14 ms behind."""
    _, result = linear
    for row in result.rows("hysteresis")[:2]:
        assert row["width"] == pytest.approx(2 * 14.0 / row["sweep_ms"], rel=0.01)
    assert result.rows("hysteresis")[2]["width"] == pytest.approx(0.0, abs=2e-3)


def test_without_noise_nothing_alternates_and_the_notes_say_so(linear):
    _, result = linear
    (row,) = result.rows("dominance")
    assert (row["switches"], row["durations"]) == (0, 0)
    assert not {"median_ms", "gamma_shape"} & set(row)
    assert any("no answer switched in 10 pairs" in row["note"] for row in result.rows("notes"))


def test_the_order_of_models_changes_nothing():
    quick = dataclasses.replace(SHORT, image_ms=20.0, sweep_ms=(40.0, 80.0), frames=10, sigma=1.0)
    models = {label: leaky_readers(bias)[0] for label, bias in (("a", 0.5), ("b", 0.2))}
    results = [
        EXPERIMENTS["mixtures"](Setting({label: models[label] for label in order}, lit_channels()), quick)
        for order in ("ab", "ba")
    ]
    for table in results[0].tables:
        for label in "ab":
            assert results[0].rows(table, model=label) == results[1].rows(table, model=label)


def test_images_that_get_one_answer_have_no_switch():
    model, _ = leaky_readers()
    split = lit_channels()
    result = EXPERIMENTS["mixtures"](Setting({"net": model}, Split(split.images * 0 + 1.0, split.labels)), SHORT)
    assert {claim.value for claim in result.claims} == {None}
    assert any("10 of 10 pairs get one answer" in row["note"] for row in result.rows("notes"))


def test_where_states_settle_is_not_measured_before_they_have_settled(linear):
    """After 120 ms a network of 10 ms has settled; after 20 ms it has not, and is read on its way."""
    model, settled = linear
    quick = dataclasses.replace(SHORT, image_ms=20.0, sweep_ms=(40.0, 80.0), frames=10)
    moving = EXPERIMENTS["mixtures"](Setting({"net": model}, lit_channels()), quick)
    where = {"settles_between", "near_line", "one_axis"}
    assert {claim.value for claim in moving.claims if claim.name in where} == {None}
    assert moving.claim("categorical").value is not None
    said = "100 % of its states have not settled, more than 10 %"
    assert any(said in row["note"] for row in moving.rows("notes"))
    assert not any("have not settled" in row["note"] for row in settled.rows("notes"))
    assert all("more than 10 %" in claim.measure for claim in moving.claims if claim.name in where)


def test_states_of_pairs_that_differ_are_counted():
    moved = np.array([[0.0, 0.02, np.nan], [0.005, 0.0, np.nan]])
    mixed = Mixed(np.array([0.0, 1.0]), np.zeros((2, 3, 1)), np.zeros((2, 3, 2)), moved)
    assert mixed.unsettled == 0.25
    assert dataclasses.replace(mixed, moved=moved * np.nan).unsettled == 0.0


def test_static_models_are_refused_in_a_sentence():
    _, cnn = leaky_readers()
    with pytest.raises(ValueError, match="has no dynamics"):
        EXPERIMENTS["mixtures"](Setting({"cnn": cnn}, lit_channels()), SHORT)


def test_every_image_is_in_one_pair_of_two_classes():
    labels = torch.tensor([2, 0, 1, 0, 2, 1, 0])
    first, second = disjoint_pairs(Split(torch.arange(7.0).reshape(7, 1, 1, 1), labels))
    shown = [*first.images.flatten().tolist(), *second.images.flatten().tolist()]
    assert len(shown) == len(set(shown)) == 6
    assert bool((first.labels != second.labels).all())
    with pytest.raises(ValueError, match="more than half"):
        disjoint_pairs(Split(torch.zeros(4, 1, 1, 1), torch.tensor([0, 0, 0, 1])))
    with pytest.raises(ValueError, match="at least 2 images"):
        disjoint_pairs(Split(torch.zeros(1, 1, 1, 1), torch.tensor([0])))


def test_places_on_a_line_and_off_it():
    states = np.array([[[0.0, 0.0]], [[1.0, 2.0]], [[4.0, 0.0]]])
    coefficient, off = on_line(states)
    assert coefficient[:, 0].tolist() == [0.0, 0.25, 1.0]
    assert off[:, 0].tolist() == [0.0, 0.5, 0.0]
    assert np.isnan(on_line(np.ones((3, 1, 2)))[0]).all()


def test_the_first_axis_is_that_of_a_singular_value_decomposition():
    states = np.random.default_rng(0).normal(size=(7, 2, 40))
    share, cosine = first_axis(states)
    for pair in range(2):
        _, values, axes = np.linalg.svd(states[:, pair] - states[:, pair].mean(0))
        line = states[-1, pair] - states[0, pair]
        assert share[pair] == pytest.approx(values[0] ** 2 / (values**2).sum())
        assert cosine[pair] == pytest.approx(abs(axes[0] @ line) / np.linalg.norm(line))


@pytest.mark.parametrize(
    ("curve", "low", "high"),
    [
        (lambda m: m, 1.0, 1.0),
        (lambda m: 1 / (1 + np.exp(-20 * (m - 0.5))), 4.0, 20.0),
        (lambda m: (m > 0.33).astype(float), 2.0, 20.0),
        (lambda m: 1.5 * m / (m + 0.5), 0.0, 0.7),  # saturates
        (lambda m: m**3, 0.0, 0.9),
        (lambda m: m + 0.1 * np.sin(2 * np.pi * m), 0.0, 0.9),  # flat in the middle
    ],
)
def test_only_s_shaped_curves_are_steep(curve, low, high):
    ends = curve(np.array([0.0, 1.0]))
    curves = ((curve(SHARES) - ends[0]) / (ends[1] - ends[0]))[:, None]
    steepness = float(switch_of(curves, SHARES).steepness(np.ones((1, 1)))[0])
    assert low - 1e-9 <= steepness <= high + 1e-9


def test_straight_lines_that_differ_in_noise_are_not_categorical():
    noise = np.random.default_rng(0).normal(0, 0.03, (11, 200))
    noise[[0, -1]] = 0
    assert switch_of(SHARES[:, None] + noise, SHARES).steepness(np.ones((1, 200)))[0] < 1


def test_waves_that_last_oscillate():
    for hz in (10.0, 40.0, 250.0):  # the last one turns at every second step
        verdict, found = one(wave(hz))
        assert verdict == "oscillates"
        assert found.frequency_hz[0] == pytest.approx(hz, abs=2.6)
    assert one(wave(40.0))[1].amplitude[0] == pytest.approx(0.1, rel=0.02)


def test_waves_that_fade_drift_and_irregular_motion_are_undecided():
    drift = np.stack([5 + STEPS / 100, 5 - STEPS / 300], 1)[:, None]
    irregular = 5 + np.random.default_rng(0).normal(size=(200, 1, 3))
    slow = wave(1.0)
    for rates in (wave(40.0, decay_ms=300.0), drift, irregular, slow):
        assert one(rates)[0] == "undecided"


def test_rounding_and_rest_are_steady():
    rest = np.full((200, 1, 3), 5.0)
    assert one(rest)[0] == "steady"
    assert one(rest * 0, response=0.0)[0] == "steady"
    small = 5 + (wave(40.0) - 5) * LEAST
    assert one(small)[0] == "steady"
    # a response that is small beside the rates: what is seen may be rounding
    assert one(small, response=0.01, rounding=1e-3)[0] == "steady"
    assert one(small, response=0.01, rounding=1e-7)[0] == "oscillates"


def test_a_network_that_oscillates_is_found_and_one_that_does_not_is_not():
    """The first channel excites the second, which inhibits it; ReLU bounds the wave that this makes."""
    model, _ = leaky_readers(bias=3.0)
    images = lit_channels().images[:3]
    assert judge_hold(model, images, 400.0, 128.0).verdict == ("steady",) * 3
    turning = torch.zeros(2, 2, 3, 3)
    turning[0, 0, 1, 1] = turning[1, 1, 1, 1] = 0.9
    turning[0, 1, 1, 1], turning[1, 0, 1, 1] = -1.5, 1.5
    with torch.no_grad():
        model.wiring.recurrent["area2"].weight = turning
        model.bias["area2"][0], model.bias["area2"][1] = 5.0, -6.0
    found = judge_hold(model, images, 1000.0, 400.0)
    assert found.verdict == ("oscillates",) * 3
    assert (found.frequency_hz > 5).all()


def ramp(up: float, down: float, sweep_ms: float) -> Loop:
    shares = np.linspace(0.01, 1, 100)
    return Loop(sweep_ms, shares, (shares - up)[:, None], (1 - shares - down)[:, None])


def test_lag_vanishes_with_slow_sweeps_and_hysteresis_stays():
    lagging = [ramp(0.5 + 20 / ms, 0.5 - 20 / ms, ms) for ms in (400.0, 800.0)]
    assert lagging[0].width[0] == pytest.approx(0.1)
    assert without_lag(*lagging)[0] == pytest.approx(0.0, abs=1e-9)
    stuck = [ramp(0.6 + 20 / ms, 0.4 - 20 / ms, ms) for ms in (400.0, 800.0)]
    assert without_lag(*stuck)[0] == pytest.approx(0.2)
    never = ramp(2.0, -1.0, 400.0)
    assert np.isnan([never.switch_up[0], never.switch_down[0], without_lag(lagging[0], never)[0]]).all()
    assert never.unswitched == 1


def test_pairs_that_never_switch_leave_the_interval_open():
    known = _rest(np.full(20, 0.0), 0)
    assert known.interval == (0.0, 0.0)
    opened = _rest(np.where(np.arange(20) < 10, np.nan, 0.0), 0)
    assert opened.value == 0.0
    assert opened.interval[0] == 0.0
    assert opened.interval[1] > 0.5
    assert np.isnan(_rest(np.full(3, np.nan), 0).value)


def test_a_network_with_two_attractors_has_hysteresis_at_any_speed():
    """Two channels that inhibit each other and excite themselves keep the answer beyond equal parts."""
    model, _ = leaky_readers()
    rivals = torch.zeros(2, 2, 3, 3)
    rivals[0, 0, 1, 1] = rivals[1, 1, 1, 1] = 0.5
    rivals[0, 1, 1, 1] = rivals[1, 0, 1, 1] = -0.8
    with torch.no_grad():
        for area in ("area1", "area2"):
            model.wiring.recurrent[area].weight = rivals
    first, second = disjoint_pairs(lit_channels())
    answers = (np.zeros(2, dtype=int), np.ones(2, dtype=int))
    loops = [sweep(model, first.images[:2], second.images[:2], answers, 200.0, ms, 50) for ms in (600.0, 1200.0)]
    assert (without_lag(*loops) > 0.1).all()


def test_dominance_needs_a_margin_and_cuts_the_ends():
    times = np.arange(10.0)
    hovering = np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1])
    assert dominance(hovering, times, 1.0, -1.0).switches == 0
    rival = np.array([2.0, 0, 2, -2, 0, -2, 2, 2, -2, 0])
    found = dominance(rival, times, 1.0, -1.0)
    assert (found.switches, found.durations_ms) == (3, (3.0, 2.0))
    with pytest.raises(ArgumentError, match="high is above low"):
        dominance(rival, times, 0.0, 0.0)


def test_a_gamma_distribution_is_found_again_and_few_durations_are_refused():
    drawn = np.random.default_rng(0).gamma(3.0, 100.0, 4000)
    assert gamma_fit(drawn) == pytest.approx((3.0, 100.0), rel=0.1)
    with pytest.raises(ArgumentError, match="needs 30"):
        gamma_fit(drawn[:29])


def test_bad_options_and_inputs_are_refused():
    for wrong, said in (
        ({"levels": 4}, "odd"),
        ({"sweep_ms": (400.0, 400.0)}, "sweep_ms"),
        ({"sigma": -1.0}, "sigma"),
        ({"trials": 1}, "trials"),
        ({"hold_ms": 0.0}, "hold_ms"),
    ):
        with pytest.raises(ValueError, match=said):
            MixturesOptions(**wrong)
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=2, image_size=8, width=2)
    image = torch.rand(1, 1, 8, 8)
    with pytest.raises(ArgumentError, match="rise from 0 to 1"):
        settle_mixtures(model, image, image, [0.0, 0.5], 20.0)
    with pytest.raises(ArgumentError, match="two steps"):
        settle_mixtures(model, image, image, [0.0, 1.0], 2.0)
    with pytest.raises(ArgumentError, match="at least 64 steps"):
        judge(np.zeros((10, 1, 2)), 2.0, np.ones(1))
