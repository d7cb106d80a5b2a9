"""A recipe small enough for tests: every stage, a handful of updates."""

import dataclasses

from cordsnet.training import ModelChoice, Objective, Recipe, TrainDynamics, Trial
from cordsnet.training.recipes import demo

TRIAL = Trial(before=20.0, image=40.0, decision=20.0, after=20.0, baseline=10.0)


def tiny_recipe(updates: int = 3, augmentation: str = "none") -> Recipe:
    """The stages of `demo` on 12 px digits with four channels."""
    stages = []
    for stage in demo().stages:
        changes: dict = {}
        if hasattr(stage, "optimisation"):
            changes["optimisation"] = dataclasses.replace(stage.optimisation, updates=updates, batch=16)
            changes["augmentation"] = augmentation
        if isinstance(stage, TrainDynamics):
            changes["objective"] = Objective(stage.objective.spontaneous_weight, trial=TRIAL)
        stages.append(dataclasses.replace(stage, **changes))
    return Recipe("tiny", tuple(stages), ModelChoice(image_size=12, width=4))
