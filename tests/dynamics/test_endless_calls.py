"""What would run for ever or out of memory is refused with its size, and arguments that are no numbers by name."""

import itertools

import numpy as np
import pytest
import torch

from cordsnet import (
    Record,
    blank,
    create_model,
    inject,
    movie,
    show,
    show_at,
    simulate,
    spontaneous_state,
    together,
    with_noise,
)
from cordsnet.dynamics import limits, recording
from cordsnet.models import MODELS
from oracles import CASCADE, DELAYS, random_images, randomised

pytestmark = [pytest.mark.usefixtures("as_users_run_it"), pytest.mark.timeout(60)]

IMAGES = random_images(CASCADE)


def tiny(name="cordsnet_r2_small"):
    return create_model(name, **MODELS[name].tiny).eval()


ENDLESS = {
    "blank": lambda m: simulate(m, blank(1e12)),
    "blank of all time": lambda m: simulate(m, blank(1e300)),
    "dt": lambda m: simulate(m, show(IMAGES, 100), dt=1e-9),
    "dt of nothing": lambda m: simulate(m, show(IMAGES, 100), dt=1e-320),
    "show": lambda m: simulate(m, show(IMAGES, 1e9), record="all"),
    "show with grad": lambda m: simulate(m, show(IMAGES, 1e9), record="all", grad=True),
    "a record of the end": lambda m: simulate(m, blank(1e12), record=Record(times_ms=(10,))),
    "movie": lambda m: simulate(m, movie(IMAGES[None], 1e12)),
    "show_at": lambda m: simulate(m, show_at(IMAGES, (0, 10), 10, 1e12)),
    "together": lambda m: simulate(m, together(show(IMAGES, 1e12), blank(1e12))),
    "noise": lambda m: simulate(m, with_noise(show(IMAGES, 1e10), 1.0)),
    "a call": lambda m: m(IMAGES, ms=1e12),
    "rest": lambda m: spontaneous_state(m, ms=1e12),
    "rest with small steps": lambda m: spontaneous_state(m, dt=1e-9),
    "more than asked for": lambda m: simulate(m, blank(100), max_steps=49),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_would_run_for_ever_is_refused_with_the_number_of_steps(case):
    with pytest.raises(ValueError, match=r"steps"):
        ENDLESS[case](randomised(CASCADE))


@pytest.mark.parametrize("name", MODELS.names("*_small"))
def test_every_kind_of_model_is_bounded(name):
    with pytest.raises(ValueError, match="more than max_steps"):
        simulate(tiny(name), blank(1e12 * tiny(name).dt_ms))


def test_long_delays_in_small_steps_are_refused():
    with pytest.raises(ValueError, match="steps"):
        simulate(randomised(DELAYS), blank(1e-7), dt=1e-9)


def test_a_limit_that_is_asked_for_is_kept():
    assert len(simulate(randomised(CASCADE), blank(100), max_steps=50).time_ms) == 50


@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
@pytest.mark.parametrize("grad", [False, True])
def test_recordings_larger_than_memory_are_refused_with_their_size(engine, grad, monkeypatch):
    monkeypatch.setattr(limits, "LARGE", 0)
    monkeypatch.setattr(limits, "free_bytes", lambda device: 50_000)
    with pytest.raises(ValueError, match=r"recording area1, area2, scores at 50 times takes .* kB, and 50 kB are free"):
        simulate(randomised(CASCADE), show(IMAGES, 100), record="all", engine=engine, grad=grad)
    simulate(randomised(CASCADE), show(IMAGES, 100), record=Record("all", reduce="mean"), engine=engine, grad=grad)


def test_free_memory_is_known_here_and_recordings_are_counted_in_bytes():
    free = limits.free_bytes(torch.device("cpu"))
    assert free is None or free > 2**20
    assert recording.check_room is limits.check_room
    assert [limits.in_words(n) for n in (1, 2_000, 3.5e6, 1e9, 2e13)] == ["1 bytes", "2 kB", "3.5 MB", "1 GB", "20 TB"]


LARGE_NETWORKS = [
    {"image_size": 10**6},
    {"image_size": 10**12},
    {"num_classes": 10**12},
    {"width": 10**6},
    {"in_channels": 10**15},
]


@pytest.mark.parametrize("sizes", LARGE_NETWORKS, ids=str)
@pytest.mark.parametrize("name", ["cordsnet_r2_small", "convlstm_small"])
def test_networks_larger_than_memory_are_refused(name, sizes):
    if name == "convlstm_small" and "image_size" in sizes:
        pytest.skip("its weights do not grow with the image")
    with pytest.raises(ValueError, match=r"network '\w+' (takes .* free|is larger than any memory)"):
        create_model(name, **sizes)


NO_NUMBERS = [
    True,
    False,
    "100",
    None,
    float("nan"),
    float("inf"),
    -1.0,
    -1,
    [100],
    1j,
    torch.tensor(5.0),
    np.bool_(True),
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=str)
@pytest.mark.parametrize(
    "call",
    [
        blank,
        lambda ms: show(IMAGES, ms),
        lambda ms: movie(IMAGES[None], ms),
        lambda ms: show_at(IMAGES, (0, 0), ms, 100),
        lambda ms: show_at(IMAGES, (0, 0), 10, ms),
        lambda ms: show_at(IMAGES, (0, ms), 10, 100),
        lambda sigma: with_noise(show(IMAGES, 10), sigma),
    ],
)
def test_what_is_no_number_is_refused_when_a_protocol_is_made(call, value):
    with pytest.raises((ValueError, TypeError), match=r"must be"):
        call(value)


@pytest.mark.parametrize("value", [v for v in NO_NUMBERS if v is not None], ids=str)
@pytest.mark.parametrize(
    "call",
    [
        lambda m, v: simulate(m, show(IMAGES, 10), dt=v),
        lambda m, v: simulate(m, show(IMAGES, 10), record=Record(every_ms=v)),
        lambda m, v: simulate(m, show(IMAGES, 10), record=Record(times_ms=(v,))),
        lambda m, v: simulate(m, show(IMAGES, 10), memory=v, grad=True),
        lambda m, v: simulate(m, show(IMAGES, 10), interventions=inject("area1", 1.0, from_ms=v)),
        lambda m, v: m(IMAGES, ms=v),
        lambda m, v: spontaneous_state(m, ms=v),
    ],
)
def test_what_is_no_number_is_refused_when_a_network_runs(call, value):
    with pytest.raises((ValueError, TypeError), match=r"must be"):
        call(randomised(CASCADE), value)


SEEDS = [True, "0", -1, 1.5, float("nan"), [0], torch.tensor(1.0)]


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_seeds_are_whole_numbers(seed):
    model = tiny("task_rnn_small")
    for call in (
        lambda: create_model("cordsnet_r2_small", seed=seed),
        lambda: simulate(model, blank(20), seed=seed),
        lambda: with_noise(show(IMAGES, 10), 1.0, seed=seed),
        lambda: model.initial_state(1, seed=seed),
    ):
        with pytest.raises(ValueError, match=r"seed must be (a whole number|at least 0)"):
            call()
    create_model("cordsnet_r2_small", seed=np.int64(3))


# --- buffers that are used again --------------------------------------------------------------------------------------
def buffers():
    """Frames of different images, each written into the same memory."""
    buffer = torch.zeros_like(IMAGES)
    for k in range(4):
        buffer.fill_(k)
        yield buffer


MADE = {
    "show": lambda values: show(values, 20),
    "show_at": lambda values: show_at(values, (0, 10), 10, 20),
    "movie": lambda values: movie(values[None], 20),
    "noise": lambda values: with_noise(show(values, 20), 0.1),
}


@pytest.mark.parametrize("kind", MADE)
def test_images_that_change_after_they_are_shown_do_not_change_the_protocol(kind):
    model, values = randomised(CASCADE), IMAGES.clone()
    wanted = simulate(model, MADE[kind](IMAGES)).logits
    protocol = MADE[kind](values)
    values.zero_()
    assert torch.equal(simulate(model, protocol).logits, wanted)


def test_currents_that_change_after_they_are_injected_do_not_change_the_intervention():
    model, current = randomised(CASCADE), torch.ones(2, 5, 5, dtype=torch.float64)
    wanted = simulate(model, blank(20), interventions=inject("area1", torch.ones_like(current))).logits
    one = inject("area1", current)
    current.zero_()
    assert torch.equal(simulate(model, blank(20), interventions=one).logits, wanted)


@pytest.mark.parametrize("kind", [iter, list, tuple, lambda frames: frames])
def test_a_movie_takes_frames_one_by_one_from_one_buffer(kind):
    wanted = torch.stack([torch.full_like(IMAGES, k) for k in range(4)])
    frames = buffers() if kind is not list and kind is not tuple else [frame.clone() for frame in buffers()]
    made = movie(kind(frames), 10)
    assert made.ms == 40
    assert torch.equal(made.segments[0].frames, wanted)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([], "empty"),
        ([IMAGES, IMAGES[:1]], "frame 1"),
        ([IMAGES, 3], "frame 1"),
        ([IMAGES[0]], "frame 0"),
        ([IMAGES, IMAGES.float()], "frame 1"),
        (itertools.repeat(torch.zeros(1, 1, 1, 1)), "more than"),
    ],
)
def test_frames_that_make_no_movie_are_refused(frames, said, monkeypatch):
    monkeypatch.setattr("cordsnet.stimuli.copies.MAX_FRAMES", 1000)
    with pytest.raises((ValueError, TypeError), match=said):
        movie(frames, 10)


