"""The recipes that experiments train, at three sizes: a minute, an evening, a cluster."""

import dataclasses
from collections.abc import Callable

from cordsnet.registry import Registry
from cordsnet.training import (
    Fold,
    InverseInit,
    ModelChoice,
    Objective,
    Optimisation,
    RandomInit,
    Recipe,
    Stage,
    TrainCNN,
    TrainDynamics,
    Trial,
    find_recipe,
)
from cordsnet.training.recipes import demo

PAPER_EPOCH = 50_000 // 256
"""Updates in an epoch of CIFAR-10, 256 images each."""

STEEP_GAIN = 3.0
"""Recurrent gain of random weights at smoke scale: above the edge of stability (1.4), so that there is work to do."""

FIVE_STEPS = Trial(before=200.0, image=50.0, decision=10.0, after=50.0, baseline=10.0)
"""Trials of five steps of 10 ms, the time constant."""

BASES: Registry[Callable[[], Recipe]] = Registry("recipe of experiments")
"""Recipes that only experiments train, beside those of `cordsnet recipes`."""


def base_recipe(name: str) -> Recipe:
    """A recipe of an experiment, of the package, or your own as file.py:function. Raises ValueError for others."""
    return BASES[name]() if name in BASES else find_recipe(name)


@BASES.register("smoke")
def smoke() -> Recipe:
    """Digits at 8 px, eight channels, 60 updates from random weights with strong recurrence; trials of 80 ms."""
    trial = Trial(before=200.0, image=80.0, decision=24.0, after=80.0, baseline=20.0)
    stage = TrainDynamics(
        name="direct",
        start="random",
        objective=Objective(trial=trial),
        optimisation=Optimisation(lr=0.05, updates=60, batch=32, clip=1.0),
    )
    return Recipe("smoke", (RandomInit(gain=STEEP_GAIN), stage), ModelChoice(image_size=8, width=8))


@BASES.register("smoke_steps")
def smoke_steps() -> Recipe:
    """Digits at 8 px, eight channels, 100 updates from random weights; images of 50 ms, five steps of 10 ms."""
    optimisation = Optimisation(lr=0.05, updates=100, batch=32, clip=1.0)
    stage = TrainDynamics(name="direct", objective=Objective(trial=FIVE_STEPS), optimisation=optimisation)
    return Recipe("smoke_steps", (stage,), ModelChoice(image_size=8, width=8))


@BASES.register("desk_steps")
def desk_steps() -> Recipe:
    """Digits at 16 px, 16 channels, 400 updates from random weights; images of 50 ms."""
    return _five_steps(dataclasses.replace(desk_direct(), name="desk_steps"))


@BASES.register("paper_steps")
def paper_steps() -> Recipe:
    """`paper_direct` with images of 50 ms."""
    return _five_steps(dataclasses.replace(paper_direct(), name="paper_steps"))


@BASES.register("desk_direct")
def desk_direct() -> Recipe:
    """`demo`'s direct training."""
    recipe = demo()
    return dataclasses.replace(recipe, name="desk_direct", stages=(recipe.stage("direct"),))


@BASES.register("paper")
def paper() -> Recipe:
    """R2 on CIFAR-10 at 224 px through all stages, with the learning rates and epochs of the paper.

    One cycle of 100 epochs stands for the three rounds in which the paper trains its CNN.
    """
    return Recipe("paper", (*_paper_start(), *_paper_dynamics()), _paper_model(), "cifar10")


@BASES.register("paper_direct")
def paper_direct() -> Recipe:
    """R2 on CIFAR-10 from random weights, with as many epochs as `paper` trains the dynamics."""
    optimisation = Optimisation(lr=1e-3, updates=140 * PAPER_EPOCH, batch=256, clip=1.0)
    stage = TrainDynamics(name="direct", optimisation=optimisation, augmentation="shift_flip")
    return Recipe("paper_direct", (stage,), _paper_model(), "cifar10")


def _five_steps(recipe: Recipe) -> Recipe:
    """The recipe with trials of five steps of 10 ms."""
    (stage,) = recipe.stages
    assert isinstance(stage, TrainDynamics)
    objective = dataclasses.replace(stage.objective, trial=FIVE_STEPS)
    return dataclasses.replace(recipe, stages=(dataclasses.replace(stage, objective=objective),))


def _paper_model() -> ModelChoice:
    return ModelChoice("cordsnet_r2", image_size=224, in_channels=3, num_classes=10)


def _paper_start() -> tuple[Stage, ...]:
    cnn = Optimisation("sgd", 0.1, updates=100 * PAPER_EPOCH, batch=256, weight_decay=1e-4)
    inverse = Optimisation(lr=1e-4, schedule="constant", updates=100 * PAPER_EPOCH, batch=256, clip=1e-3)
    return (TrainCNN(optimisation=cnn, augmentation="shift_flip"), Fold(), InverseInit(optimisation=inverse))


def _paper_dynamics() -> tuple[Stage, ...]:
    linear = Optimisation(lr=1e-5, schedule="constant", updates=100 * PAPER_EPOCH, batch=256, clip=1e-4)
    anneal = dataclasses.replace(linear, updates=20 * PAPER_EPOCH)
    finetune = dataclasses.replace(anneal, updates=20 * 50_000 // 8, batch=8)
    slopes = tuple(k / 20 for k in range(19, -1, -1))
    quiet = Objective(spontaneous_weight=0.0)
    stages = (
        TrainDynamics("linear", "inverse", slopes=(1.0,), objective=quiet, optimisation=linear),
        TrainDynamics("anneal", "linear", slopes=slopes, optimisation=anneal),
        TrainDynamics("finetune", "anneal", optimisation=finetune),
    )
    return tuple(dataclasses.replace(stage, augmentation="shift_flip") for stage in stages)
