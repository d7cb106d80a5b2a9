"""The recipes that come with the package: functions that return a tree of settings.

Write your own as a function of the same kind, or change single values on the command line.
"""

import dataclasses

from cordsnet.dynamics import Solver
from cordsnet.training.objective import Objective
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.recipe import RECIPES, ModelChoice, Recipe
from cordsnet.training.stage import Stage
from cordsnet.training.stages import Fold, GaussNewton, Imitate, InverseInit, TrainCNN, TrainDynamics, TrainSettled

AUGMENTATION = "small_affine"
FLIPS = "shift_flip"
DIRECT_CIFAR_LR = (1e-2, 1e-3)
"""Learning rates of the settled and the full stage from random weights; chosen without a search."""

DIRECT_LR = 5e-2
"""Best of six for training the network of `demo` from random weights (docs/results/demo.md)."""


@RECIPES.register("digits")
def digits() -> Recipe:
    """Digits at 16 px on R2 with 16 channels: CNN, fold, Gauss-Newton, fine-tuning; minutes on two cores."""
    finetune = TrainDynamics(
        name="finetune",
        start="gauss_newton",
        dt_ms=5.0,
        augmentation=AUGMENTATION,
        optimisation=Optimisation(lr=1e-3, updates=200, clip=1.0),
    )
    return Recipe("digits", (*_initialised(), finetune), ModelChoice("cordsnet_r2_small"))


@RECIPES.register("digits_paper")
def digits_paper() -> Recipe:
    """`digits` through the six stages of the paper."""
    return Recipe("digits_paper", _paper_stages(), ModelChoice("cordsnet_r2_small"))


@RECIPES.register("digits_settled")
def digits_settled() -> Recipe:
    """`digits`, with the dynamics trained at the settled answer alone, by implicit gradients."""
    settled = TrainSettled(
        start="gauss_newton", augmentation=AUGMENTATION, optimisation=Optimisation(lr=1e-3, updates=400, clip=1.0)
    )
    return Recipe("digits_settled", (*_initialised(), settled), ModelChoice("cordsnet_r2_small"))


@RECIPES.register("cifar10")
def cifar10() -> Recipe:
    """CIFAR-10 at 32 px on R2 with 16 channels: imitation of the CNN, settled answers, then the full objective."""
    trained = Optimisation("sgd", 0.1, updates=3000, batch=128, weight_decay=5e-4)
    cnn, imitate = (
        TrainCNN(optimisation=trained, augmentation=FLIPS),
        Imitate(optimisation=Optimisation(lr=1e-2, updates=500, batch=128, clip=1.0), augmentation=FLIPS),
    )
    return Recipe(
        "cifar10",
        stages=(cnn, Fold(), imitate, *_from_settled_to_full("imitate", "settled", "finetune", (1e-3, 1e-3))),
        model=ModelChoice("cordsnet_r2_small", image_size=32),
        data="cifar10",
    )


@RECIPES.register("cifar10_r4")
def cifar10_r4() -> Recipe:
    """`cifar10` on R4, with batches twice as large and four times as many images for the CNN: minutes on a GPU."""
    recipe = cifar10()
    stages: list[Stage] = []
    for stage in recipe.stages:
        if isinstance(stage, TrainCNN | Imitate | TrainSettled | TrainDynamics):
            optimisation = dataclasses.replace(stage.optimisation, batch=2 * stage.optimisation.batch)
            if isinstance(stage, TrainCNN):
                optimisation = dataclasses.replace(optimisation, updates=2 * optimisation.updates)
            stage = dataclasses.replace(stage, optimisation=optimisation)
        stages.append(stage)
    model = dataclasses.replace(recipe.model, name="cordsnet_r4_small")
    return dataclasses.replace(recipe, name="cifar10_r4", stages=tuple(stages), model=model)


@RECIPES.register("cifar10_direct")
def cifar10_direct() -> Recipe:
    """The network of `cifar10` from random weights, with as many updates of the dynamics as all its stages."""
    staged = cifar10()
    more = staged.stage("imitate")
    assert isinstance(more, Imitate)
    settled, full = _from_settled_to_full("", "direct_settled", "direct", DIRECT_CIFAR_LR)
    longer = dataclasses.replace(settled.optimisation, updates=settled.optimisation.updates + more.optimisation.updates)
    return dataclasses.replace(
        staged, name="cifar10_direct", stages=(dataclasses.replace(settled, optimisation=longer), full)
    )


