"""Private noise: a function of seed, area, step and unit alone, of the strength that is asked for."""

import math

import pytest
import torch
from scipy import stats

import cordsnet
from cordsnet import blank, simulate
from cordsnet.dynamics import Activation, Circuit, RateEquation, RateSystem, Record, integrate
from cordsnet.dynamics.noise import mix, normal, trial_seeds
from cordsnet.dynamics.schedule import Hold


def test_numbers_are_standard_normal():
    values = normal(trial_seeds(0, 200), 0, 3, (500,), torch.float64).flatten()
    assert stats.kstest(values.numpy(), "norm").pvalue > 1e-3
    assert abs(float(values.mean())) < 4 / math.sqrt(len(values))
    assert abs(float(values.std()) - 1) < 0.01


@pytest.mark.parametrize("changed", ["seed", "stream", "step"])
def test_what_belongs_elsewhere_is_independent(changed):
    before = normal(trial_seeds(1, 4), 0, 5, (5000,), torch.float64)
    other = {"seed": (2, 0, 5), "stream": (1, 1, 5), "step": (1, 0, 6)}[changed]
    after = normal(trial_seeds(other[0], 4), other[1], other[2], (5000,), torch.float64)
    together = torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))
    assert abs(float(together[0, 1])) < 0.03


def test_a_trial_has_the_same_noise_in_every_batch():
    seeds = trial_seeds(3, 10)
    whole = normal(seeds, 1, 2, (3, 4), torch.float32)
    assert torch.equal(whole[6:7], normal(seeds[6:7], 1, 2, (3, 4), torch.float32))
    assert torch.equal(trial_seeds(3, 4), seeds[:4])


def test_the_hash_is_splitmix64():
    def reference(x):
        mask = 2**64 - 1
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    numbers = [0, 1, -1, 2**62, -(2**63)]
    found = [value % 2**64 for value in mix(torch.tensor(numbers)).tolist()]
    assert found == [reference(number % 2**64) for number in numbers]


def linear_unit(dt, stepper, sigma=0.3, units=4000):
    """A vector area without recurrence and with noise alone."""
    circuit = Circuit(
        areas=("area1",),
        shapes={"area1": (units,)},
        pathways=(),
        encoders={},
        feedforward={},
        bias={"area1": torch.zeros(units, dtype=torch.float64)},
        tau_ms={"area1": 10.0},
        outputs={},
        dtype=torch.float64,
        noise={"area1": sigma},
    )
    return RateSystem(RateEquation(circuit, Activation("identity")), dt, stepper, circuit.bias["area1"])


@pytest.mark.parametrize("engine", ["time_major", "auto"])
@pytest.mark.parametrize(
    ("stepper", "dt"), [("euler", 2.0), ("euler", 5.0), ("exponential_euler", 20.0), ("heun", 4.0), ("rk4", 8.0)]
)
def test_a_linear_unit_fluctuates_as_much_as_it_is_told_at_any_step(stepper, dt, engine):
    system = linear_unit(dt, stepper)
    steps = round(200 / dt)
    last = Record("all", times_ms=(steps * dt,), outputs=())
    rates = integrate(system, [Hold(steps)], system.zero_state(1, seed=7), last, steps, engine).rates["area1"]
    assert float(rates.std()) == pytest.approx(0.3, rel=0.05)


def test_engines_and_blocks_draw_the_same_noise():
    model = cordsnet.create_model("task_rnn_small").double()
    protocol = blank(400)
    runs = [
        simulate(model, protocol, record="all", seed=5, engine=engine).rates["decision"]
        for engine in ("time_major", "area_major", "checkpointed", "auto")
    ]
    for found in runs[1:]:
        torch.testing.assert_close(found, runs[0], rtol=1e-12, atol=1e-14)
    assert not torch.equal(simulate(model, protocol, record="all", seed=6).rates["decision"], runs[0])


def test_continuing_a_simulation_continues_its_noise():
    model = cordsnet.create_model("task_rnn_small").double()
    whole = simulate(model, blank(200), record="all", seed=5)
    first = simulate(model, blank(100), seed=5)
    second = simulate(model, blank(100), record="all", initial_state=first.final_state)
    torch.testing.assert_close(second.rates["decision"], whole.rates["decision"][20:], rtol=1e-12, atol=1e-14)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        trial_seeds(-1, 2)


def test_a_seed_begins_other_noise_from_the_same_state():
    model = cordsnet.create_model("task_rnn_small").double()
    state = simulate(model, blank(100), seed=1).final_state
    runs = [simulate(model, blank(50), record="all", initial_state=state, seed=seed) for seed in (1, 2)]
    assert not torch.equal(runs[0].rates["decision"], runs[1].rates["decision"])
