"""Temporal tasks: what a frame and an order hold, read by hand, and the experiment on the smallest networks."""

import dataclasses

import numpy as np
import pytest
import torch

from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.questions import movie_answers
from cordsnet.experiments.questions.movie_answers import mean_over, read_movies
from cordsnet.experiments.questions.movie_forecasts import error_ratio, forecast_movies, without_motion
from cordsnet.experiments.questions.movie_source import MovieSource, frame_steps, trial_ms
from cordsnet.experiments.questions.movie_tasks import CLAIMS
from cordsnet.experiments.questions.movies import (
    FRAMES,
    SHIFT_PX,
    STEPS,
    drifting,
    moving_dots,
    one_frame,
    opposite,
    rolled,
    shuffled,
)
from cordsnet.experiments.questions.temporal_tasks import TemporalTasksOptions
from cordsnet.models import create_model


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits():
    return MovieSource("digits", "in order", 16).digits.test.take(200)


@pytest.fixture(scope="module")
def still():
    return MovieSource("dots", "in order", 16).digits.test.take(200)


def test_a_field_moves_down_and_right_and_comes_in_again():
    field = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(rolled(field, torch.tensor([[1, 2]])), field.roll((1, 2), (2, 3)))
    assert torch.equal(rolled(field, torch.tensor([[-1, -3]])), field.roll((-1, -3), (2, 3)))


def test_digits_drift_by_the_step_of_their_direction(digits):
    clips = drifting(digits.pixels, digits.labels, 16, seeded())
    assert clips.frames.shape == (FRAMES, 200, 1, 16, 16)
    assert set(clips.directions.tolist()) == set(range(len(STEPS)))
    for k, way in enumerate(clips.directions[:20]):
        by = tuple(SHIFT_PX * step for step in STEPS[way])
        for now, then in zip(clips.frames[1:, k], clips.frames[:-1, k], strict=True):
            assert torch.equal(now, then.roll(by, (1, 2)))


def test_a_movie_backwards_is_one_of_the_opposite_direction(digits):
    clips = drifting(digits.pixels, digits.labels, 16, seeded())
    back = tuple(SHIFT_PX * step for step in STEPS[opposite(clips.directions)[0]])
    backwards = clips.frames.flip(0)[:, 0]
    for now, then in zip(backwards[1:], backwards[:-1], strict=True):
        assert torch.equal(now, then.roll(back, (1, 2)))


def test_a_frame_of_dots_is_independent_of_the_digit_and_its_motion(still):
    shape = (still.pixels > 0.5).repeat_interleave(2, 2).repeat_interleave(2, 3)
    clips = moving_dots(still.pixels, still.labels, seeded())
    assert clips.frames.shape == (FRAMES, 200, 1, 16, 16)
    for frame in clips.frames:
        assert set(frame.unique().tolist()) == {0.0, 1.0}
        dots, inside = frame[..., ::2, ::2], shape[..., ::2, ::2]
        assert torch.equal(dots.repeat_interleave(2, 2).repeat_interleave(2, 3), frame)
        assert abs(float(dots[inside].mean()) - 0.5) < 4 * 0.5 / int(inside.sum()) ** 0.5
        pairs = (dots[..., 1:] == dots[..., :-1]).float()
        across = inside[..., 1:] != inside[..., :-1]  # neighbours on both sides of the border of the shape
        assert abs(float(pairs[across].mean()) - 0.5) < 4 * 0.5 / int(across.sum()) ** 0.5


def test_dots_show_the_digit_to_one_who_compares_frames(still):
    """By hand: dots that are as they were one place to the left belong to the shape."""
    clips = moving_dots(still.pixels, still.labels, seeded())
    agreement = torch.zeros(clips.frames.shape[1:])
    for then, now in zip(clips.frames[:-1], clips.frames[1:], strict=True):
        agreement += (then.roll(2, -1) == now).float() - (then.roll(-2, -1) == now).float()
    shape = (still.pixels > 0.5).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert float(agreement[shape].mean()) > 0.5 > -0.5 > float(agreement[~shape].mean())


