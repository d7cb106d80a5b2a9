"""Measurements of behaviour on networks whose behaviour is known."""

import pytest
import torch

import cordsnet
from cordsnet.data import Split
from cordsnet.experiments.behaviour import (
    TimeCourse,
    half_rise_ms,
    noise_curve,
    other_class,
    second_image_drop,
    time_course,
)
from cordsnet.models import CNN, build, fold


def leaky_readers(bias: float = 0.0) -> tuple[cordsnet.CordsNet, CNN]:
    """A network without recurrence whose classes are two input channels, and the CNN that reads the same way."""
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=2, num_classes=2, image_size=8, width=2)
    cnn = build(model.spec, kind=CNN)
    delta = torch.zeros(2, 2, 3, 3)
    delta[0, 0, 1, 1] = delta[1, 1, 1, 1] = 1.0
    with torch.no_grad():
        for wiring in (model.wiring, cnn.wiring):
            for kernel in (wiring.stem, *wiring.feedforward.values(), *wiring.recurrent.values()):
                kernel.weight = delta
            for link in wiring.links.values():
                link.parametrizations.weight.original0.zero_()
            wiring.readout.weight = torch.eye(2)
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.zero_()
        for value in model.bias.values():
            value.fill_(bias)
    return model.eval(), fold(cnn.eval())


@pytest.fixture
def split():
    """Images whose class is the channel that is lit."""
    labels = torch.arange(20) % 2
    images = torch.zeros(20, 2, 8, 8)
    images[torch.arange(20), labels] = 1.0
    return Split(images, labels)


def test_a_leaky_network_holds_reads_again_and_returns(split):
    model, _ = leaky_readers()
    course = time_course(model, split, hold_ms=400, blank_ms=100, second_ms=200)
    assert course.hold_drop(200) == 0
    assert course.at(course.first, 400) == 1
    assert course.at(course.second, 700) == 1
    assert course.at(course.first, 700) == 0
    assert second_image_drop(model, split) == 0
    assert second_image_drop(model, split, gap_ms=0) == 0


def test_the_distance_to_baseline_of_a_leak_follows_its_closed_form(split):
    """area2 is driven by area1, so after n steps of leak a: area1 is (1-a)^n and area2 (1-a)^n (1 + n a / (1-a))."""
    model, _ = leaky_readers()
    course = time_course(model, split, hold_ms=1000, blank_ms=100, second_ms=20)
    one = model.initial_state(1)
    steady = cordsnet.simulate(model, cordsnet.show(split.images[:1], 1000), record="all").rates
    first, second = steady["area1"][-1], steady["area2"][-1]
    for n in (5, 20, 50):
        leak = 0.8**n
        area1, area2 = leak * first, leak * (second + n * 0.25 * first)
        expected = (
            torch.cat([area1.flatten(), area2.flatten()]).norm() / torch.cat([first.flatten(), second.flatten()]).norm()
        )
        assert course.at(course.distance, 1000 + 2 * n) == pytest.approx(float(expected), rel=1e-4)
    assert one.batch == 1


def test_upper_areas_rise_later(split):
    model, _ = leaky_readers()
    course = time_course(model, split, hold_ms=200, blank_ms=20, second_ms=20)
    rise = half_rise_ms(course)
    # a leak covers 1 - 0.8**5 by the first recorded time, 10 ms, and between recorded times values are interpolated
    assert rise["area1"] == pytest.approx(10 * 0.5 / (1 - 0.8**5), rel=1e-3)
    assert rise["area1"] < rise["area2"]


def test_averaging_noise_over_time_beats_one_frame(split):
    model, cnn = leaky_readers(bias=0.5)
    curve = noise_curve(model, cnn, split, sigmas=(0.0, 8.0))
    assert curve.cordsnet[0] == curve.cnn[0] == curve.cnn_averaged[0] == 1
    assert curve.cordsnet[1] > curve.cnn[1]
    assert curve.cnn_averaged[1] > curve.cnn[1]


def test_every_image_is_paired_once_with_one_of_another_class():
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    images = torch.arange(8.0).reshape(8, 1, 1, 1)
    paired = other_class(Split(images, labels))
    assert bool((paired.labels != labels).all())
    assert sorted(paired.images.flatten().tolist()) == list(range(8))
    assert bool((labels[paired.images.flatten().long()] == paired.labels).all())


def test_a_set_of_mostly_one_class_cannot_be_paired():
    with pytest.raises(ValueError, match="more than half"):
        other_class(Split(torch.zeros(3, 1, 1, 1), torch.tensor([0, 0, 1])))


def test_hold_drop_is_the_worst_fall_after_the_trained_time():
    time = torch.arange(10.0, 101.0, 10.0)
    first = torch.tensor([0.1, 0.9, 0.8, 0.7, 0.9, 0.95, 0.2, 0.1, 0.1, 0.1])
    course = TimeCourse(time, first, first, {}, first, offset_ms=60.0, second_onset_ms=80.0)
    assert course.hold_drop(20.0) == pytest.approx(0.2)
