"""Lyapunov exponents of flows and maps whose exponents are known, for any number of steps between estimates."""

import math

import pytest
import torch
from flow_examples import draw, linear

from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow
from cordsnet.analysis.flows.lyapunov import lyapunov_spectrum
from cordsnet.analysis.status import Status


def turned(matrix, seed=1):
    turn = torch.linalg.qr(draw(len(matrix), len(matrix), seed=seed))[0]
    return turn @ matrix @ turn.T


def euler(eigenvalue, dt):
    return math.log(abs(1 + eigenvalue * dt)) / dt


def rk4(eigenvalue, dt):
    z = eigenvalue * dt
    return math.log(abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24)) / dt


ROTATION = torch.tensor([[-0.2, 1.0], [-1.0, -0.2]], dtype=torch.float64)
FLOWS = {
    "slow decay": (torch.diag(torch.tensor([-0.01, -0.05]).double()), [-0.01, -0.05]),
    "strong decay": (torch.diag(torch.tensor([-1.0, -1.5]).double()), [-1.0, -1.5]),
    "far apart": (turned(torch.diag(torch.tensor([-0.01, -1.9, -0.5]).double())), [-0.01, -0.5, -1.9]),
    "growth": (torch.diag(torch.tensor([0.02, -0.5]).double()), [0.02, -0.5]),
    "rotation": (ROTATION, [complex(-0.2, 1)] * 2),
    "rotation and decay": (turned(torch.block_diag(ROTATION, torch.tensor([[-0.9]]).double())),
                           [complex(-0.2, 1)] * 2 + [-0.9]),
    "neutral": (torch.diag(torch.tensor([0.0, -1.0]).double()), [0.0, -1.0]),
}  # fmt: skip


@pytest.mark.parametrize("every", [1, 80])
@pytest.mark.parametrize("stepper", ["euler", "rk4"])
@pytest.mark.parametrize("name", FLOWS)
def test_linear_flows(name, stepper, every):
    matrix, eigenvalues = FLOWS[name]
    dt, flow = 0.5, linear(matrix)
    flow.stepper = stepper
    found = lyapunov_spectrum(
        flow, draw(len(matrix)), len(matrix), duration_ms=400.0, transient_ms=50.0, dt=dt, every=every
    )
    wanted = sorted(({"euler": euler, "rk4": rk4}[stepper](value, dt) for value in eigenvalues), reverse=True)
    assert found.exponents.tolist() == pytest.approx(wanted, abs=5e-3)
    assert found.status is Status.CONVERGED
    assert stepper in found.notes[0]


@pytest.mark.parametrize("every", [100])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_contraction_that_would_underflow(every, dtype):
    flow = FunctionFlow(lambda x: -x, (3,), dtype)
    found = lyapunov_spectrum(flow, torch.ones(3, dtype=dtype), 3, duration_ms=1000.0, dt=1.0, every=every)
    assert found.exponents.tolist() == pytest.approx([rk4(-1, 1.0)] * 3, abs=1e-5)
    assert any("the step is long" in note for note in found.notes)


@pytest.mark.parametrize("every", [5, 50])
def test_growth_that_would_overflow(every):
    flow = FunctionFlow(lambda x: torch.stack([3 * x[..., 0] * 0 + 2.0, 4 * x[..., 1]], -1), (2,))
    start = torch.tensor([0.0, 0.0]).double()
    found = lyapunov_spectrum(flow, start, 2, duration_ms=250.0, dt=0.5, every=every)
    assert found.exponents.tolist() == pytest.approx([rk4(4, 0.5), 0.0], abs=0.01)


def test_a_jordan_block_is_settled_only_where_it_is_right():
    matrix = torch.tensor([[-0.1, 1.0], [0.0, -0.1]], dtype=torch.float64)
    for duration in (20.0, 200.0):
        found = lyapunov_spectrum(linear(matrix), draw(2), 2, duration_ms=duration, dt=0.1)
        right = bool(((found.exponents + 0.1).abs() < 0.02).all())
        assert right or found.status is Status.UNSETTLED


@pytest.mark.parametrize("k", [1, 2])
def test_a_constant_map_contracts_without_end(k):
    found = lyapunov_spectrum(MapFlow(lambda x: 0 * x + 0.3, (2,)), draw(2), k, duration_ms=100, dt=1)
    assert found.exponents.tolist() == [-math.inf] * k
    assert not found.chaotic
    assert any("minus infinity" in note for note in found.notes)
    assert not bool(found.standard_error.isnan().any())
    assert found.dimension == 0


def test_a_step_onto_the_fixed_point_contracts_without_end():
    flow = FunctionFlow(lambda x: -x / 10, (2,), stepper="euler")
    found = lyapunov_spectrum(flow, draw(2), 2, duration_ms=1000.0, dt=10.0)
    assert found.exponents.tolist() == [-math.inf] * 2


def test_directions_below_rounding_are_said():
    matrix = turned(torch.diag(torch.tensor([0.9, 0.5, 1e-30]).double()))
    found = lyapunov_spectrum(MapFlow(lambda x: x @ matrix.T, (3,)), draw(3), 3, duration_ms=200, dt=1)
    assert found.exponents[:2].tolist() == pytest.approx([math.log(0.9), math.log(0.5)], abs=0.02)
    assert found.status is Status.UNSETTLED
    assert any("exponents 3 are not known" in note for note in found.notes)


@pytest.mark.parametrize(("gain", "wanted"), [(4.0, math.log(2)), (2.0, -math.inf), (2.5, math.log(0.5))])
def test_the_logistic_map(gain, wanted):
    found = lyapunov_spectrum(
        MapFlow(lambda x: gain * x * (1 - x), (1,)), torch.tensor([0.3]).double(), duration_ms=1000,
        transient_ms=100, dt=1, every=10,
    )  # fmt: skip
    value = float(found.exponents)
    assert value == pytest.approx(wanted, abs=0.03) or (wanted == -math.inf and value < -20)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"duration_ms": 1e12}, "duration_ms = 1e.12 takes 1e.12 steps"),
        ({"transient_ms": 1e12}, "transient_ms = 1e.12 takes"),
        ({"duration_ms": math.inf}, "duration_ms must be a finite"),
        ({"duration_ms": math.nan}, "duration_ms must be a finite"),
        ({"dt": -1.0}, "dt must be a finite"),
        ({"tol": 0.0}, "tol must be a finite"),
        ({"tol": -1.0}, "tol must be a finite"),
        ({"k": 0}, "k must be from 1"),
        ({"k": 10**6}, "k must be from 1"),
        ({"k": 1.5}, "k must be a whole number, got 1.5"),
        ({"every": 0.5}, "every must be a whole number, got 0.5"),
        ({"duration_ms": 1e8, "every": 1, "k": 2}, "would keep 200,000,000 growth rates"),
    ],
)
def test_bad_arguments_are_refused(change, words):
    asked = {"k": 1, "duration_ms": 100.0, "dt": 1.0} | change
    with pytest.raises(ValueError, match=words):
        lyapunov_spectrum(linear(-torch.eye(2).double()), draw(2), asked.pop("k"), **asked)
