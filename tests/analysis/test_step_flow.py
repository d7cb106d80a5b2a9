"""One step of any model as a map: its derivative, fixed points and what is refused."""

import pytest
import torch

from cordsnet import create_model, simulate
from cordsnet.analysis import NetworkFlow, StepFlow, fixed_points, lyapunov_spectrum
from cordsnet.dynamics import Solver, steady_state
from cordsnet.stimuli import show

SMALL = {"in_channels": 1, "image_size": 8, "num_classes": 3}


def made(name, size=8, **changes):
    torch.manual_seed(0)
    model = create_model(name, **SMALL | {"image_size": size} | changes).double().eval()
    return model, torch.randn(1, 1, size, size, dtype=torch.float64)


@pytest.mark.parametrize(
    "name",
    [
        "convlstm_small",
        "convgru_small",
        "blt_sync_blt_small",
        "cornet_rt_small",
        "cnn_rnn_small",
        "cords_attention_r2_small",
    ],
)
def test_its_derivative_is_that_of_finite_differences(name):
    model, image = made(name, size=16 if "blt" in name else 8)
    flow = StepFlow(model, image)
    generator = torch.Generator().manual_seed(1)
    x = flow.path(5)[-1]
    x = x + 0.05 * torch.rand(flow.units, dtype=x.dtype, generator=generator)  # off the kinks of units with no drive
    ahead, back = (torch.randn(flow.units, dtype=torch.float64, generator=generator) for _ in range(2))
    jacobian, small = flow.jacobian(x), 1e-6
    difference = (flow.velocity((x + small * ahead)[None]) - flow.velocity((x - small * ahead)[None]))[0] / (2 * small)
    torch.testing.assert_close(jacobian.mv(ahead), difference, rtol=1e-5, atol=1e-6)
    assert float(back @ jacobian.mv(ahead)) == pytest.approx(
        float(ahead @ jacobian.apply_transpose(back[None])[0]), rel=1e-9
    )


def test_a_path_is_that_of_the_simulation():
    model, image = made("convlstm_small")
    flow = StepFlow(model, image)
    path = flow.path(6)
    found = simulate(model, show(image, 6 * model.dt_ms), record="all").rates
    for area, rates in found.items():
        torch.testing.assert_close(flow.unpack(path[1:])[area], rates[:, 0])
    torch.testing.assert_close(flow.step(path[2:3])[0], path[3])
    states = path[1:4]  # several states under one image
    torch.testing.assert_close(flow.step(states), path[2:5])


def test_a_step_of_a_rate_equation_is_a_step_of_euler():
    model, image = made("cordsnet_r2_small", width=2)
    step, flow = StepFlow(model, image), NetworkFlow(model, image, "euler")
    x = step.path(4)[-1]
    torch.testing.assert_close(step.step(x[None]), flow.step(x[None], model.dt_ms))
    direction = torch.randn_like(x)
    torch.testing.assert_close(step.jacobian(x).mv(direction), model.dt_ms * flow.jacobian(x).mv(direction))
    point = fixed_points(step, step.path(200)[-1:])
    settled = steady_state(model, image, solver=Solver(tol=1e-12, max_iterations=500)).rates
    torch.testing.assert_close(point.points, flow.pack(settled), rtol=1e-6, atol=1e-8)
    assert point.stability == ("stable",)
    continuous = fixed_points(flow, flow.pack(settled))
    multiplier = 1 + model.dt_ms * complex(continuous.leading[0])
    assert abs(1 + complex(point.leading[0])) == pytest.approx(abs(multiplier), rel=1e-6)
    exponent = lyapunov_spectrum(step, point.points[0], 1, duration_ms=300, dt=1.0, transient_ms=100).exponents[0]
    assert float(exponent) == pytest.approx(float(point.leading.real.add(1).log()), rel=1e-2)


def test_steps_that_cannot_be_repeated_are_refused():
    model, image = made("convlstm_small")
    with pytest.raises(ValueError, match=r"image must be one image \[1, C, H, W\], got 2"):
        StepFlow(model, image.repeat(2, 1, 1, 1))
    with pytest.raises(ValueError, match="model is static"):
        StepFlow(made("cnn_r2_small")[0], image)
    with pytest.raises(ValueError, match="step must be"):
        StepFlow(model, image, step=0)
    net = create_model("rcnnsat_bl_small", **SMALL).double().eval()
    generator = torch.Generator().manual_seed(0)
    for name, buffer in net.named_buffers():  # statistics that differ from step to step
        if name.endswith("running_mean"):
            buffer.normal_(generator=generator)
    StepFlow(net, image)  # beyond the last of its own steps, they are those of the last
    with pytest.raises(ValueError, match="something else at each step, also after step 1"):
        StepFlow(net, image, step=1)
