"""Solvers of x = f(x): random contractions of known solution, costs, statuses, and gradients of every rule."""

import pytest
import torch
from torch.testing import assert_close

from cordsnet.dynamics import Solver, Status, anderson, broyden, fixed_point_iteration
from cordsnet.dynamics.solver import METHODS, tie_to_graph

SOLVERS = {"anderson": anderson, "broyden": broyden, "fixed_point": fixed_point_iteration}


def contraction(size, norm, seed=0, batch=4, symmetric=False):
    """x -> A x + b for every sample, |A| = norm, and its fixed point."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(size, size, generator=generator, dtype=torch.float64)
    draw = draw + draw.T if symmetric else draw
    a = norm * draw / torch.linalg.matrix_norm(draw, 2)
    b = torch.randn(batch, size, generator=generator, dtype=torch.float64)
    return (lambda x: x @ a.T + b), torch.linalg.solve(torch.eye(size, dtype=torch.float64) - a, b.T).T, a


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("norm", [0.3, 0.8])
def test_contractions_are_solved(method, norm):
    f, solution, _ = contraction(30, norm)
    found = SOLVERS[method](f, torch.zeros_like(solution), tol=1e-11, max_iterations=200)
    assert set(found.status) == {Status.CONVERGED}
    assert bool((found.residual <= 1e-11).all())
    assert_close(found.value, solution, rtol=1e-9, atol=1e-9)
    assert_close(Solver(tol=1e-11, method=method, max_iterations=200).find(f, 0 * solution).value, solution)


@pytest.mark.parametrize("method", METHODS)
def test_maps_that_bend_are_solved(method):
    _, _, a = contraction(20, 0.9)
    b = torch.randn(3, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = SOLVERS[method](lambda x: torch.tanh(x @ a.T + b), torch.zeros_like(b), tol=1e-10, max_iterations=300)
    assert set(found.status) == {Status.CONVERGED}
    assert_close(found.value, torch.tanh(found.value @ a.T + b), rtol=0, atol=1e-8)


def test_broyden_and_anderson_need_fewer_evaluations_than_plain_iteration():
    f, solution, _ = contraction(30, 0.98, symmetric=True)
    start = torch.zeros_like(solution)
    cost = {name: solve(f, start, tol=1e-9, max_iterations=2000).evaluations for name, solve in SOLVERS.items()}
    assert 1.5 * cost["anderson"] < cost["fixed_point"]
    assert 1.5 * cost["broyden"] < cost["fixed_point"]


def test_broyden_ends_within_twice_the_size_on_a_linear_problem():
    """Gay (1979): the "good" method solves n linear equations in at most 2n steps."""
    f, solution, _ = contraction(8, 5.0)
    found = broyden(f, torch.zeros_like(solution), tol=1e-9, max_iterations=40, memory=40)
    assert found.evaluations <= 2 * 8 + 1
    assert_close(found.value, solution, rtol=1e-7, atol=1e-7)


def test_broyden_takes_the_secant_step_of_one_equation():
    def f(x):
        return torch.cos(x)

    x, seen = torch.tensor([[0.0]], dtype=torch.float64), []
    broyden(lambda x: seen.append(float(x)) or f(x), x, tol=1e-14, max_iterations=6)
    a, b = 0.0, 1.0  # the first step is f itself
    for found in seen[2:]:
        g = [float(f(torch.tensor(p, dtype=torch.float64))) - p for p in (a, b)]
        a, b = b, b - g[1] * (b - a) / (g[1] - g[0])
        assert found == pytest.approx(b, rel=1e-10)


@pytest.mark.parametrize("memory", [1, 3])
def test_broyden_with_little_memory_still_converges(memory):
    f, solution, _ = contraction(30, 0.5)
    found = broyden(f, torch.zeros_like(solution), tol=1e-9, max_iterations=200, memory=memory)
    assert_close(found.value, solution, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_each_sample_has_a_status_and_the_best_iterate(method):
    slopes = torch.tensor([[0.5], [1.0]], dtype=torch.float64)
    found = SOLVERS[method](lambda x: slopes * x + 1, torch.zeros(2, 1).double(), tol=1e-10, max_iterations=40)
    assert found.status[0] is Status.CONVERGED
    assert found.status[1] is not Status.CONVERGED
    assert found.value[0].item() == pytest.approx(2)
    assert bool(torch.isfinite(found.value).all())
    blown = SOLVERS[method](lambda x: x**3 * 1e200 + 1, torch.ones(1, 1).double(), tol=1e-10)
    assert blown.status == (Status.DIVERGED,)
    assert bool(torch.isfinite(blown.value).all())
    short = SOLVERS[method](lambda x: 0.99 * x + 1, torch.zeros(1, 3), tol=1e-14, max_iterations=1)
    assert short.status == (Status.STALLED,)
    assert short.evaluations == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_does_not_depend_on_the_others(method):
    """A sample that has converged keeps its value while slower ones go on; one that diverges spreads nothing."""
    slopes = torch.tensor([[0.2], [0.97], [1e80]], dtype=torch.float64)

    def solve(rows):
        def f(x):
            return torch.where(slopes[rows] > 1, slopes[rows] * x**3, torch.cos(x) * slopes[rows]) + 1

        return SOLVERS[method](f, torch.ones(len(slopes[rows]), 5).double(), tol=1e-6, max_iterations=300)

    together = solve(slice(None))
    for k in range(3):
        assert_close(together.value[k : k + 1], solve(slice(k, k + 1)).value, rtol=1e-13, atol=0)
    assert together.status == (Status.CONVERGED, Status.CONVERGED, Status.DIVERGED)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_scale_of_values_makes_no_difference(method, scale):
    """The ridge of Anderson acceleration is relative to the Gram matrix; residuals are relative to f."""
    f, solution, _ = contraction(30, 0.8)
    one = SOLVERS[method](f, torch.zeros_like(solution), tol=1e-9, max_iterations=200)
    other = SOLVERS[method](lambda x: scale * f(x / scale), torch.zeros_like(solution), tol=1e-9, max_iterations=200)
    assert abs(one.evaluations - other.evaluations) <= 1
    assert_close(other.value / scale, one.value, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_maps_keep_their_layout(method):
    start = torch.zeros(2, 3, 4, 5).double().contiguous(memory_format=torch.channels_last)
    found = SOLVERS[method](lambda x: 0.5 * x + 1, start, tol=1e-10)
    assert_close(found.value, torch.full_like(start, 2))


def gradients_of(solver, norm=0.5):
    """Gradient of a loss at the fixed point of x = tanh(A x + b) in A, and that of many iterations."""
    _, _, a = contraction(12, norm)
    b = torch.randn(3, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def loss(value):
        return (value * torch.linspace(1, 2, 12, dtype=torch.float64)).sum()

    weight = a.clone().requires_grad_()
    found = solver.find(lambda x: torch.tanh(x @ weight.T + b), torch.zeros_like(b))
    value = tie_to_graph(lambda x: torch.tanh(x @ weight.T + b), found.value, solver)
    (ours,) = torch.autograd.grad(loss(value), weight)
    x = torch.zeros_like(b)
    for _ in range(300):
        x = torch.tanh(x @ weight.T + b)
    return ours, torch.autograd.grad(loss(x), weight)[0]


@pytest.mark.parametrize("method", METHODS)
def test_implicit_gradients_are_those_of_many_iterations(method):
    ours, theirs = gradients_of(Solver(tol=1e-13, method=method))
    assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_phantom_gradients_approach_the_implicit_one_step_by_step():
    def error(terms):
        ours, theirs = gradients_of(Solver(tol=1e-13, gradient="phantom", terms=terms))
        return float((ours - theirs).norm() / theirs.norm())

    errors = [error(terms) for terms in (1, 5, 20, 60)]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < 0.1
    assert errors[3] < 1e-9


def test_a_full_phantom_step_is_a_neumann_series():
    for terms in (0, 3):
        one, _ = gradients_of(Solver(tol=1e-14, gradient="phantom", damping=1.0, terms=terms + 1))
        other, _ = gradients_of(Solver(tol=1e-14, gradient="neumann", terms=terms))
        assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "newton"}, "method must be 'anderson', 'broyden' or 'fixed_point', got 'newton'"),
        ({"gradient": "exact"}, "gradient must be 'implicit', 'neumann' or 'phantom', got 'exact'"),
        ({"damping": 0.0}, "damping must be a finite number above 0"),
        ({"damping": 1.5}, "damping must be at most 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Solver(**changes)
