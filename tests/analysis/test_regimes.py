"""Regimes of networks built by hand, whose regime is known."""

import math

import pytest
import torch

from cordsnet import AreaSpec, ConnectionSpec, NetworkSpec, StemSpec, create_model
from cordsnet.analysis import Regime, RegimeSettings, classify_regime
from cordsnet.dynamics import Activation
from cordsnet.models import CordsNet, build
from oracles import DELAYS, random_images, randomised

SIDE = 3
POINT = StemSpec(channels=2, kernel=1, stride=1, pool_kernel=1, pool_stride=1)
FAST = RegimeSettings(max_durations=30)


def set_kernel(module, weight):
    """A weight-normalised point kernel, or the centre of a larger one: exactly `weight` [out, in]."""
    weight = torch.as_tensor(weight, dtype=torch.float64)
    state = module.parametrizations.weight
    direction = torch.zeros_like(state.original1)
    middle = tuple(n // 2 for n in direction.shape[2:])
    direction[(slice(None), slice(None), *middle)] = weight
    norm = weight.norm(dim=1)
    direction[(norm == 0, slice(None), *middle)] = 1.0  # a direction must have a length; its gain is zero
    state.original0.copy_(norm.reshape(state.original0.shape))
    state.original1.copy_(direction)


@torch.no_grad()
def one_area(recurrent, feed, bias=None, readout=None, kernel=1) -> CordsNet:
    """Channels coupled by the matrix `recurrent` at every pixel, fed by an image of two channels through `feed`."""
    channels = len(recurrent)
    spec = NetworkSpec(
        "by_hand",
        POINT,
        (AreaSpec("area1", channels, kernel=1, recurrent_kernel=kernel),),
        (ConnectionSpec("stem", "area1"),),
        readout=("area1",),
        in_channels=2,
        image_size=(SIDE, SIDE),
        num_classes=2,
    )
    model = build(spec, 0).double()
    set_kernel(model.wiring.stem, torch.eye(2))
    set_kernel(model.wiring.feedforward["area1"], feed)
    set_kernel(model.wiring.recurrent["area1"], recurrent)
    model.bias["area1"].copy_(torch.tensor(bias or [0.0] * channels).reshape(-1, 1, 1).expand(channels, SIDE, SIDE))
    set_kernel(model.wiring.readout, torch.eye(2, channels) if readout is None else readout)
    return model


def images(count=4) -> torch.Tensor:
    """Images of two channels; half of them are brighter in the first, half in the second."""
    generator = torch.Generator().manual_seed(3)
    made = torch.rand(count, 2, SIDE, SIDE, generator=generator, dtype=torch.float64)
    made[: count // 2, 0] += 0.5
    made[count // 2 :, 1] += 0.5
    return made


LABELS = torch.tensor([0, 0, 1, 1])


def regime_of(model, settings=FAST):
    return classify_regime(model, images(), LABELS, settings)


@pytest.mark.parametrize("gain", [0.0, 0.5, 0.9])
def test_weak_recurrence_is_monostable(gain):
    report = regime_of(one_area(gain * torch.eye(2), torch.eye(2)))
    assert report.regime is Regime.MONOSTABLE
    assert report.evidence.image_distance < 1e-3
    assert report.evidence.blank_distance < 1e-3
    assert report.evidence.elsewhere == report.evidence.lost_answers == 0
    assert report.evidence.trained_accuracy == report.evidence.late_accuracy == 1


@pytest.mark.parametrize("gain", [1.0, 1.002, 1.2, 3.0])
def test_a_gain_of_one_or_more_is_unstable(gain):
    report = regime_of(one_area(gain * torch.eye(2), torch.eye(2)))
    assert report.regime is Regime.UNSTABLE


def test_the_time_of_divergence_is_reported():
    evidence = regime_of(one_area(3.0 * torch.eye(2), torch.eye(2))).evidence
    assert 0 < evidence.diverged_ms <= 5000
    assert math.isnan(evidence.blank_distance)


@pytest.mark.parametrize("gain", [0.97, 0.99, 0.9995])
def test_a_slow_mode_is_not_another_attractor(gain):
    """Time constants of 333 ms to 20 s: each image has one attractor, and baseline is regained in the end."""
    report = regime_of(one_area(gain * torch.eye(2), torch.eye(2)), RegimeSettings())
    assert report.regime is Regime.MONOSTABLE
    assert report.evidence.elsewhere == 0


def test_drift_of_a_slow_network_is_reported():
    evidence = regime_of(one_area(0.97 * torch.eye(2), torch.eye(2)), RegimeSettings()).evidence
    late, early = (1 - math.exp(-ms / (10 / 0.03)) for ms in (2000.0, 200.0))
    assert evidence.drift == pytest.approx((late - early) / late, rel=0.02)


def mutual_inhibition(own, across):
    return torch.tensor([[own, -across], [-across, own]])


def test_mutual_inhibition_is_multistable():
    """Two channels that each shut the other off and hold themselves below a gain of one: whichever leads, stays."""
    model = one_area(mutual_inhibition(0.5, 2.0), 0.1 * torch.eye(2), bias=[1.0, 1.0])
    report = regime_of(model)
    assert report.regime is Regime.MULTISTABLE
    assert report.evidence.blank_distance > 0.1
    assert report.evidence.elsewhere > 0.1


def test_weak_mutual_inhibition_is_monostable():
    report = regime_of(one_area(mutual_inhibition(0.2, 0.6), torch.eye(2), bias=[1.0, 1.0]))
    assert report.regime is Regime.MONOSTABLE


def test_two_wells_under_an_image_alone_are_multistable():
    """Below threshold at rest, where all is silent; an image lifts both channels into their competition."""
    model = one_area(mutual_inhibition(0.5, 2.0), 0.1 * torch.eye(2) + 2.0, bias=[-1.0, -1.0])
    report = regime_of(model)
    assert report.regime is Regime.MULTISTABLE
    assert report.evidence.blank_distance < 1e-6
    assert report.evidence.image_distance > 0.1


def test_an_image_that_persists_after_offset_is_multistable():
    """A channel that holds itself once it is up, kept within bounds by an inhibitory one that follows it."""
    recurrent = [[1.2, -1.0], [1.0, 0.0]]  # r = (1.2 r - s - 0.1)+, s = (r - 1)+: at rest at r = 0 and r = 1.125
    report = regime_of(one_area(recurrent, [[0.5, 0.5], [0.0, 0.0]], bias=[-0.1, -1.0]))
    assert report.regime is Regime.MULTISTABLE
    assert report.evidence.blank_distance > 0.1


def test_a_lost_answer_is_transient():
    """A fast channel of the image answers; a slow one that inhibits the readout of its class takes the answer back."""
    recurrent, feed = torch.diag(torch.tensor([0.0, 0.0, 0.97, 0.97])), [[1, 0], [0, 1], [0.05, 0], [0, 0.05]]
    readout = [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]]
    model = one_area(recurrent, feed, readout=readout)
    report = regime_of(model)
    assert report.regime is Regime.TRANSIENT
    assert report.evidence.trained_accuracy == 1
    assert report.evidence.late_accuracy == 0
    assert report.evidence.lost_answers == 1
    assert classify_regime(model, images(), settings=FAST).regime is Regime.TRANSIENT


def test_answers_that_come_late_are_not_transient():
    """The same network trained to give the answers that it gives in the end: slow, and right when it is at rest."""
    recurrent, feed = torch.diag(torch.tensor([0.0, 0.0, 0.97, 0.97])), [[1, 0], [0, 1], [0.05, 0], [0, 0.05]]
    readout = [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]]
    report = classify_regime(one_area(recurrent, feed, readout=readout), images(), 1 - LABELS, FAST)
    assert report.regime is Regime.MONOSTABLE
    assert report.evidence.late_accuracy > report.evidence.trained_accuracy


def test_transient_amplification_is_monostable():
    """A chain whose Jacobian has the eigenvalue -0.5 alone amplifies fiftyfold on the way to rest."""
    recurrent = torch.diag(torch.full((4,), 0.5)) + torch.diag(torch.full((3,), 4.0), -1)
    feed = [[1.0, 0.5], [0, 0], [0, 0], [0, 0]]
    report = regime_of(one_area(recurrent, feed, readout=[[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    assert report.regime is Regime.MONOSTABLE
    assert report.evidence.response > 50


def ring_of_three(strength):
    """Each channel inhibits the next. Eigenvalues of the drive: -strength times the cube roots of one."""
    return one_area(-strength * torch.eye(3).roll(1, 0), [[1.0, 0.2], [0.2, 1.0], [0.6, 0.6]], bias=[1.0] * 3)


def euler_radius(strength):
    """Largest multiplier of one Euler step of 0.2 around the fixed point at which all three are active."""
    roots = [complex(math.cos(a), math.sin(a)) for a in (0, 2 * math.pi / 3, -2 * math.pi / 3)]
    return max(abs(1 + 0.2 * (-strength * root - 1)) for root in roots)


def test_a_damped_ring_is_monostable():
    assert euler_radius(1.3) < 1
    assert regime_of(ring_of_three(1.3)).regime is Regime.MONOSTABLE


def test_an_undamped_ring_is_oscillatory():
    assert euler_radius(3.0) > 1
    report = regime_of(ring_of_three(3.0))
    assert report.regime is Regime.OSCILLATORY
    assert report.evidence.speed > 0.1


@pytest.mark.parametrize(("gain", "regime"), [(0.8, Regime.MONOSTABLE), (1.1, Regime.UNSTABLE)])
def test_the_centre_of_a_larger_kernel_in_a_model_of_the_table(gain, regime):
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=2, seed=1)
    with torch.no_grad():
        for kernel in model.wiring.recurrent.values():
            set_kernel(kernel, gain * torch.eye(2))
        for bias in model.bias.values():
            bias.fill_(0.1)
    shown = random_images(model.spec, batch=3).float()
    assert classify_regime(model, shown, settings=FAST).regime is regime


def test_an_area_with_small_rates_counts():
    """Two areas, the upper with rates a hundred times smaller; its two wells are found all the same."""
    areas = tuple(AreaSpec(name, 2, kernel=1, recurrent_kernel=1) for name in ("low", "high"))
    links = (ConnectionSpec("stem", "low"), ConnectionSpec("low", "high"))
    spec = NetworkSpec("two", POINT, areas, links, ("high",), in_channels=2, image_size=(SIDE, SIDE), num_classes=2)
    model = build(spec, 0).double()
    with torch.no_grad():
        set_kernel(model.wiring.stem, torch.eye(2))
        set_kernel(model.wiring.feedforward["low"], torch.eye(2))
        set_kernel(model.wiring.recurrent["low"], torch.zeros(2, 2))
        set_kernel(model.wiring.feedforward["high"], 0.002 * torch.eye(2))
        set_kernel(model.wiring.recurrent["high"], mutual_inhibition(0.5, 2.0))
        model.bias["high"].fill_(0.01)
    assert regime_of(model).regime is Regime.MULTISTABLE


def test_a_silent_network_is_monostable():
    report = regime_of(one_area(torch.zeros(2, 2), torch.zeros(2, 2)))
    assert report.regime is Regime.MONOSTABLE
    assert report.evidence.trained_accuracy == 0.5


def test_a_network_with_a_delayed_stem_is_probed():
    model = randomised(DELAYS)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("original0") and ("recurrent" in name or "links" in name):
                parameter.mul_(0.15)
    settings = RegimeSettings(image_ms=40.0, holds=2, max_durations=8)
    assert classify_regime(model, random_images(DELAYS, 3), None, settings).regime is Regime.MONOSTABLE


def test_the_row_of_a_table_holds_regime_and_evidence():
    row = regime_of(one_area(0.5 * torch.eye(2), torch.eye(2))).row()
    assert row["regime"] == "monostable"
    assert row["images"] == 4
    assert row["elsewhere"] == 0.0


def test_the_same_seed_gives_the_same_evidence():
    model = one_area(mutual_inhibition(0.5, 2.0), 0.1 * torch.eye(2), bias=[1.0, 1.0])
    assert regime_of(model).evidence.elsewhere == regime_of(model).evidence.elsewhere


@pytest.mark.usefixtures("as_users_run_it")
def test_bad_arguments_are_named_in_the_error():
    model = one_area(0.5 * torch.eye(2), torch.eye(2))
    with pytest.raises(TypeError, match="model must be a dynamical model, got int"):
        classify_regime(3, images())
    with pytest.raises(ValueError, match="images must be at least two"):
        classify_regime(model, images()[:1])
    with pytest.raises(ValueError, match="labels must be as many as images, got 3 for 4"):
        classify_regime(model, images(), LABELS[:3])
    with pytest.raises(ValueError, match="image_ms = 201 ms"):
        classify_regime(model, images(), settings=RegimeSettings(image_ms=201.0))
    with pytest.raises(ValueError, match="noise must be a finite number above 0"):
        RegimeSettings(noise=0.0)
    with pytest.raises(ValueError, match="max_durations"):
        RegimeSettings(max_durations=2)
    with pytest.raises(ValueError, match="divergence_durations must be at least 2"):
        RegimeSettings(divergence_durations=1)


def random_channels(gain, channels=60, seed=1):
    """Channels with random weights and a saturating phi (Sompolinsky, Crisanti & Sommers 1988), each pixel alone."""
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(channels, channels, generator=draw, dtype=torch.float64) * gain / math.sqrt(channels)
    model = one_area(weights, 0.1 * torch.rand(channels, 2, generator=draw))
    model.activation = Activation("tanh")
    return model


@pytest.mark.parametrize(("gain", "regime"), [(0.6, Regime.MONOSTABLE), (4.0, Regime.CHAOTIC)])
def test_random_channels_below_and_above_the_onset_of_chaos(gain, regime):
    report = regime_of(random_channels(gain), RegimeSettings(max_durations=8, divergence_durations=20))
    assert report.regime is regime
    if regime is Regime.CHAOTIC:
        assert report.evidence.exponent > 3 * report.evidence.exponent_error > 0
        assert report.row()["regime"] == "chaotic"


def test_an_oscillation_has_an_exponent_near_zero():
    evidence = regime_of(ring_of_three(3.0)).evidence
    assert abs(evidence.exponent) * 10_000 < FAST.min_log_growth
    assert evidence.exponent_error >= 0
    assert math.isnan(regime_of(one_area(0.5 * torch.eye(2), torch.eye(2))).evidence.exponent)
