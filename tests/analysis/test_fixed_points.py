"""Fixed points against those that are known in closed form."""

import math

import pytest
import torch
from flow_examples import double_well, draw, line, linear, lorenz, random_tanh, ring
from numpy.testing import assert_allclose

from cordsnet import create_model, steady_state
from cordsnet.analysis.flows import linear_algebra
from cordsnet.analysis.flows.fixed_points import fixed_points, sample_starts
from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow, RateFlow
from cordsnet.analysis.flows.network_flow import NetworkFlow
from cordsnet.analysis.flows.slow_points import slow_points
from cordsnet.analysis.krylov import gmres
from cordsnet.analysis.operators import ConvOperator, MatrixOperator
from cordsnet.analysis.status import Status
from oracles import random_images


def sorted_rows(points):
    return torch.tensor(sorted(points.tolist()), dtype=points.dtype)


def test_all_points_of_a_double_well_are_found():
    found = fixed_points(double_well(), 1.5 * draw(20, 2))
    assert_allclose(sorted_rows(found.points), [[-1, 0], [0, 0], [1, 0]], atol=1e-8)
    order = found.points[:, 0].argsort()
    assert found.stable[order].tolist() == [True, False, True]
    assert_allclose(found.leading[order].real, [-1.0, 1.0, -1.0], atol=1e-8)
    assert int(found.start_counts.sum()) == 20 - found.failed_starts == 20
    assert bool((found.residual <= 1e-9).all())
    assert bool((found.leading_residual < 1e-12).all())
    assert_allclose(found.q, 0, atol=1e-18)


def test_lorenz_has_three_unstable_points():
    side = math.sqrt(8 / 3 * 27)
    found = fixed_points(lorenz(), 10 * draw(30, 3) + torch.tensor([0.0, 0.0, 20.0]).double())
    assert_allclose(sorted_rows(found.points), [[-side, -side, 27], [0, 0, 0], [side, side, 27]], atol=1e-6)
    assert not bool(found.stable.any())
    pair = found.leading[found.points[:, 0].abs() > 1]
    assert_allclose(pair.real, 0.09396, atol=1e-4)
    assert_allclose(pair.imag.abs(), 10.1945, atol=1e-3)


def test_relaxation_finds_only_stable_points():
    found = fixed_points(double_well(), 1.5 * draw(20, 2), relax_ms=30.0, dt=0.1)
    assert_allclose(sorted_rows(found.points), [[-1, 0], [1, 0]], atol=1e-8)
    assert bool(found.stable.all())


def test_gmres_finds_the_same_points(monkeypatch):
    flow = random_tanh(40, 1.6, 1)
    dense = fixed_points(flow, draw(8, 40), stability=False)
    monkeypatch.setattr(linear_algebra, "DENSE", 0)
    free = fixed_points(flow, draw(8, 40), stability=False)
    assert len(free) > 1
    for point in free.points:
        assert float(flow.velocity(point[None]).norm()) < 1e-7
    near = torch.cdist(free.points, dense.points).amin(1)
    assert int((near < 1e-6).sum()) >= 2


def test_states_may_be_maps_in_single_precision():
    flow = RateFlow(ConvOperator(0.3 * draw(2, 2, 3, 3, dtype=torch.float32), (4, 5)), 0.2, "softplus")
    found = fixed_points(flow, draw(4, 2, 4, 5, dtype=torch.float32))
    assert found.points.shape == (1, 2, 4, 5)
    assert found.start_counts.tolist() == [4]
    values = torch.linalg.eigvals(flow.jacobian(found.points[0]).to_dense().double())
    assert float(found.leading.real) == pytest.approx(float(values.real.max()), abs=1e-6)


def test_the_fixed_point_of_a_network_is_its_steady_state():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=2, seed=1).double()
    image = random_images(model.spec, batch=1).double()
    flow = NetworkFlow(model, image)
    found = fixed_points(flow, draw(3, *flow.domain).abs(), stability=False)
    settled = steady_state(model, image, tol=1e-10)
    near = (found.points - flow.pack(settled.rates)).norm(dim=1) / flow.pack(settled.rates).norm()
    assert float(near.min()) < 1e-7


