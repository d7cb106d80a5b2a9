"""Branches and bifurcations against normal forms."""

import math

import pytest
import torch
from flow_examples import draw
from numpy.testing import assert_allclose

from cordsnet.analysis.flows import linear_algebra
from cordsnet.analysis.flows.continuation import continue_fixed_point
from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow, RateFlow
from cordsnet.analysis.operators import ConvOperator, MatrixOperator
from cordsnet.analysis.status import Status


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def plane(velocity):
    """x, y -> dx/dt, dy/dt."""
    return FunctionFlow(lambda s: torch.stack(velocity(s[..., 0], s[..., 1]), -1), (2,))


def test_a_fold_is_passed():
    """dx/dt = mu + x^2: x = -sqrt(-mu) is stable, meets sqrt(-mu) at mu = 0, and the branch goes back."""
    branch = continue_fixed_point(lambda mu: plane(lambda x, y: (mu + x**2, -y)), numbers(-1.0, 0.0), (-1.0, 1.0))
    assert branch.status is Status.CONVERGED
    assert_allclose(branch.values, -(branch.points[:, 0] ** 2), atol=1e-7)
    assert float(branch.points[-1, 0]) == pytest.approx(1.0, abs=1e-4)
    (fold,) = branch.bifurcations
    assert (fold.kind, fold.status) == ("fold", Status.CONVERGED)
    assert abs(fold.value) < 1e-9
    assert abs(fold.eigenvalue) < 1e-4
    assert branch.stable[0]
    assert not branch.stable[-1]
    assert_allclose(branch.leading[:, 0].real, torch.maximum(2 * branch.points[:, 0], numbers(-1.0)), atol=1e-6)


def pitchfork(g):
    return FunctionFlow(lambda x: torch.tanh(g * x) - x, (1,))


def test_a_pitchfork_of_tanh_at_a_gain_of_one():
    branch = continue_fixed_point(pitchfork, numbers(0.0), (0.5, 1.5))
    (fork,) = branch.bifurcations
    assert (fork.kind, fork.status) == ("branch", Status.CONVERGED)
    assert fork.value == pytest.approx(1.0, abs=2e-6)
    assert_allclose(branch.points, 0, atol=1e-12)
    assert_allclose(branch.leading[:, 0].real, branch.values - 1, atol=1e-9)


def test_the_upper_branch_of_a_pitchfork_is_stable():
    start = numbers(0.8586)  # x = tanh(1.5 x)
    branch = continue_fixed_point(pitchfork, start, (1.5, 1.1), step=0.02)
    assert branch.bifurcations == ()
    assert bool(branch.stable.all())
    assert_allclose(torch.tanh(branch.values * branch.points[:, 0]), branch.points[:, 0], atol=1e-7)
    assert float(branch.values[-1]) == pytest.approx(1.1, abs=1e-4)


def test_a_transcritical_point():
    branch = continue_fixed_point(lambda mu: plane(lambda x, y: (mu * x - x**2, -y)), numbers(0.0, 0.0), (-1.0, 1.0))
    assert [one.kind for one in branch.bifurcations] == ["branch"]
    assert branch.bifurcations[0].value == pytest.approx(0.0, abs=1e-5)


def test_a_hopf_point():
    def normal_form(mu):
        return plane(lambda x, y: (mu * x - 2 * y - x * (x**2 + y**2), 2 * x + mu * y - y * (x**2 + y**2)))

    branch = continue_fixed_point(normal_form, numbers(0.0, 0.0), (-0.5, 0.7))
    (hopf,) = branch.bifurcations
    assert hopf.kind == "hopf"
    assert hopf.value == pytest.approx(0.0, abs=1e-5)
    assert abs(hopf.eigenvalue.imag) == pytest.approx(2.0, abs=1e-5)
    assert branch.unstable.tolist()[0] == 0
    assert branch.unstable.tolist()[-1] == 2


def two_neurons(gain):
    """Mutual inhibition, tau dx/dt = -x + tanh(A x): x1 = x2 = 0 gives way to a winner where gain x 1 = 1."""
    return RateFlow(MatrixOperator(gain * numbers(0.0, -1.0, -1.0, 0.0).view(2, 2)), 0.0, "tanh", 10.0)


def test_two_neurons_that_inhibit_each_other():
    branch = continue_fixed_point(two_neurons, numbers(0.0, 0.0), (0.2, 1.8))
    (fork,) = branch.bifurcations
    assert fork.kind == "branch"
    assert fork.value == pytest.approx(1.0, abs=1e-5)
    assert_allclose(branch.leading[:, 0].real, (branch.values - 1) / 10, atol=1e-9)


def test_a_bistable_neuron_has_two_folds():
    """tau dx/dt = -x + tanh(2 x + h): folds where tanh' = 1/2, at h = +-(arctanh(1/sqrt 2) - 2 / sqrt 2)."""

    def neuron(h):
        return RateFlow(MatrixOperator(numbers(2.0).view(1, 1)), h, "tanh", 10.0)

    branch = continue_fixed_point(neuron, numbers(-0.99), (-1.5, 1.5), step=0.05)
    edge = 2 / math.sqrt(2) - math.atanh(1 / math.sqrt(2))
    assert [one.kind for one in branch.bifurcations] == ["fold", "fold"]
    assert_allclose([one.value for one in branch.bifurcations], [edge, -edge], atol=1e-8)
    assert float(branch.values[-1]) == pytest.approx(1.5, abs=1e-5)
    assert branch.status is Status.CONVERGED


def test_gmres_follows_the_same_branch(monkeypatch):
    kernel = 0.1 * draw(2, 2, 3, 3)

    def flow_of(gain):
        return RateFlow(ConvOperator(gain * kernel, (3, 4)), 0.3, "softplus", 10.0)

    start = torch.zeros(2, 3, 4, dtype=torch.float64)
    dense = continue_fixed_point(flow_of, start, (0.0, 1.0), step=0.2)
    monkeypatch.setattr(linear_algebra, "DENSE", 0)
    free = continue_fixed_point(flow_of, start, (0.0, 1.0), step=0.2)
    assert_allclose(free.points, dense.points, atol=1e-5)
    assert_allclose(free.values, dense.values, atol=1e-5)
    assert_allclose(free.leading[:, 0].real, dense.leading[:, 0].real, atol=1e-6)


def test_a_branch_longer_than_max_points_has_status_iterations():
    branch = continue_fixed_point(pitchfork, numbers(0.0), (0.5, 1.5), max_points=5)
    assert branch.status is Status.ITERATIONS
    assert len(branch.values) == 5


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({"start": draw(2)}, "start must be a batch of states", ValueError),
        ({"span": (1.0, 1.0)}, "span must be two different numbers", ValueError),
        ({"k": 0}, "max_points must be at least 2 and k 1", ValueError),
        ({"step": -1.0}, "step must be a finite number above 0", ValueError),
        ({"tol": 0.0}, "tol must be a finite number above 0", ValueError),
        ({"flow_of": lambda g: MapFlow(lambda x: g * x, (1,))}, "continuous time, got a map", ValueError),
        ({"flow_of": lambda g: FunctionFlow(lambda x: x**2 + 1, (1,))}, "start led to no fixed point", ArithmeticError),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words, error):
    asked = {"flow_of": pitchfork, "start": numbers(0.0), "span": (0.5, 1.5)} | change
    with pytest.raises(error, match=words):
        continue_fixed_point(asked.pop("flow_of"), asked.pop("start"), asked.pop("span"), **asked)
