"""Requirements of experiments: each function says what a model lacks; "" where it lacks nothing."""

from typing import Any

from cordsnet.dynamics import RateSystem

IMAGE, SCORES = "image", "scores"


def is_dynamical(model: Any) -> bool:
    """True if the model has states that go on in time; a static model answers each frame at once."""
    return bool(model.clock.kind != "static")


def reads_images(model: Any) -> str:
    """The model reads images."""
    return "" if IMAGE in model.inputs else f"reads {', '.join(model.inputs)} and no images"


def classifies_images(model: Any) -> str:
    """The model reads images and has class scores."""
    if lack := reads_images(model):
        return lack
    return "" if SCORES in model.outputs else f"has the outputs {', '.join(model.outputs)} and no class scores"


def dynamics(model: Any) -> str:
    """The model has states that go on in time."""
    return "" if is_dynamical(model) else "answers at once and has no dynamics; give a network that evolves in time"


def rate_equation(model: Any) -> str:
    """The model obeys tau dr/dt = -r + phi(drive), so that it has fixed points and can be linearised."""
    if lack := dynamics(model):
        return lack
    return "" if isinstance(model.system(), RateSystem) else "has no rate equation that could be linearised"


def free_step(model: Any) -> str:
    """The model is in continuous time, so that its step is a choice of the one who simulates."""
    return "" if model.clock.kind == "continuous" else "counts time in steps of its own, which cannot be made finer"


def no_noise(model: Any) -> str:
    """Two simulations of the model from one state are the same, whatever the step."""
    return dynamics(model) or same_each_time(model)


def same_each_time(model: Any) -> str:
    """The model has no private noise: two simulations of it from one state are the same."""
    return "has private noise, so that its trajectory differs from run to run" if model.system().has_noise else ""