def test_stability_of_a_map_depends_on_its_multipliers():
    found = fixed_points(MapFlow(lambda x: 2.5 * x * (1 - x), (1,)), torch.tensor([[0.1], [0.5], [0.9]]).double())
    assert_allclose(sorted_rows(found.points), [[0.0], [0.6]], atol=1e-9)
    assert found.stable[found.points[:, 0].argsort()].tolist() == [False, True]


def test_points_of_a_line_attractor_have_an_eigenvalue_of_zero():
    found = fixed_points(line(), draw(10, 8))
    assert len(found) == 10
    assert_allclose(found.leading.real, 0, atol=1e-12)


def test_bumps_of_a_ring_are_neutral_along_it_and_the_uniform_state_is_unstable():
    flow = ring()
    found = fixed_points(flow, draw(12, 64), relax_ms=600.0, dt=2.0)
    assert len(found) == 12
    assert float(found.leading.real.abs().max()) < 2e-3  # against 1 / tau = 0.1: discrete units leave ripples
    even = fixed_points(flow, torch.full((1, 64), 0.4, dtype=torch.float64))
    assert_allclose(even.points, 0.5, atol=1e-9)  # r = 1 - r
    assert float(even.leading[0].real) == pytest.approx((4.0 / 2 - 1) / 10, abs=1e-9)  # cos, with gain tuned / 2


def test_stability_of_large_networks_comes_from_products():
    flow = RateFlow(ConvOperator(0.1 * draw(3, 3, 3, 3), (12, 12)), 0.2, "softplus")
    found = fixed_points(flow, draw(2, 3, 12, 12))
    assert len(found) == 1
    values = torch.linalg.eigvals(flow.jacobian(found.points[0]).to_dense())
    assert float(found.leading[0].real) == pytest.approx(float(values.real.max()), abs=1e-6)
    assert found.leading_status == (Status.CONVERGED,)
    assert float(found.leading_residual) < 1e-6


def ghost(mu):
    """dx/dt = mu + x^2, dy/dt = -y: for mu > 0 the points have met and gone."""
    return FunctionFlow(lambda s: torch.stack([mu + s[..., 0] ** 2, -s[..., 1]], -1), (2,))


def test_the_ghost_of_two_points_is_slow_and_not_fixed():
    starts = draw(6, 2)
    none = fixed_points(ghost(1e-3), starts)
    assert len(none) == 0
    assert none.failed_starts == 6
    assert set(none.statuses) <= {Status.STUCK, Status.ITERATIONS}
    slow = slow_points(ghost(1e-3), starts)
    assert len(slow) == 1
    assert_allclose(slow.points, [[0.0, 0.0]], atol=1e-4)
    assert float(slow.q[0]) == pytest.approx(0.5e-6, rel=1e-3)
    assert set(slow.statuses) == {Status.SLOW}
    assert len(slow_points(ghost(0.5), starts)) == 0


def test_slow_points_of_a_well_are_its_fixed_points():
    found = slow_points(double_well(), 1.5 * draw(12, 2), threshold=1e-4)
    assert len(found) == 3
    assert found.stable.sum() == 2


def test_starts_are_drawn_from_a_trajectory():
    path = draw(50, 3, seed=1)
    starts = sample_starts(lorenz(), path, 200, noise=0.0, seed=2)
    assert float(torch.cdist(starts, path).amin(1).max()) < 1e-7
    noisy = sample_starts(lorenz(), path, 200, noise=0.1, seed=2)
    assert float((noisy - starts).std()) == pytest.approx(0.1 * float(path.std()), rel=0.15)
    assert torch.equal(noisy, sample_starts(lorenz(), path, 200, noise=0.1, seed=2))


