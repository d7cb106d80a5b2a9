"""Changes of a recipe, from which ablations are made."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from cordsnet.training import Contraction, Recipe, Stage, TrainDynamics

Change: TypeAlias = Callable[[Recipe], Recipe]


def changed_dynamics(change: Callable[[TrainDynamics], TrainDynamics]) -> Change:
    """A change of every stage that trains the dynamics."""

    def changed(recipe: Recipe) -> Recipe:
        stages: list[Stage] = [change(s) if isinstance(s, TrainDynamics) else s for s in recipe.stages]
        return dataclasses.replace(recipe, stages=tuple(stages))

    return changed


def with_weights(**weights: float) -> Change:
    """Other weights of the objective. The linear stage has no spontaneous term, and keeps none."""

    def change(stage: TrainDynamics) -> TrainDynamics:
        changed: dict[str, Any] = dict(weights)
        if stage.slopes == (1.0,):
            changed["spontaneous_weight"] = 0.0
        return dataclasses.replace(stage, objective=dataclasses.replace(stage.objective, **changed))

    return changed_dynamics(change)


def with_decay(weight_decay: float) -> Change:
    """Another weight decay."""
    return changed_dynamics(
        lambda stage: dataclasses.replace(
            stage, optimisation=dataclasses.replace(stage.optimisation, weight_decay=weight_decay)
        )
    )


def with_contraction(contraction: Contraction) -> Change:
    """Recurrent kernels kept below a bound."""
    return changed_dynamics(lambda stage: dataclasses.replace(stage, contraction=contraction))


def with_times(**times: float) -> Change:
    """Other times of a trial, ms."""

    def change(stage: TrainDynamics) -> TrainDynamics:
        trial = dataclasses.replace(stage.objective.trial, **times)
        return dataclasses.replace(stage, objective=dataclasses.replace(stage.objective, trial=trial))

    return changed_dynamics(change)


def with_recurrence(areas: Literal["all", "top"]) -> Change:
    """Recurrent kernels in all areas, or in the top one alone."""
    return lambda recipe: dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, recurrent=areas))


def both(first: Change, second: Change) -> Change:
    """Two changes, one after the other."""
    return lambda recipe: second(first(recipe))


def same(recipe: Recipe) -> Recipe:
    """No change."""
    return recipe


def by_value(values: Sequence[float], change: Callable[[float], Change]) -> dict[str, Change]:
    """The value in words -> the change that it makes."""
    return {short(value): change(value) for value in values}


def short(value: float) -> str:
    """1e-3 for 0.001, so that powers of ten look alike."""
    return f"{value:.0e}".replace("e-0", "e-") if 0 < value <= 0.1 else f"{value:g}"
