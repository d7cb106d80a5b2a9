"""A recipe small enough for tests: every stage, a handful of updates."""

import dataclasses

from cordsnet.training import (
    Fold,
    GaussNewton,
    Imitate,
    InverseInit,
    LastStep,
    ModelChoice,
    Objective,
    Optimisation,
    RandomInit,
    Recipe,
    Train,
    TrainCNN,
    TrainDynamics,
    TrainSettled,
    Trial,
)
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


def every_stage(updates: int = 4) -> Recipe:
    """A recipe with a stage of every kind, on 12 px digits with four channels."""
    how = Optimisation(lr=1e-3, updates=updates, batch=16, clip=1.0)
    stages = (
        TrainCNN(optimisation=how),
        Fold(),
        GaussNewton(images=24, steps=3, iterations=2),
        InverseInit(optimisation=how),
        Imitate(optimisation=how),
        RandomInit(),
        TrainSettled(start="gauss_newton", optimisation=how, augmentation="small_affine"),
        TrainDynamics("anneal", "inverse", slopes=(0.5, 0.0), objective=Objective(trial=TRIAL), optimisation=how),
        Train("direct", "random", LastStep(ms=20.0), how, "small_affine"),
    )
    return Recipe("every_stage", stages, ModelChoice(image_size=12, width=4))
