"""Jacobians of networks against automatic differentiation of the time step, and against finite differences."""

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import create_model, steady_state
from cordsnet.analysis.networks.jacobians import jacobian, rate_system
from cordsnet.dynamics import Activation, State
from oracles import CASCADE, DELAYS, FEEDBACK, PER_AREA_TAU, PER_UNIT_TAU, one_area, random_images, randomised, tiny_r

SPECS = {spec.name: spec for spec in (CASCADE, FEEDBACK, PER_AREA_TAU, PER_UNIT_TAU, tiny_r(4, 8), one_area())}


def at_random(spec, activation="relu"):
    """A network, an image, and rates of which about half are zero."""
    model = randomised(spec)
    model.activation = Activation(activation)
    draw = torch.Generator().manual_seed(4)
    rates = {
        area: torch.relu(torch.randn(1, *shape, generator=draw, dtype=torch.float64))
        for area, shape in model.shapes.items()
    }
    return model, random_images(spec, 1), rates


def flat(rates):
    return torch.cat([value.flatten() for value in rates.values()])


def step_jacobian(model, image, rates):
    """d r(t + dt) / d r(t) by automatic differentiation of the library's own Euler step."""
    system = model.system()
    held = system.hold({"image": image})
    sizes = [value.numel() for value in rates.values()]

    def step(vector):
        parts = torch.split(vector, sizes)
        state = State({a: p.view(r.shape) for (a, r), p in zip(rates.items(), parts, strict=True)})
        return flat(system.advance(state, held).rates)

    return torch.autograd.functional.jacobian(step, flat(rates)), system.dt


@pytest.mark.parametrize("activation", ["relu", "identity", "tanh", "softplus"])
@pytest.mark.parametrize("name", SPECS)
def test_the_flow_jacobian_is_the_derivative_of_an_euler_step(name, activation):
    model, image, rates = at_random(SPECS[name], activation)
    stepped, dt = step_jacobian(model, image, rates)
    op = jacobian(model, rates, image, of="flow")
    wanted = (stepped - torch.eye(len(stepped))) / dt
    dense = op.to_dense()
    # at a rate of exactly zero automatic differentiation takes the gate as closed, as we do
    assert_allclose(dense, wanted, atol=1e-12)
    assert_allclose(op.T.to_dense(), dense.T, atol=1e-13)


@pytest.mark.parametrize("name", SPECS)
def test_an_area_is_its_block_of_the_network(name):
    model, image, rates = at_random(SPECS[name])
    for of in ("target", "flow"):
        whole = jacobian(model, rates, image, of=of)
        for area in model.areas:
            own = jacobian(model, rates, image, area=area, of=of)
            x = own.random(torch.Generator().manual_seed(1), count=3)
            embedded = {a: torch.zeros(3, *shape, dtype=x.dtype) for a, shape in model.shapes.items()} | {area: x}
            assert_allclose(own.mv(x), whole.parts(whole.mv(whole.joined(embedded)))[area], atol=1e-12)
            assert_allclose(own.rmv(x), whole.parts(whole.rmv(whole.joined(embedded)))[area], atol=1e-12)


def test_a_connection_of_an_area_to_itself_is_part_of_its_block():
    from cordsnet import ConnectionSpec

    spec = one_area(
        connections=(
            ConnectionSpec("stem", "area1"),
            ConnectionSpec("area1", "area1", kernel=3, onto="drive"),
        )
    )
    model, image, rates = at_random(spec)
    own, whole = jacobian(model, rates, image, area="area1"), jacobian(model, rates, image)
    assert_allclose(own.to_dense(), whole.to_dense(), atol=1e-13)
    assert_allclose(own.T.to_dense(), own.to_dense().T, atol=1e-13)


def test_the_flow_is_the_derivative_of_the_velocity_by_differences():
    model, image, rates = at_random(FEEDBACK, "tanh")
    with torch.no_grad():
        system = model.system(0.001)
        held = system.hold({"image": image})

    def velocity(state):
        return (flat(system.advance(state, held).rates) - flat(state.rates)) / system.dt

    op = jacobian(model, rates, image, of="flow")
    change = {area: torch.randn(value.shape, dtype=value.dtype) * (value > 0) for area, value in rates.items()}
    up, down = (State({a: rates[a] + sign * 1e-6 * change[a] for a in rates}) for sign in (1, -1))
    found = op.mv(op.joined({area: value[0] for area, value in change.items()}))
    assert_allclose(found, (velocity(up) - velocity(down)) / 2e-6, rtol=1e-5, atol=1e-7)


def test_without_a_state_the_steady_state_is_used():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=4, image_size=12).double()
    image = torch.randn(1, 1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    settled = steady_state(model, image, tol=1e-8).rates
    x = torch.randn(4, 6, 6, dtype=torch.float64)
    for area in model.areas:
        own, given = jacobian(model, image=image, area=area), jacobian(model, settled, image, area)
        x = own.random(torch.Generator().manual_seed(2))
        assert_allclose(own.mv(x), given.mv(x), atol=1e-12)


def test_parts_and_joined_are_inverse():
    model, image, rates = at_random(FEEDBACK)
    op = jacobian(model, rates, image)
    vector = op.random(torch.Generator().manual_seed(0), count=2)
    assert torch.equal(op.joined(op.parts(vector)), vector)
    assert {area: tuple(part.shape[1:]) for area, part in op.parts(vector).items()} == dict(model.shapes)


def test_batches_can_change_size():
    model, image, rates = at_random(FEEDBACK)
    op = jacobian(model, rates, image)
    many = op.random(torch.Generator().manual_seed(0), count=5)
    for count in (1, 5, 2):
        assert_allclose(op.rmv(many[:count]), torch.stack([op.rmv(one) for one in many[:count]]), atol=1e-13)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"of": "step"}, "of must be one of"),
        ({"area": "area9"}, "area must be one of area1, area2"),
        ({"image": torch.zeros(2, 1, 5, 5, dtype=torch.float64)}, "image must be one"),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words):
    model, image, rates = at_random(CASCADE)
    given = {"model": model, "state": rates, "image": image} | change
    with pytest.raises((ValueError, TypeError), match=words):
        jacobian(**given)


def test_models_without_a_rate_equation_are_refused():
    with pytest.raises(TypeError, match="model must be a dynamical model"):
        rate_system(torch.nn.Linear(2, 2))


def test_a_state_of_several_trials_is_refused():
    model, image, rates = at_random(CASCADE)
    with pytest.raises(ValueError, match="one trial"):
        jacobian(model, State({a: r.expand(2, -1, -1, -1) for a, r in rates.items()}), image)


def test_delays_are_refused_for_the_network_and_not_for_an_area():
    model, image, rates = at_random(DELAYS)
    with pytest.raises(ValueError, match="has a delay"):
        jacobian(model, rates, image)
    assert jacobian(model, rates, image, area="low").shape == (50, 50)


def test_a_network_that_does_not_settle_raises():
    model = randomised(one_area(), bias=1.0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "recurrent" in name and name.endswith("original0"):
                parameter.fill_(40.0)
    with pytest.raises(ArithmeticError, match="did not settle"):
        jacobian(model, image=random_images(model.spec, 1), area="area1")
