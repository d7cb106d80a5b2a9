"""Gradient rules on every row of the table of models: the exact ones agree, the others where a network has settled.

A new row is tested with no edit here: by its system it is one whose steps repeat a map of the state, or one that the
rules about fixed points refuse.
"""

import importlib
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

import cordsnet
from cordsnet.dynamics import Gradient, Hold, last_state
from cordsnet.errors import NotConvergedError
from cordsnet.models import MODELS
from cordsnet.testing.rows import outermost, representatives

HOW_TO = Path(__file__).parents[2] / "docs" / "how_to"
QUIET = "task_rnn_small without noise"
EXAMPLE = "the example of a page"
KEPT = ("convlstm", "convlstm_small", "cordsnet_r2_small", "cordsnet_r8_small")
SUBJECTS = [*sorted(set(representatives(list(MODELS)).values()) | set(KEPT)), QUIET, EXAMPLE]
ENDS = [*outermost([name for name in SUBJECTS if name in MODELS]), QUIET, EXAMPLE]
SETTLING = (*KEPT, QUIET, EXAMPLE)
"""Subjects that must settle; of others it is found out."""
STEPS, LONG, LONGEST = 6, 150, 600
ABOUT_FIXED_POINTS = ("rbp", "implicit", "phantom")

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def example():
    """The ConvGRU of a how-to page; the rows that its file adds are taken out of the tables again."""
    with pytest.MonkeyPatch.context() as patch:
        for table in (cordsnet.KINDS, cordsnet.MODELS):
            patch.setattr(table, "_entries", dict(table._entries))
            patch.setattr(table, "_targets", dict(table._targets))
        patch.syspath_prepend(HOW_TO)
        module = importlib.import_module("convgru")
        del sys.modules["convgru"]
        return module.ConvGRU(module.ConvGRUSpec(**module.TINY))


@cache
def gentle(subject):
    """A tiny model whose recurrence is so weak that it should settle: all weights halved, in double precision."""
    if subject == EXAMPLE:
        model = example()
    elif subject == QUIET:
        model = cordsnet.create_model("task_rnn_small", **MODELS["task_rnn_small"].tiny, noise=0.0, seed=0)
    else:
        model = cordsnet.create_model(subject, **MODELS[subject].tiny, seed=0)
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    generator = torch.Generator().manual_seed(1)
    inputs = {k: torch.rand(2, *shape, generator=generator, dtype=torch.float64) for k, shape in model.inputs.items()}
    return model, inputs


def repeats(model):
    """True if a step is one map of the state, which the rules about fixed points need."""
    system = model.system()
    return system.unrolling != "inner" and not system.has_noise and not system.silent_past(1)


def gradient_of(model, inputs, gradient, steps):
    """Gradient of a fixed function of all signals, with respect to all weights and inputs, in one row; the residual."""
    images = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    system = model.system()
    ending = last_state(system, [Hold(steps, images)], system.begin(2), gradient)
    total = 0.0
    for value in ending.state.values.values():
        total = total + (value * torch.arange(value.numel()).double().sin().view_as(value)).sum()
    parts = [parameter for parameter in model.parameters() if parameter.requires_grad] + list(images.values())
    found = torch.autograd.grad(total, parts, allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in found]), ending.residual


def settling_time(model, inputs, tol):
    """Steps after which the model has settled, with a margin, and True; or the most that are tried, and False."""
    for steps in (LONG, LONGEST):
        with torch.no_grad():
            system = model.system()
            ending = last_state(system, [Hold(steps, inputs)], system.begin(2), Gradient("rbp"))
        if bool((ending.residual <= tol / 10).all()):
            return steps, True
    return LONGEST, False


def cosine(one, other):
    return float(one @ other / one.norm() / other.norm())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_exact_rules_agree(subject):
    model, inputs = gentle(subject)
    if model.clock.kind == "static":
        for rule in ("truncated", *ABOUT_FIXED_POINTS):
            with pytest.raises(ValueError, match=f"gradient '{rule}' needs a model that evolves in time"):
                Gradient(rule).check(None)
        return
    exact, _ = gradient_of(model, inputs, Gradient(), STEPS)
    assert float(exact.norm()) > 0
    for gradient in (Gradient("checkpointed"), Gradient("truncated", steps=STEPS)):
        assert cosine(gradient_of(model, inputs, gradient, STEPS)[0], exact) >= 1 - 1e-10
    if repeats(model):  # back through one step alone, it is the first term of the series
        one, _ = gradient_of(model, inputs, Gradient("truncated", steps=1), STEPS)
        first, _ = gradient_of(model, inputs, Gradient("rbp", terms=0), STEPS)
        assert cosine(first, one) >= 1 - 1e-10


@pytest.mark.parametrize("subject", ENDS)
def test_rules_about_fixed_points_are_exact_where_a_network_settles(subject):
    model, inputs = gentle(subject)
    if model.clock.kind == "static":
        return
    implicit = Gradient("implicit", tol=1e-7)
    if not repeats(model):
        for rule in ABOUT_FIXED_POINTS:
            with pytest.raises(ValueError, match=f"gradient '{rule}' needs steps that repeat one map") as caught:
                gradient_of(model, inputs, Gradient(rule), STEPS)
            assert "\n" not in str(caught.value)
        return
    steps, settled = settling_time(model, inputs, implicit.tol)
    if not settled:
        assert subject not in SETTLING
        with pytest.raises(NotConvergedError):
            gradient_of(model, inputs, implicit, LONG)
        return
    exact, _ = gradient_of(model, inputs, Gradient(), steps)
    few, _ = gradient_of(model, inputs, Gradient("rbp", terms=3, stop_early=False), steps)
    assert cosine(gradient_of(model, inputs, implicit, steps)[0], exact) >= 0.999999
    many, _ = gradient_of(model, inputs, Gradient("rbp", terms=steps, stop_early=False), steps)
    assert cosine(many, exact) >= 0.999999
    rounding = 1e-10 * float(exact.norm())  # all that is left in a network without recurrence
    assert float((many - exact).norm()) <= max(0.01 * float((few - exact).norm()), rounding)
    found, _ = gradient_of(model, inputs, Gradient("phantom"), steps)
    assert cosine(found, exact) > 0  # how near it comes depends on the step; docs/how_to/choose_a_gradient.md