@pytest.mark.parametrize("kind", [*MADE, "frames", "current"])
@pytest.mark.parametrize("made_under", [torch.enable_grad, torch.no_grad])
def test_gradients_pass_through_the_copy(kind, made_under):
    images, acting = IMAGES.clone().requires_grad_(), ()
    if kind == "movie" and made_under is torch.no_grad:
        pytest.skip("the test's own images[None] has no gradient then")
    with made_under():
        if kind == "current":
            images = torch.ones(2, 5, 5, dtype=torch.float64, requires_grad=True)
            protocol, acting = blank(20), inject("area1", images)
        else:
            protocol = movie([images, images], 10) if kind == "frames" else MADE[kind](images)
    simulate(randomised(CASCADE), protocol, grad=True, interventions=acting).logits.sum().backward()
    assert float(images.grad.abs().max()) > 0


def test_a_protocol_that_was_made_under_inference_mode_can_be_trained_with():
    with torch.inference_mode():
        protocol = show(IMAGES * 2, 20)
    simulate(randomised(CASCADE), protocol, grad=True).logits.sum().backward()


@pytest.mark.parametrize("dt", [0.1, np.float32(0.1), 0.05, 0.7, np.float64(0.2), 0.3])
def test_times_are_the_decimals_that_dt_has(dt):
    traj = simulate(randomised(CASCADE), show(IMAGES, 21.0), dt=dt)
    decimal = float(str(dt))
    assert traj.time_ms.tolist() == [round(k * decimal, 6) for k in range(1, len(traj.time_ms) + 1)]
    traj.to_xarray().sel(time=round(30 * decimal, 6))
