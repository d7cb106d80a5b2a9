"""Attractors that a network has grown in a task: onto what it settles while the inputs of a period last."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive, is_number
from cordsnet.analysis import ManifoldReport, NetworkFlow, find_manifold
from cordsnet.tasks.running import check_network, rates_at_frames
from cordsnet.tasks.task import Task
from cordsnet.tasks.timing import longest
from cordsnet.tasks.trials import Trials

PERIODS = ("delay", "go", "decision")
"""Periods that are looked at where none is named: the first of them that the task has."""

LEAST_STARTS, MOST_STARTS = 12, 10_000
"""Smallest and largest number of trials, which are all run together."""


@check_arguments
def task_attractor(
    model: Any,
    task: Task,
    period: str = "",
    trials: int = 48,
    slow_ms: float | None = None,
    seed: int = 0,
    only: Mapping[str, float] | None = None,
    stepper: str = "rk4",
    dt_ms: float | None = None,
) -> ManifoldReport:
    """Say onto what a network settles in a period of a task, by the three witnesses of `find_manifold`.

    The states in which trials are when the period ends are the starts; from there the network runs without noise, with
    the inputs of the period's last frame held, without their noise.

    Parameters
    ----------
    model : the network; it needs a rate equation.
    task : the task, in a rendering that the network reads.
    period : a period in which all trials have the same inputs; "" is the delay, or else when the answer is due.
    trials : number of trials, at least 12.
    slow_ms : time scale beyond which a direction is slow, ms; None is the longest duration of the period.
    seed : of the trials, of noise, and of all that is drawn.
    only : conditions that trials must have, by name, such as {"direction": 0}; None is all trials. Those of `trials`
        that have them are the starts, at least 12, in their order.
    stepper : "rk4" follows the equation of the network; "euler" takes the steps with which networks are trained and
        simulated, which turn otherwise where they are not short.
    dt_ms : step, ms; None is that of the network. Cycles need short ones: the witnesses take orbits as straight between
        steps.

    Raises
    ------
    ValueError : the task has no such period or condition, or inputs in the period differ between trials.
    TypeError : a model without a rate equation.
    """
    check_network(model, "system", "like")
    check_count(trials, "trials", LEAST_STARTS, most=MOST_STARTS)
    step = float(model.dt_ms) if dt_ms is None else dt_ms
    check_positive(step, "dt_ms")
    chosen = period or next((name for name in PERIODS if name in task.periods), "")
    if chosen not in task.periods:
        raise ValueError(f"task {task.kind!r} has no period {chosen!r}; it has {', '.join(task.periods)}")
    shown = task.for_tests().changed(noise=0.0).sample(trials, seed)
    last = shown.periods[chosen][:, 1] - 1
    kept = last >= shown.periods[chosen][:, 0]
    if int(kept.sum()) < trials:
        raise ValueError(f"period {chosen!r} has no frame in some trials; give it a timing above 0")
    each = torch.arange(trials)
    held = {name: values[last, each] for name, values in shown.inputs.items()}
    for name, values in held.items():
        if not torch.allclose(values, values[:1].expand_as(values), atol=1e-6):
            others = ", ".join(other for other in task.periods if other != chosen)
            raise ValueError(f"input {name!r} differs between trials in period {chosen!r}; choose one of {others}")
    flow = NetworkFlow(model, {name: values[:1].to(model.like) for name, values in held.items()}, stepper)
    rates = rates_at_frames(model, shown, seed)
    asked = _asked(shown, only or {})
    starts = flow.pack({area: values[last, each][asked] for area, values in rates.items()})
    slow = longest(task.timings[chosen]) if slow_ms is None else slow_ms
    return find_manifold(flow, starts, slow_ms=slow, dt=step, seed=seed)


def _asked(shown: Trials, only: Mapping[str, float]) -> Tensor:
    """Numbers of the trials that have the conditions."""
    kept = torch.ones(len(shown), dtype=torch.bool)
    for name, value in only.items():
        if name not in shown.conditions:
            raise ValueError(f"only names no condition {name!r} of the task; it has {', '.join(shown.conditions)}")
        if shown.conditions[name].ndim != 1 or not is_number(value):
            raise ValueError(f"only must map conditions of one number to a number, got {value!r:.60} for {name!r}")
        kept &= shown.conditions[name].cpu() == float(value)
    if int(kept.sum()) < LEAST_STARTS:
        wanted = " and ".join(f"{name} {value:g}" for name, value in only.items())
        raise ValueError(
            f"only must leave {LEAST_STARTS} of the {len(shown)} trials at least, and {int(kept.sum())} have {wanted}; "
            "take values that the task has, or more trials"
        )
    return kept.nonzero()[:, 0]
