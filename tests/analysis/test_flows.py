"""Flows: their steps against closed forms, their Jacobians against matrices and differences."""

import math

import pytest
import torch
from flow_examples import Lorenz, double_well, draw, linear, lorenz, random_tanh, ring
from numpy.testing import assert_allclose

from cordsnet import create_model
from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow, RateFlow
from cordsnet.analysis.flows.network_flow import NetworkFlow
from cordsnet.analysis.operators import ConvOperator, MatrixOperator
from oracles import random_images


def small_network(**choices):
    torch.manual_seed(0)
    options = {"in_channels": 1, "num_classes": 3, "image_size": 8, "width": 2, "seed": 1} | choices
    model = create_model("cordsnet_r2_small", **options).double()
    with torch.no_grad():
        for bias in model.bias.values():
            bias.uniform_(-0.1, 0.3)
    return model


def network_flow(stepper="rk4"):
    model = small_network()
    return NetworkFlow(model, random_images(model.spec, batch=1).double(), stepper)


def conv_flow():
    kernel = 0.2 * draw(2, 2, 3, 3)
    return RateFlow(ConvOperator(kernel, (4, 5)), draw(2, 4, 5, seed=1), "softplus", 10.0)


FLOWS = {
    "lorenz": lorenz,
    "lorenz_autograd": lambda: FunctionFlow(Lorenz.formula, (3,)),
    "double_well": double_well,
    "tanh": lambda: random_tanh(12, 1.5, 0),
    "ring": lambda: ring(16),
    "conv": conv_flow,
    "network": network_flow,
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_jacobian_equals_finite_differences(name):
    flow = FLOWS[name]()
    x, v = draw(*flow.domain, seed=2).abs(), draw(3, *flow.domain, seed=3)
    h = 1e-6
    wanted = torch.stack(
        [(flow.velocity(x[None] + h * one) - flow.velocity(x[None] - h * one))[0] / (2 * h) for one in v]
    )
    op = flow.jacobian(x)
    assert_allclose(op.mv(v), wanted.detach(), atol=1e-7)
    y = draw(3, *flow.domain, seed=4)
    assert float((op.mv(v) * y).sum()) == pytest.approx(float((v * op.rmv(y)).sum()), rel=1e-10)


@pytest.mark.parametrize("name", FLOWS)
def test_the_linear_step_is_the_derivative_of_the_step(name):
    flow = FLOWS[name]()
    x, v, dt, h = draw(*flow.domain, seed=2).abs(), draw(2, *flow.domain, seed=3), 0.01, 1e-6
    after, carried = flow.linear_step(x, v, dt)
    assert_allclose(after, flow.step(x[None], dt)[0], atol=1e-14)
    assert_allclose(carried, (flow.step(x + h * v, dt) - flow.step(x - h * v, dt)) / (2 * h), atol=1e-7)


def test_steppers_have_their_order():
    matrix = torch.tensor([[-0.3, 1.0], [-1.0, -0.1]], dtype=torch.float64)
    exact = torch.linalg.matrix_exp(2 * matrix) @ torch.tensor([1.0, 0.5], dtype=torch.float64)
    for stepper, order in (("euler", 1), ("rk4", 4)):
        flow = FunctionFlow(lambda x: x @ matrix.T, (2,), stepper=stepper)
        errors = []
        for steps in (20, 40):
            x = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
            for _ in range(steps):
                x = flow.step(x, 2 / steps)
            errors.append(float((x[0] - exact).norm()))
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_euler_steps_of_a_network_are_those_of_its_simulation():
    flow = network_flow("euler")
    state = flow.system.zero_state(1)
    x = flow.pack(state.rates)
    for _ in range(5):
        with torch.no_grad():
            state = flow.system.advance(state, flow.held)
        x = flow.step(x, flow.system.dt)
    assert_allclose(x, flow.pack(state.rates), atol=1e-13)


def test_unpacking_inverts_packing():
    flow = network_flow()
    x = draw(3, *flow.domain)
    assert torch.equal(flow.pack(flow.unpack(x)), x)
    assert torch.equal(flow.pack(flow.unpack(x[0])), x[0])
    assert {area: part.shape for area, part in flow.unpack(x[0]).items()} == flow.shapes


def test_a_map_has_steps_of_one():
    flow = MapFlow(lambda x: 3.7 * x * (1 - x), (1,))
    x = torch.tensor([[0.3]], dtype=torch.float64)
    assert_allclose(flow.step(x, 1.0), 3.7 * 0.3 * 0.7)
    assert_allclose(flow.linear_step(x[0], torch.ones(1, 1, dtype=torch.float64), 1.0)[1], 3.7 * (1 - 0.6))
    with pytest.raises(ValueError, match="dt must be 1 for a map"):
        flow.step(x, 0.1)


def test_flows_work_in_single_precision():
    flow = RateFlow(MatrixOperator(draw(5, 5, dtype=torch.float32)), 0.1, "tanh")
    x = draw(2, 5, dtype=torch.float32)
    assert flow.step(x, 1.0).dtype == flow.jacobian(x[0]).mv(x).dtype == torch.float32


@pytest.mark.usefixtures("as_users_run_it")
def test_bad_arguments_are_named_in_the_error():
    with pytest.raises(ValueError, match="stepper must be one of euler, rk4, got 'leapfrog'"):
        FunctionFlow(lambda x: x, (2,), stepper="leapfrog")
    with pytest.raises(ValueError, match="domain must be the shape"):
        FunctionFlow(lambda x: x, (0,))
    with pytest.raises(ValueError, match="function must return the shape it is given, got \\[2\\]"):
        FunctionFlow(lambda x: x[:, 0], (3,)).velocity(draw(2, 3))
    with pytest.raises(ValueError, match="operator must be square"):
        RateFlow(MatrixOperator(draw(2, 3)))
    with pytest.raises(ValueError, match="tau_ms must be a finite number above 0"):
        RateFlow(MatrixOperator(draw(2, 2)), tau_ms=0.0)
    with pytest.raises(ValueError, match="starts must be a batch of states of shape \\[3\\], got shape \\[3\\]"):
        lorenz().check_states(draw(3))
    with pytest.raises(TypeError, match=r"starts must be torch\.float64"):
        lorenz().check_states(draw(1, 3, dtype=torch.float32))
    model = small_network()
    with pytest.raises(ValueError, match="image must be one image"):
        NetworkFlow(model, random_images(model.spec, batch=2).double())


def test_linear_flows_are_linear():
    assert_allclose(linear([[1.0, 2.0], [3.0, 4.0]]).jacobian(draw(2)).to_dense(), [[1.0, 2.0], [3.0, 4.0]])