def test_a_velocity_that_is_not_finite_gives_a_status():
    flow = FunctionFlow(lambda x: torch.log(x) - 1, (1,))
    found = fixed_points(flow, torch.tensor([[-1.0], [2.0]], dtype=torch.float64))
    assert found.statuses == (Status.NOT_FINITE, Status.CONVERGED)
    assert float(found.points) == pytest.approx(math.e)
    assert slow_points(flow, torch.tensor([[-1.0]], dtype=torch.float64)).statuses == (Status.NOT_FINITE,)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda flow: fixed_points(flow, draw(4, 3)), "starts must be a batch of states of shape"),
        (lambda flow: fixed_points(flow, draw(4, 2).float()), "starts must be torch.float64"),
        (lambda flow: fixed_points(flow, draw(0, 2)), "starts must be a batch of states"),
        (lambda flow: fixed_points(flow, draw(4, 2), tol=-1.0), "tol must be a finite number"),
        (lambda flow: fixed_points(flow, draw(4, 2), max_iterations=0), "max_iterations must be at least 1"),
        (lambda flow: fixed_points(flow, draw(4, 2), merge=-1.0), "merge must be a share"),
        (lambda flow: fixed_points(flow, draw(4, 2), relax_ms=10.0), "dt must be given"),
        (lambda flow: slow_points(flow, draw(4, 2), threshold=0.0), "threshold must be a finite number"),
        (lambda flow: sample_starts(flow, draw(4, 2), 0), "count must be at least 1"),
        (lambda flow: sample_starts(flow, draw(4, 3), 2), "trajectory must be a batch"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(double_well())


def test_linear_systems_have_the_solution_of_the_matrix(monkeypatch):
    matrix, b = draw(6, 6), draw(6)
    wanted = torch.linalg.solve(matrix, b)
    assert_allclose(linear_algebra.solve(MatrixOperator(matrix), b), wanted, rtol=1e-9)
    monkeypatch.setattr(linear_algebra, "DENSE", 0)
    assert_allclose(linear_algebra.solve(MatrixOperator(matrix), b, tol=1e-10), wanted, rtol=1e-6)


def test_a_single_point_of_a_linear_flow_takes_one_step():
    found = fixed_points(linear(draw(3, 3)), draw(2, 3), max_iterations=2)
    assert_allclose(found.points, [[0, 0, 0]], atol=1e-8)


def cycle(units=320, silent=40):
    """Each unit hands its value to the next, which GMRES with restarts cannot solve; on the last ones nothing acts."""
    matrix = torch.zeros(units, units, dtype=torch.float64)
    live = units - silent
    matrix[torch.arange(live), (torch.arange(live) + 1) % live] = 1
    matrix[torch.arange(live, units), torch.arange(live, units)] = -0.5
    matrix[:live, live:] = 0.1 * draw(live, silent)
    return matrix


def test_systems_that_gmres_cannot_solve_are_solved_by_factors(monkeypatch):
    matrix, wanted = cycle(), draw(320, seed=1)
    systems = linear_algebra.LinearSystems()
    found = systems.solve(MatrixOperator(matrix), matrix @ wanted)
    assert not systems.by_products
    assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    monkeypatch.setattr(linear_algebra, "gmres", None)  # the search goes on without it
    assert_allclose(systems.solve(MatrixOperator(2 * matrix), matrix @ wanted), wanted / 2, rtol=1e-9, atol=1e-9)


def test_singular_and_large_systems_keep_the_best_that_products_give(monkeypatch):
    matrix, b = cycle(), draw(320)
    by_products = gmres(MatrixOperator(matrix), b, tol=1e-4).value
    monkeypatch.setattr(linear_algebra, "FACTORED", 319)
    assert torch.equal(linear_algebra.solve(MatrixOperator(matrix), b), by_products)
    monkeypatch.setattr(linear_algebra, "FACTORED", 320)
    matrix[0] = matrix[1]
    singular = MatrixOperator(matrix)
    assert torch.equal(linear_algebra.solve(singular, b), gmres(singular, b, tol=1e-4).value)


def test_a_point_whose_jacobian_gmres_cannot_invert_is_found():
    matrix, point = cycle(), draw(320, seed=1)
    flow = FunctionFlow(lambda x: (x - point) @ matrix.T, (320,))
    found = fixed_points(flow, 3 * draw(2, 320), stability=False)
    assert found.start_counts.tolist() == [2]
    assert_allclose(found.points[0], point, atol=1e-8)