def _from_settled_to_full(
    start: str, settled: str, full: str, lr: tuple[float, float]
) -> tuple[TrainSettled, TrainDynamics]:
    """Many cheap updates at the settled answer, then few under the full objective at a step of 5 ms."""
    return (
        TrainSettled(
            name=settled,
            start=start,
            solver=Solver(tol=1e-3, max_iterations=40, expansion_bound=0.9),
            augmentation=FLIPS,
            optimisation=Optimisation(lr=lr[0], updates=500, batch=128, clip=1.0),
        ),
        TrainDynamics(
            name=full,
            start=settled,
            dt_ms=5.0,
            augmentation=FLIPS,
            optimisation=Optimisation(lr=lr[1], updates=150, batch=64, clip=1.0, precision="bfloat16"),
        ),
    )


@RECIPES.register("images")
def images() -> Recipe:
    """Your own images at 32 px on R2 with 16 channels (`--data PATH`): the stages of `digits`; minutes on two cores.

    Channels and classes follow from the images. Images are shifted, turned and scaled a little in
    training. Nothing is mirrored or recoloured, since a mirrored letter or a recoloured fruit may be of another class.
    """
    cnn = TrainCNN(
        augmentation=AUGMENTATION, optimisation=Optimisation("sgd", 0.05, updates=600, batch=32, weight_decay=5e-4)
    )
    finetune = TrainDynamics(
        name="finetune",
        start="gauss_newton",
        dt_ms=5.0,
        augmentation=AUGMENTATION,
        optimisation=Optimisation(lr=1e-3, updates=60, batch=32, clip=1.0),
    )
    model = ModelChoice("cordsnet_r2_small", image_size=32)
    return Recipe("images", (cnn, Fold(), GaussNewton(images=192, steps=12), finetune), model, data="")


@RECIPES.register("demo")
def demo() -> Recipe:
    """`digits_paper`, and beside it the same network trained directly from random weights with as many updates."""
    staged = digits_paper()
    trained = [stage for stage in staged.stages if isinstance(stage, TrainDynamics)]
    updates = sum(stage.optimisation.updates for stage in trained)
    optimisation = dataclasses.replace(trained[-1].optimisation, lr=DIRECT_LR, updates=updates)
    direct = dataclasses.replace(trained[-1], name="direct", start="", optimisation=optimisation)
    return dataclasses.replace(staged, name="demo", stages=(*staged.stages, direct))


def _folded() -> tuple[Stage, ...]:
    """A CNN of digits, and its fold: hundreds of updates at the scale of a desk."""
    trained = Optimisation("sgd", 0.1, updates=600, weight_decay=1e-4)
    return (TrainCNN(augmentation=AUGMENTATION, optimisation=trained), Fold())


def _initialised() -> tuple[Stage, ...]:
    """From digits to a rectified network that settles where its CNN ends, by the scheme that did best of eight
    (docs/results/inverse_initialisation.md).
    """
    return (*_folded(), GaussNewton())


def _paper_stages() -> tuple[Stage, ...]:
    """The paper's stages at the scale of a desk, learning rates to match."""
    quiet = Objective(spontaneous_weight=0.0)
    return (
        *_folded(),
        InverseInit(optimisation=Optimisation(lr=1e-2, updates=400)),
        TrainDynamics(
            name="linear",
            start="inverse",
            slopes=(1.0,),
            objective=quiet,
            augmentation=AUGMENTATION,
            optimisation=Optimisation(lr=1e-3, updates=60, clip=1.0),
        ),
        TrainDynamics(
            name="anneal",
            start="linear",
            slopes=tuple(k / 20 for k in range(19, -1, -1)),
            augmentation=AUGMENTATION,
            optimisation=Optimisation(lr=1e-3, schedule="constant", updates=200, clip=1.0),
        ),
        TrainDynamics(
            name="finetune",
            start="anneal",
            augmentation=AUGMENTATION,
            optimisation=Optimisation(lr=1e-3, updates=140, clip=1.0),
        ),
    )