def test_shuffling_keeps_the_frames_and_loses_their_order(digits):
    clips = drifting(digits.pixels, digits.labels, 16, seeded())
    mixed = shuffled(clips, seeded(1))
    keys = [frames.flatten(2) @ torch.rand(256, 1, generator=seeded(2)) for frames in (clips.frames, mixed.frames)]
    assert torch.equal(keys[0].sort(0).values, keys[1].sort(0).values)
    first = (mixed.frames[0] == clips.frames).flatten(2).all(2).float().argmax(0)
    assert torch.bincount(first, minlength=FRAMES).min() > 200 / FRAMES / 2
    alone = one_frame(clips, seeded(3))
    assert bool((alone == clips.frames).flatten(2).all(2).any(0).all())


def oracle(frames, _):
    """Scores of the direction by which the last frame follows from the one before; classes are a guess."""
    frames = frames[-2:]
    moves = torch.tensor(STEPS) * SHIFT_PX
    wrong = torch.stack(
        [(rolled(frames[0], move.expand(frames.shape[1], 2)) - frames[1]).square().flatten(1).sum(1) for move in moves],
        1,
    )
    return (-wrong)[:, None].expand(-1, 10, -1).flatten(1).log_softmax(1)


def test_a_reader_of_motion_is_right_in_order_and_guesses_the_sense_otherwise(monkeypatch):
    monkeypatch.setattr(movie_answers, "log_probabilities", lambda model, frames: oracle(frames, model))
    found = read_movies(None, MovieSource("digits", "in order", 16), 360)
    assert found["direction"].mean() == found["sense"].mean() == 1
    found = read_movies(None, MovieSource("digits", "shuffled", 16), 360)
    assert abs(found["sense"].mean() - 0.5) < 0.06


def test_ties_count_as_half(monkeypatch):
    monkeypatch.setattr(movie_answers, "log_probabilities", lambda model, frames: torch.zeros(frames.shape[1], 40))
    assert set(read_movies(None, MovieSource("digits", "in order", 16), 20)["sense"]) == {0.5}


def test_the_best_forecast_without_motion_is_beaten_by_motion_alone(digits):
    frames = drifting(digits.pixels, digits.labels, 16, seeded()).frames
    best, by_hand = without_motion(frames), torch.zeros_like(frames[0, 0])
    for step in STEPS:
        by_hand += frames[2, 7].roll([SHIFT_PX * one for one in step], (1, 2)) / len(STEPS)
    assert torch.allclose(best[2, 7], by_hand, atol=1e-6)
    wrong = [float((made - frames[1:]).square().mean()) for made in (frames[:-1], best[:-1], 0.9 * best[:-1])]
    assert wrong[1] < wrong[0]
    spread = torch.stack([rolled(frames[0], SHIFT_PX * torch.tensor(step).expand(200, 2)) for step in STEPS])
    assert float((best[0] - frames[1]).square().mean()) == pytest.approx(float(spread.var(0, False).mean()), rel=0.1)


class Oracle(torch.nn.Module):
    """Stands for the head of a network that knows the next frame, up to an error."""

    def __init__(self, frames, error):
        super().__init__()
        self.made, self.at = torch.cat([frames[1:], frames[:1]]) + error, 0

    def forward(self, rates):
        batch = len(rates) // FRAMES
        found = self.made[:, self.at : self.at + batch]
        self.at += batch
        return found.flatten(0, 1)


def test_errors_of_forecasts_are_those_of_a_head_by_hand():
    source = MovieSource("digits", "in order", 16)
    model = create_model("convlstm_small", in_channels=1, num_classes=40, image_size=16, width=2)
    frames = source.normalised(source.tested(40).frames)
    errors = forecast_movies(model, Oracle(frames, 0.5), source, 40)
    assert np.allclose(errors["network"], 0.25)
    copied = (frames[2:] - frames[1:-1]).square().mean()
    assert errors["last frame again"].mean() == pytest.approx(float(copied), rel=1e-5)
    found = error_ratio([errors, errors], "last frame again", 0)
    assert found.value == pytest.approx(0.25 / float(copied), rel=1e-5)
    assert found.interval[0] < found.value < found.interval[1]
    assert np.isnan(error_ratio([], "without motion", 0).value)


