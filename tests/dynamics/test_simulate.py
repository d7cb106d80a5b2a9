"""Recording, states, streaming, gradients, divergence and subnormal numbers."""

import gc
import warnings

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import AreaSpec, DivergedError, Record, State, blank, show, simulate, spontaneous_state
from cordsnet.dynamics import ENGINES, REDUCTIONS, Hold
from oracles import CASCADE, DELAYS, NETWORKS, naive_simulation, one_area, random_images, randomised, tiny_r

DT = 2.0
CASCADES = [name for name, spec in NETWORKS.items() if spec.is_cascade]
REDUCED = {
    "none": lambda r: r,
    "channels": lambda r: r.mean(4).mean(3),
    "map": lambda r: r.mean(2),
    "mean": lambda r: r.mean(4).mean(3).mean(2),
    "norm": lambda r: (r * r).sum((2, 3, 4)).sqrt(),
}
AXES = {
    "none": ("channel", "row", "column"),
    "channels": ("channel",),
    "map": ("row", "column"),
    "mean": (),
    "norm": (),
}


@pytest.fixture
def model():
    return randomised(CASCADE)


@pytest.fixture
def images(model):
    return random_images(model.spec)


@pytest.fixture
def protocol(images):
    return show(images, 40) + blank(20)


@pytest.fixture
def full(model, protocol):
    return simulate(model, protocol, record="all")


def test_time_is_the_end_of_each_step(full):
    assert full.time_ms.tolist() == [DT * step for step in range(1, 31)]
    assert full.dt == DT


def test_shapes_are_time_trial_channel_row_column(full):
    assert full.rates["area1"].shape == (30, 2, 2, 5, 5)
    assert full.rates["area2"].shape == (30, 2, 3, 5, 5)
    assert full.logits.shape == (30, 2, 3)


