"""The state with which a trial ends, with the gradient of a rule."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics.expansion import expansion_penalty
from cordsnet.dynamics.gradients.rule import Gradient, check_repeats
from cordsnet.dynamics.gradients.trial import Ending, StepMap, Trial
from cordsnet.dynamics.schedule import Hold
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System


@check_arguments
def last_state(
    system: System[Any],
    holds: Sequence[Hold],
    state: State,
    gradient: Gradient = Gradient(),  # noqa: B008 - frozen
    *,
    engine: str = "auto",
    memory: int | str | None = None,
    notes: list[str] | None = None,
    expansion_bound: float | None = None,
) -> Ending:
    """The state in which a trial ends, with a gradient with respect to weights and inputs that a rule computes.

    Every rule gives the state after the same number of steps, but for "phantom", whose last steps are damped, and
    "implicit" with `forward="anderson"`, which solves for the fixed point; these agree with it where the network has
    settled. Where gradients are off, only the state is computed.

    Parameters
    ----------
    system : a model bound to its step, `model.system()`.
    holds : what is shown, one after the other, without interventions. Rules about fixed points repeat the last step.
    state : where the trial starts, such as `system.begin(batch)`. "bptt" goes back into it; other rules do not.
    gradient : the rule and its settings.
    engine, memory : how the time loop is run, and its budget for the gradient.
    notes : receives sentences on what was assumed.
    expansion_bound : computes the Lipschitz-coefficient penalty (LCP) of Linsley et al. (2020), `Ending.expansion`: the
        mean of ((J' 1 - bound)+)^2, with J = dh_N / dh_N-1 the Jacobian of the last step over all signals; None does
        not. With "rbp" it makes their C-RBP, with "bptt" their C-BPTT.

    Raises
    ------
    ValueError : the rule, or the penalty, is not defined for this system, or there is no step to take.
    DivergedError : rates stopped being finite.
    NotConvergedError : in the backward pass of "implicit", see `Gradient.unsettled`.
    """
    gradient.check(system)
    own = gradient.row.engine
    if own is not None and engine not in ("auto", own):
        raise ValueError(f"gradient {gradient.rule!r} runs the engine {own!r}, not {engine!r}; leave engine out")
    if any(hold.effects for hold in holds):
        raise ValueError("holds of a gradient rule must have no interventions; simulate(..., grad=True) takes them")
    if expansion_bound is not None:
        check_repeats(system, "the penalty on expansion")
    trial = Trial(system, holds, state, engine, memory, [] if notes is None else notes, expansion_bound is not None)
    if trial.steps < 1:
        raise ValueError("holds have no step; give at least one")
    ending = gradient.row.run(trial, gradient)
    with torch.autocast(system.like.device.type, enabled=False):
        ending = replace(ending, outputs=system.read(ending.state))
        return (
            ending if expansion_bound is None else replace(ending, expansion=_expansion(trial, ending, expansion_bound))
        )


def _expansion(trial: Trial, ending: Ending, bound: float) -> Tensor:
    """The penalty on the last step of a trial."""
    assert ending.before is not None
    with torch.enable_grad():
        step = ending.step or StepMap(trial, ending.before)
        before = tuple(ending.before.values[name] for name in step.names)
        return expansion_penalty(step.of_rows, step.layout.rows(before), bound)
