"""Order of convergence measured against the matrix exponential, and fixed points that do not depend on dt."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.linalg import expm

from cordsnet import show, simulate
from cordsnet.dynamics import STEPPERS, Activation
from oracles import DELAYS, NETWORKS, dense_convolution, kernel, one_area, random_images, randomised

TAU, DURATION = 10.0, 16.0
COARSE_TO_FINE = (1.0, 0.5, 0.25, 0.125)


def exact_rates(model, images, ms):
    """r(t) of tau dr/dt = -r + K r + b + F h from rest: (I - exp(A t)) (I - K)^-1 (b + F h), A = (K - I) / tau."""
    recurrent, feedforward, stem = (
        dense_convolution(kernel(model, name).numpy(), 4, 4)
        for name in ("recurrent.area1", "feedforward.area1", "stem")
    )
    drive = feedforward @ stem @ images.numpy().reshape(len(images), -1).T
    drive = drive + model.bias["area1"].detach().numpy().reshape(-1, 1)
    one = np.eye(len(recurrent))
    fixed_point = np.linalg.solve(one - recurrent, drive)
    return ((one - expm((recurrent - one) * ms / TAU)) @ fixed_point).T


@pytest.mark.parametrize("stepper", STEPPERS.names())
def test_steppers_converge_at_the_order_they_declare(stepper):
    model = randomised(one_area())
    model.activation = Activation("identity")
    images = random_images(model.spec)
    wanted = exact_rates(model, images, DURATION)
    errors = []
    for dt in COARSE_TO_FINE:
        traj = simulate(model, show(images, DURATION), dt=dt, stepper=stepper, record="all", initial_state="zero")
        errors.append(np.linalg.norm(traj.rates["area1"][-1].flatten(1).numpy() - wanted))
    slope, _ = np.polyfit(np.log(COARSE_TO_FINE), np.log(errors), 1)
    assert abs(slope - STEPPERS[stepper].order) < 0.1
    assert errors[-1] < 0.02 * np.linalg.norm(wanted)


@pytest.mark.parametrize("stepper", STEPPERS.names())
@pytest.mark.parametrize("name", ["cascade", "feedback", "delays", "per_unit_tau"])
def test_a_stable_fixed_point_does_not_depend_on_dt(name, stepper):
    model = randomised(NETWORKS[name])
    if stepper == "rk4" and name == "delays":
        with pytest.raises(ValueError, match=r"'rk4' reads between steps, but .* is read with a delay; use 'heun'"):
            model.system(2.0, stepper)
        return
    with torch.no_grad():
        for name_of, parameter in model.wiring.named_parameters():
            if name_of.endswith("original0") and not name_of.startswith("stem"):
                parameter.mul_(0.4)  # weak loops, so that there is one stable fixed point
    images = random_images(model.spec)
    ends = []
    for dt in (1.0, 2.0):
        options = {"dt": dt, "stepper": stepper, "record": "all"}
        traj = simulate(model, show(images, 600), initial_state="zero", **options)
        later = simulate(model, show(images, 2), initial_state=traj.final_state, **options)
        for area in model.areas:
            assert_allclose(later.rates[area][-1], traj.rates[area][-1], rtol=1e-8, atol=1e-8, err_msg=area)
        ends.append(traj.final_state.rates)
    for area in model.areas:
        assert ends[0][area].any()
        assert_allclose(ends[1][area], ends[0][area], rtol=1e-8, atol=1e-8, err_msg=area)


@pytest.mark.parametrize("stepper", [name for name in STEPPERS if name != "rk4"])
def test_halving_dt_halves_the_difference_to_the_next_finer_dt(stepper):
    model = randomised(DELAYS)
    images = random_images(model.spec)
    ends = [
        simulate(model, show(images, 20), dt=dt, stepper=stepper, record="all", initial_state="zero").rates["high"][-1]
        for dt in COARSE_TO_FINE
    ]
    steps = [float((coarse - fine).norm()) for coarse, fine in pairwise(ends)]
    for large, small in pairwise(steps):
        assert large / small > 1.7