@pytest.mark.parametrize(
    ("record", "kept_ms"),
    [
        (Record("all", times_ms=(2, 40, 18)), [2, 18, 40]),
        (Record("all", every_ms=14), [14, 28, 42, 56]),
        (Record("all", window_ms=(10, 18)), [12, 14, 16, 18]),
        (Record("all", window_ms=(10, 25.0 + 7), every_ms=8), [18, 26]),
        (Record("all", times_ms=(60, 60)), [60]),
    ],
)
@pytest.mark.parametrize("engine", ENGINES.names())
def test_records_are_rows_of_the_full_recording(model, protocol, full, record, kept_ms, engine):
    traj = simulate(model, protocol, record=record, engine=engine)
    rows = [round(ms / DT) - 1 for ms in kept_ms]
    assert traj.time_ms.tolist() == kept_ms
    assert_allclose(traj.logits, full.logits[rows], rtol=1e-12, atol=1e-14)
    for area in model.areas:
        assert_allclose(traj.rates[area], full.rates[area][rows], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("record", [Record("all", every_ms=80), Record(every_ms=80), Record(times_ms=())])
@pytest.mark.usefixtures("as_users_run_it")
def test_a_record_that_would_keep_nothing_is_refused_by_name(model, protocol, record):
    with pytest.raises(ValueError, match=r"(every|times)_ms"):
        simulate(model, protocol, record=record)


@pytest.mark.parametrize(
    ("record", "areas"),
    [
        ("all", ["area1", "area2"]),
        (["area2"], ["area2"]),
        ("area1", ["area1"]),
        ((), []),
        (Record(areas="area2"), ["area2"]),
    ],
)
def test_only_the_areas_asked_for_are_kept(model, protocol, record, areas):
    assert sorted(simulate(model, protocol, record=record).rates) == areas


def test_an_area_that_was_not_recorded_says_how_to_record_it(model, protocol):
    traj = simulate(model, protocol, record=["area1"])
    with pytest.raises(KeyError, match=r"'area2' was not recorded \(recorded: area1\); pass record="):
        traj.rates["area2"]


def test_every_reduction_is_covered_here():
    assert set(REDUCED) == set(REDUCTIONS)


@pytest.mark.parametrize("reduce", REDUCED)
def test_reductions_equal_the_full_recording_reduced(model, protocol, full, reduce):
    traj = simulate(model, protocol, record=Record("all", reduce=reduce))
    for area in model.areas:
        assert_allclose(traj.rates[area], REDUCED[reduce](full.rates[area]), rtol=1e-12)
        assert traj.axes[area] == ("time", "trial", *AXES[reduce])


@pytest.mark.parametrize(
    ("function", "axes"),
    [
        (lambda r: r[:, 0], ("axis0", "axis1")),
        (lambda r: r.amax((1, 2, 3)), ()),
        (lambda r: (r > 0).sum((2, 3)), ("axis0",)),
    ],
)
def test_a_function_may_reduce(model, protocol, full, function, axes):
    traj = simulate(model, protocol, record=Record(["area2"], reduce=function))
    wanted = torch.stack([function(rates) for rates in full.rates["area2"]])
    assert traj.rates["area2"].dtype == wanted.dtype
    assert_allclose(traj.rates["area2"], wanted, rtol=1e-12)
    assert traj.axes["area2"] == ("time", "trial", *axes)


def test_logits_can_be_left_out(model, protocol):
    traj = simulate(model, protocol, record=Record("area1", outputs=()))
    assert traj.logits is None
    assert "logits" not in traj.to_xarray()


def test_xarray_has_the_same_numbers_under_named_axes(full):
    data = full.to_xarray()
    assert data["area2"].dims == ("time", "trial", "area2_channel", "area2_row", "area2_column")
    assert data["logits"].dims == ("time", "trial", "class")
    assert data["time"].values.tolist() == full.time_ms.tolist()
    assert data["time"].attrs["units"] == "ms"
    assert data.attrs["dt_ms"] == DT
    assert_allclose(data["area1"].sel(time=18.0), full.rates["area1"][8], rtol=0)
    assert_allclose(data["logits"].sel(time=slice(40, 44)), full.logits[19:22], rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_xarray_takes_every_precision(dtype):
    model = randomised(CASCADE).to(dtype)
    images = random_images(model.spec).to(dtype)
    traj = simulate(model, show(images, 10), record="all", initial_state="zero")
    data = traj.to_xarray()
    assert traj.logits.dtype == dtype
    assert_allclose(data["logits"], traj.logits.double(), rtol=1e-6)
    assert_allclose(data["area1"], traj.rates["area1"].double(), rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_final_state_goes_on_exactly_where_the_simulation_stopped(name):
    whole, rest = in_two_parts(randomised(NETWORKS[name]), "time_major")
    assert torch.equal(rest.logits, whole.logits[9:])
    for area, rates in rest.rates.items():
        assert torch.equal(rates, whole.rates[area][9:])


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("name", CASCADES)
def test_every_engine_goes_on_where_a_simulation_stopped(name, engine):
    whole, rest = in_two_parts(randomised(NETWORKS[name]), engine)
    assert_allclose(rest.logits, whole.logits[9:], rtol=1e-12)
    for area, rates in rest.rates.items():
        assert_allclose(rates, whole.rates[area][9:], rtol=1e-12, atol=1e-14)


def in_two_parts(model, engine):
    """A simulation of 20 steps, and its last 11 from the state after the ninth."""
    first, second = (random_images(model.spec, seed=seed) for seed in (1, 2))
    options = {"record": "all", "engine": engine}
    whole = simulate(model, show(first, 14) + blank(6) + show(second, 20), **options)
    start = simulate(model, show(first, 14) + blank(4), **options)
    rest = simulate(model, blank(2) + show(second, 20), initial_state=start.final_state, **options)
    return whole, rest


@pytest.mark.parametrize("initial", ["zero", "spontaneous", "state", "single"])
def test_initial_states_start_where_they_say(model, images, initial):
    zero = {area: torch.zeros(2, *shape, dtype=torch.float64) for area, shape in model.shapes.items()}
    rest = {area: rates[-1].expand(2, *rates.shape[2:]) for area, rates in rest_by_hand(model).items()}
    starts = {"zero": zero, "spontaneous": rest, "state": {k: v + 1 for k, v in zero.items()}, "single": rest}
    options = {"state": State(starts["state"]), "single": State({k: v[:1] for k, v in rest.items()})}
    traj = simulate(model, show(images, 2), record="all", initial_state=options.get(initial, initial))
    stepped = model.step(State(starts[initial]), images)
    for area in model.areas:
        assert_allclose(traj.rates[area][0], stepped.rates[area].detach(), rtol=1e-12, atol=1e-14)


def rest_by_hand(model):
    blanks = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    history = naive_simulation(model, [blanks] * 100, DT)
    return {area: torch.stack([rates[area] for rates in history]) for area in model.areas}


@pytest.mark.parametrize("name", NETWORKS)
def test_spontaneous_state_is_two_hundred_ms_of_blank_from_zero(name):
    model = randomised(NETWORKS[name])
    state = spontaneous_state(model)
    wanted = simulate(model, blank(200), initial_state="zero").final_state
    assert state.batch == 1
    assert not any(rates.requires_grad for rates in state.rates.values())
    for area in model.areas:
        assert torch.equal(state.rates[area], wanted.rates[area])
        assert state.rates[area].any()


def test_spontaneous_state_is_what_the_naive_loop_reaches(model):
    wanted = rest_by_hand(model)
    for area, rates in spontaneous_state(model).rates.items():
        assert_allclose(rates, wanted[area][-1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_streaming_step_by_step_equals_simulating(name):
    model = randomised(NETWORKS[name])
    images = random_images(model.spec)
    traj = simulate(model, show(images, 20) + blank(10), record="all", initial_state="zero")
    state = model.initial_state(2)
    for step in range(15):
        state = model.step(state, images if step < 10 else None)
        assert_allclose(model.readout(state).detach(), traj.logits[step], rtol=1e-12, atol=1e-14)
        for area in model.areas:
            assert_allclose(state.rates[area].detach(), traj.rates[area][step], rtol=1e-12, atol=1e-14)


def test_forward_gives_the_last_logits_of_a_simulation(model, images):
    assert_allclose(model(images).detach(), simulate(model, show(images, 200)).logits[-1], rtol=1e-12)
    assert_allclose(model(images, ms=30).detach(), simulate(model, show(images, 30)).logits[-1], rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES.names())
def test_gradients_are_those_of_finite_differences(engine):
    model = randomised(CASCADE)
    images = random_images(model.spec, batch=1).requires_grad_()
    names = ["bias.area1", "wiring.recurrent.area2.parametrizations.weight.original0"]
    parameters = [dict(model.named_parameters())[name] for name in names]

    def scores(shown, *_):
        traj = simulate(model, show(shown, 12), record="all", engine=engine, initial_state="zero", grad=True)
        return traj.logits[2:], traj.rates["area1"][-1]

    assert torch.autograd.gradcheck(scores, (images, *parameters), fast_mode=True)
    assert torch.autograd.gradcheck(lambda shown: scores(shown)[0][-1], images)


def test_gradients_of_silent_units_pass_through_long_simulations():
    model = randomised(one_area(areas=(AreaSpec("area1", 2, tau_ms=200.0),)))
    with torch.no_grad():
        model.bias["area1"].fill_(-5.0)
    start = torch.zeros(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    traj = simulate(model, blank(120), record="all", initial_state=State({"area1": start}), grad=True)
    (gradient,) = torch.autograd.grad(traj.rates["area1"][-1].sum(), start)
    leak = (1 - DT / 200) ** 60  # far below threshold nothing else acts
    assert_allclose(gradient, torch.full_like(gradient, leak), rtol=1e-12)


def test_without_grad_nothing_is_differentiable(model, images):
    traj = simulate(model, show(images.requires_grad_(), 10), record="all")
    assert not traj.logits.requires_grad
    assert not traj.rates["area1"].requires_grad


def test_grad_is_kept_where_asked_even_inside_no_grad(model, images):
    with torch.no_grad():
        traj = simulate(model, show(images.requires_grad_(), 10), grad=True)
        assert not torch.is_grad_enabled()
    (gradient,) = torch.autograd.grad(traj.logits.sum(), images)
    assert gradient.any()


class Watched:
    """A protocol that notes, every few steps, how many float64 numbers are alive."""

    batch = 2

    def __init__(self, images, steps):
        self.images, self.steps, self.alive = images, steps, []

    def check(self, model):
        model.check_inputs({"image": self.images})

    def total_steps(self, clock, notes=None):
        return self.steps

    def schedule(self, clock, notes=None):
        for step in range(self.steps):
            if step % 20 == 19:
                self.alive.append(numbers_alive())
            yield Hold(1, {"image": self.images})


def numbers_alive():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Exact types: what torch.compile left behind in this process has no storage to look at.
        tensors = [item for item in gc.get_objects() if type(item) in (torch.Tensor, torch.nn.Parameter)]
    tensors = [tensor for tensor in tensors if tensor.layout == torch.strided]  # packed kernels have no storage
    return sum(
        {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() // t.element_size() for t in tensors}.values()
    )


@pytest.mark.parametrize("engine", ENGINES.names())
def test_asking_for_logits_alone_keeps_no_rates(model, images, engine):
    units = sum(rates.numel() for rates in spontaneous_state(model).expand(2).rates.values())
    peaks = {}
    for steps in (60, 160):
        watched = Watched(images, steps)
        traj = simulate(model, watched, initial_state="zero", engine=engine)
        peaks[steps] = max(watched.alive)
        assert not traj.rates
    assert peaks[160] - peaks[60] < 20 * units  # a recording of the steps between them would be 100 * units
    watched = Watched(images, 160)
    simulate(model, watched, record="all", initial_state="zero", engine=engine)
    assert max(watched.alive) - peaks[160] > 130 * units


def unstable(gain, dtype=torch.float32, **changes):
    """A network whose upper area excites itself with a gain far above 1."""
    model = randomised(tiny_r(2, image_size=8, **changes)).to(dtype)
    with torch.no_grad():
        for area in model.areas:
            kernel = model.wiring.recurrent[area].parametrizations.weight
            kernel.original1.abs_()
            kernel.original0.copy_(torch.full_like(kernel.original0, 0.01 if area == "area1" else gain))
            model.bias[area].fill_(1.0)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gain", [6.0, 40.0])
def test_divergence_names_the_first_step_and_area_that_are_not_finite(gain, dtype):
    model = unstable(gain, dtype)
    images = random_images(model.spec).to(dtype)
    system = model.system()
    with torch.no_grad():
        state, held, step, bad = system.zero_state(2), system.hold({"image": images}), 0, []
        while not bad:
            state, step = system.advance(state, held), step + 1
            bad = [area for area in model.areas if not torch.isfinite(state.rates[area]).all()]
    assert bad == ["area2"]
    with pytest.raises(DivergedError, match=f"rates of 'area2' stopped being finite at step {step} ") as caught:
        simulate(model, show(images, 2000), initial_state="zero")
    assert (caught.value.area, caught.value.step, caught.value.time_ms) == ("area2", step, step * DT)


def test_divergence_is_seen_in_the_last_steps_of_a_protocol():
    model = unstable(40.0)
    images = random_images(model.spec).float()
    with pytest.raises(DivergedError) as caught:
        simulate(model, show(images, 2000), initial_state="zero")
    first = caught.value.step
    assert simulate(model, show(images, (first - 1) * DT), initial_state="zero").logits.shape[0] == first - 1
    with pytest.raises(DivergedError):
        simulate(model, show(images, first * DT), initial_state="zero")


def test_large_but_finite_rates_are_no_divergence():
    model = randomised(one_area()).float()
    start = State({"area1": torch.full((1, 2, 4, 4), 3e37)})
    traj = simulate(model, blank(2), record="all", initial_state=start)
    assert torch.isfinite(traj.rates["area1"]).all()


def test_half_precision_simulates_rates_whose_sum_exceeds_its_range():
    model = randomised(one_area()).half()
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(0.01)
        model.bias["area1"].fill_(4000.0)
    traj = simulate(model, blank(100), record="all", initial_state="zero")
    assert torch.isfinite(traj.rates["area1"]).all()
    assert 2000 < traj.rates["area1"][-1].max() < 8000


def test_subnormal_rates_are_removed_and_nothing_else_changes():
    model = randomised(CASCADE, bias=0.0).float()
    images = random_images(model.spec).float()
    steps = 800
    system = model.system()
    with torch.no_grad():
        state = system.zero_state(2)
        for step in range(steps):
            state = system.advance(state, system.hold({"image": images} if step < 10 else {}))
    smallest = torch.finfo(torch.float32).tiny
    assert any(subnormal(rates, smallest).any() for rates in state.rates.values())
    flushed = simulate(model, show(images, 20) + blank((steps - 10) * DT), initial_state="zero").final_state
    for area in model.areas:
        assert not subnormal(flushed.rates[area], smallest).any()
        assert_allclose(flushed.rates[area], state.rates[area], rtol=0, atol=1e-30)


@pytest.mark.parametrize("chunk_ms", [20, 98])
def test_subnormal_rates_are_removed_from_simulations_in_chunks_too(chunk_ms):
    model = randomised(CASCADE, bias=0.0).float()
    state = simulate(model, show(random_images(model.spec).float(), 20), initial_state="zero").final_state
    for _ in range(1600 // chunk_ms):
        state = simulate(model, blank(chunk_ms), initial_state=state, record=Record(times_ms=(chunk_ms,))).final_state
    smallest = torch.finfo(torch.float32).tiny
    assert not any(subnormal(rates, smallest).any() for rates in state.rates.values())


def subnormal(values, smallest):
    return (values != 0) & (values.abs() < smallest)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("dt", [1.0, 0.5, 0.25])
def test_a_state_with_delays_under_way_is_refused_at_another_dt(dt):
    model = randomised(DELAYS)
    images = random_images(model.spec)
    state = simulate(model, show(images, 20)).final_state
    with pytest.raises(ValueError, match="initial_state"):
        simulate(model, blank(20), dt=dt, initial_state=state)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_state_from_a_finer_dt_is_refused_where_delays_would_shrink_in_silence():
    model = randomised(DELAYS)
    state = simulate(model, show(random_images(model.spec), 20), dt=0.5).final_state
    with pytest.raises(ValueError, match="initial_state"):
        simulate(model, blank(20), dt=2.0, initial_state=state)
