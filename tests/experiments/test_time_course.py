"""The time course, the second image and noise, on networks whose behaviour is known."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

import cordsnet
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting, time_course
from cordsnet.experiments.course import Course
from cordsnet.experiments.noise import LAST, MEAN, NoiseOptions, common_frame_ms, noisy_hits
from cordsnet.experiments.pairs import other_class, some_of_each_class
from cordsnet.experiments.second_image import SecondImageOptions, read_both
from cordsnet.experiments.time_course import TimeCourseOptions, record_course
from cordsnet.report import write_result

ONCE = np.ones((1, 20))


def short(**times) -> TimeCourseOptions:
    return TimeCourseOptions(trials=20, examples=0, **times)


@pytest.fixture
def split():
    return lit_channels()


def test_a_leaky_network_holds_reads_again_and_returns(split):
    model, _ = leaky_readers()
    course = record_course(model, split, short(hold_ms=400, blank_ms=100, second_ms=200))
    assert course.hold_drop(ONCE, 200) == 0
    assert course.first[course.at(400)].all()
    assert course.second[course.at(700)].all()
    assert not course.first[course.at(700)].any()
    for gap_ms in (200.0, 0.0):
        assert bool(read_both(model, split, 200.0, gap_ms).all())


def test_the_distance_to_baseline_of_a_leak_follows_its_closed_form(split):
    """area2 is driven by area1, so after n steps of leak a: area1 is (1-a)^n and area2 (1-a)^n (1 + n a / (1-a))."""
    model, _ = leaky_readers()
    course = record_course(model, split, short(hold_ms=1000, blank_ms=100, second_ms=20))
    steady = cordsnet.simulate(model, cordsnet.show(split.images[:1], 1000), record="all").rates
    first, second = steady["area1"][-1], steady["area2"][-1]
    for n in (5, 20, 50):
        leak = 0.8**n
        area1, area2 = leak * first, leak * (second + n * 0.25 * first)
        response = torch.cat([first.flatten(), second.flatten()]).norm()
        expected = torch.cat([area1.flatten(), area2.flatten()]).norm() / response
        assert course.distance[course.at(1000 + 2 * n)].mean() == pytest.approx(float(expected), rel=1e-4)


def test_upper_areas_rise_later(split):
    model, _ = leaky_readers()
    course = record_course(model, split, short(hold_ms=200, blank_ms=20, second_ms=20))
    rise = {area: float(ms[0]) for area, ms in course.half_rise_ms(ONCE, 200.0).items()}
    # a leak covers 1 - 0.8**5 by the first recorded time, 10 ms, and between recorded times values are interpolated
    assert rise["area1"] == pytest.approx(10 * 0.5 / (1 - 0.8**5), rel=1e-3)
    assert course.least_lag(ONCE, 200.0)[0] == pytest.approx(rise["area2"] - rise["area1"])
    assert rise["area1"] < rise["area2"]


def test_averaging_noise_over_time_beats_one_frame(split):
    model, cnn = leaky_readers(bias=0.5)
    options = NoiseOptions(trials=20, sigmas=(0.0, 8.0))
    ours, theirs = (noisy_hits(one, split, options, 2.0, 0) for one in (model, cnn))
    assert ours[LAST][0].all()
    assert theirs[LAST][0].all()
    assert theirs[MEAN][0].all()
    assert ours[LAST][1].mean() > theirs[LAST][1].mean()
    assert theirs[MEAN][1].mean() > theirs[LAST][1].mean()


def test_noise_compares_every_dynamical_model_with_every_static_one(split):
    model, cnn = leaky_readers(bias=0.5)
    result = EXPERIMENTS["noise"].run(
        Setting({"net": model, "cnn": cnn}, split), NoiseOptions(trials=20, sigmas=(0.0, 8.0))
    )
    assert result.claim("beats_one_frame").subject == "net against cnn"
    assert result.claim("beats_one_frame").value > 0
    assert {row["kind"] for row in result.rows("noise", model="cnn")} == {"static"}
    assert result.meta["frame_ms"] == 2.0


def test_times_are_options_and_claims_are_about_every_model(split):
    model, _ = leaky_readers()
    options = TimeCourseOptions(
        trials=20, before_ms=20, trained_ms=100, hold_ms=400, blank_ms=200, second_ms=100, every_ms=20, examples=2,
        example_times_ms=(20.0, 120.0),
    )  # fmt: skip
    result = EXPERIMENTS["time_course"](Setting({"a": model, "b": model}, split), options)
    assert {claim.subject for claim in result.claims} == {"a", "b"}
    shown = [f"row {row}" for row in split.take(20).rows.tolist()]  # results name the images that were shown
    assert [result.meta["models"][label]["images"] for label in ("a", "b")] == [shown, shown]
    assert {claim.verdict for claim in result.claims if claim.name == "return"} == {"holds"}
    times = [row["time_ms"] for row in result.rows("course", model="a")]
    assert times == [0.0, *np.arange(20.0, 701.0, 20.0)]
    assert [row["distance"] for row in result.rows("course", model="a") if "distance" in row]
    maps = result.arrays["maps/a/area2"]
    assert maps.axes[0].values == (20.0, 120.0)
    assert maps.values.shape == (2, 2, *model.shapes["area2"][1:])
    second = EXPERIMENTS["second_image"](Setting({"a": model}, split), SecondImageOptions(trials=20))
    assert [row["drop"] for row in second.rows("second_image")] == [0.0, 0.0]


def test_frames_stay_for_whole_steps_of_every_model():
    from cordsnet.dynamics import Clock

    class Timed:
        def __init__(self, dt_ms, kind):
            self.clock, self.dt_ms = Clock(dt_ms, kind), dt_ms

    models = {"a": Timed(2.0, "continuous"), "b": Timed(33.0, "steps"), "c": Timed(2.0, "static")}
    assert common_frame_ms(models) == 34.0
    assert common_frame_ms({"b": models["b"]}) == 33.0
    assert common_frame_ms(models, 10.0) == 10.0


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


def test_probes_are_some_of_each_class():
    labels = torch.tensor([2, 0, 0, 0, 2, 1, 1, 2])
    chosen = some_of_each_class(Split(torch.arange(8.0).reshape(8, 1, 1, 1), labels), 2)
    assert chosen.images.flatten().tolist() == [1, 2, 5, 6, 0, 4]


def test_hold_drop_is_the_worst_fall_after_the_trained_time():
    time = np.arange(10.0, 101.0, 10.0)
    accuracy = np.array([1, 9, 8, 7, 9, 10, 2, 1, 1, 1])
    first = np.arange(10)[None, :] < accuracy[:, None]  # of ten images, so many are read correctly
    course = Course(time, first, first, {}, np.zeros((10, 10)), offset_ms=60.0, second_onset_ms=80.0)
    assert course.hold_drop(np.ones((1, 10)), 20.0)[0] == pytest.approx(0.2)


@pytest.mark.parametrize("times", [{"before_ms": 106.0, "trained_ms": 2.0}, {"trained_ms": 4.0, "every_ms": 50.0}])
def test_too_few_recorded_times_are_refused_in_a_sentence(split, times):
    model, _ = leaky_readers()
    options = short(hold_ms=200, blank_ms=20, second_ms=20, **times)
    with pytest.raises(ValueError, match=r"recorded times lie from onset to trained_ms = [24] ms"):
        EXPERIMENTS["time_course"](Setting({"net": model}, split), options)


def test_an_answer_that_is_lost_before_the_trained_time_is_told():
    time = np.arange(0.0, 60.0, 10.0)
    first = np.arange(20)[None, :] < np.array([2, 19, 18, 6, 5, 5])[:, None]
    course = Course(time, first, first, {}, np.zeros((6, 20)), offset_ms=50.0, second_onset_ms=60.0)
    assert course.hold_drop(ONCE, 40.0)[0] == 0  # so that hold alone would say that the answer is kept
    assert "best 10 ms after the onset, 95 %, and 25 % after 40 ms" in course.lost_before(40.0)
    assert course.lost_before(20.0) == ""


def test_the_note_of_a_lost_answer_names_the_model(split, monkeypatch):
    model, _ = leaky_readers()
    experiment, options = EXPERIMENTS["time_course"], short(hold_ms=200, blank_ms=20, second_ms=20)
    kept = experiment(Setting({"net": model}, split), options)
    assert not [row for row in kept.tables["notes"] if "answers best" in row["note"]]
    record = time_course.record_course

    def losing(*given):
        course = record(*given)
        course.first[course.time_ms > 50] = False
        return course

    monkeypatch.setattr(time_course, "record_course", losing)
    lost = experiment(Setting({"net": model}, split), options)
    (note,) = [row for row in lost.tables["notes"] if "answers best" in row["note"]]
    assert note["model"] == "net"
    assert "0 of 20 images are read (0 % [0, 16.1], chance 50 %), so hold is not measured" in note["note"]
    verdicts = {claim.name: claim.value for claim in lost.claims}
    assert verdicts["hold"] is None
    assert verdicts["return"] is not None
    assert {claim.name: claim.value for claim in kept.claims}["hold"] == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"every_ms": 0.0}, "every_ms"), ({"hold_ms": 100.0}, "hold_ms must be at least"), ({"examples": -1}, "examples")],
)
def test_impossible_times_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        TimeCourseOptions(**wrong)


def test_a_network_without_maps_has_a_report_without_them(split, tmp_path):
    sizes = {"in_channels": split.shape[0], "image_size": split.shape[-1], "num_classes": int(split.labels.max()) + 1}
    model = cordsnet.create_model("ctrnn_dense_small", **sizes)
    experiment = EXPERIMENTS["time_course"]
    options = experiment.presets["smoke"].options
    assert options.examples > 0
    result = experiment(Setting({"net": model.eval()}, split), options)
    page, _ = write_result(result, tmp_path)
    assert "Feature maps" not in page.read_text()
    assert "Return to baseline" in page.read_text()