def test_networks_see_frames_one_by_one_or_in_time():
    cnn = create_model("cnn_r2_small", in_channels=1, num_classes=10, image_size=16).eval()
    source = MovieSource("dots", "in order", 16)
    frames = source.normalised(source.tested(8).frames)
    found = movie_answers.log_probabilities(cnn, frames)
    assert torch.allclose(found, movie_answers.log_probabilities(cnn, frames.flip(0)), atol=1e-5)
    assert trial_ms(cnn) is None
    for name, steps in (("cordsnet_r2_small", 10), ("convlstm_small", 2)):
        model = create_model(name, in_channels=1, num_classes=10, image_size=16).eval()
        assert frame_steps(model) == steps
        found = movie_answers.log_probabilities(model, frames)
        assert not torch.allclose(found, movie_answers.log_probabilities(model, frames.flip(0)), atol=1e-4)


def test_batches_have_an_answer_for_each_pair_and_no_augmentation():
    source = MovieSource("digits", "in order", 16)
    train = source.digits.train
    batch = source.batch((train.pixels[:300], train.labels[:300]))
    assert batch.inputs["image"].shape == (FRAMES, 300, 1, 16, 16)
    assert abs(float(batch.inputs["image"].mean())) < 0.05
    assert abs(float(batch.inputs["image"].std()) - 1) < 0.05
    assert torch.equal(batch.targets["scores"] // 4, train.labels[:300])
    with pytest.raises(RunError, match="not augmented"):
        source.feed("small_affine")
    with pytest.raises(RunError, match="num_classes must be 40"):
        source.check(create_model("convlstm_small", in_channels=1, num_classes=10).spec)
    with pytest.raises(RunError, match="reads no images"):
        source.check(create_model("task_rnn_small").spec)
    with pytest.raises(ValueError, match="image_size must be a multiple of 4"):
        MovieSource("digits", "in order", 18)


def test_intervals_are_over_movies_and_networks():
    random = np.random.default_rng(0)
    one = random.random(400)
    assert np.isclose(np.ptp(mean_over([one], 0).interval), 4 * one.std() / 20, rtol=0.15)
    far = [np.full(400, value) for value in (0.2, 0.4, 0.6, 0.8)]
    found = mean_over(far, 0)
    assert found.value == pytest.approx(0.5)
    assert found.interval[0] < 0.35 < 0.65 < found.interval[1]
    assert mean_over([one], 0, [one]).value == 0
    assert mean_over([np.ones(400)], 0).interval[1] == 1 > mean_over([np.ones(400)], 0).interval[0]
    assert np.isnan(mean_over([], 0).value)


def run(output, models):
    options = dataclasses.replace(
        EXPERIMENTS["temporal_tasks"].preset("smoke").options, updates=1, trials=20, models=models
    )
    return EXPERIMENTS["temporal_tasks"](Setting(output=output), options)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"), ("convlstm_small", "cnn_r2_small"))


def test_each_kind_of_model_has_its_tasks_and_claims(result):
    still = [claim for claim in result.claims if claim.subject == "cnn_r2_small"]
    assert {claim.name for claim in still} == {"one_frame_direction", "one_frame_class", "one_frame_motion"}
    assert {claim.name for claim in result.claims} == {claim.name for claim in CLAIMS}
    assert all(claim.value is not None and claim.interval is not None for claim in result.claims)
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in result.rows("accuracy"))
    assert len(result.rows("networks", model="cnn_r2_small", trained="one frame")) == 2
    assert [row["beside"] for row in result.rows("forecasts")] == ["last frame again", "without motion"]
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in result.rows("forecasts"))
    assert "one network per model" in result.rows("notes")[-1]["note"]


def test_another_model_of_the_call_changes_nothing(result, tmp_path):
    alone = run(tmp_path, ("cnn_r2_small",))
    assert alone.rows("accuracy") == result.rows("accuracy", model="cnn_r2_small")
    assert alone.claims == tuple(claim for claim in result.claims if claim.subject == "cnn_r2_small")


def test_options_that_make_no_sense_are_refused(tmp_path):
    for wrong in ({"seeds": 0}, {"trials": 0}, {"image_size": 15}, {"models": ()}, {"models": ("a", "a")}):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            TemporalTasksOptions(**wrong)
    experiment = EXPERIMENTS["temporal_tasks"]
    for name, said in (("no_such", "unknown model"), ("task_rnn_small", "no class scores")):
        with pytest.raises(ValueError, match=said):
            experiment(Setting(output=tmp_path), TemporalTasksOptions(models=(name,)))
