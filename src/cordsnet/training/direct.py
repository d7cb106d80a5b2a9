"""Recipes that train any model of the table with one stage: the same images, augmentations and updates for all.

    cordsnet train digits_direct --model NAME
    cordsnet train cifar10_compare --model NAME --train.loss.counted every_step --train.budget.flops 1e14

Channels and classes follow from the data, and durations are the model's own response time. Learning rates were chosen
without a search; a comparison of models searches them alike for all (`cordsnet sweep`).
"""

from cordsnet.training.answer import Answer
from cordsnet.training.loss import Loss
from cordsnet.training.motion import Motion
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.recipe import RECIPES, ModelChoice, Recipe
from cordsnet.training.stages import Train
from cordsnet.training.unlabelled import Contrastive, NextFrame

LR = 3e-3
"""Peak learning rate of AdamW; chosen without a search."""


def _direct(
    name: str,
    data: str,
    augmentation: str,
    model: ModelChoice,
    updates: int,
    batch: int,
    loss: Loss | None = None,
    **changes: float | str,
) -> Recipe:
    """One stage from random weights."""
    how = {"lr": LR, "weight_decay": 1e-4, "clip": 1.0, **changes}
    optimisation = Optimisation(updates=updates, batch=batch, **how)  # type: ignore[arg-type]
    return Recipe(name, (Train("train", "", loss or Answer(), optimisation, augmentation),), model, data)


@RECIPES.register("digits_direct")
def digits_direct() -> Recipe:
    """Digits on any model (--model NAME), from random weights, at the size of its row; 32,000 images."""
    return _direct("digits_direct", "digits", "small_affine", ModelChoice("cordsnet_r2_small"), 500, 64)


@RECIPES.register("digits_next_frame")
def digits_next_frame() -> Recipe:
    """Moving digits without labels on any model: the next of five frames is predicted; a linear probe measures."""
    loss = NextFrame(frame_ms=None, motion=Motion(frames=5))
    return _direct("digits_next_frame", "digits", "none", ModelChoice("convlstm_small"), 500, 64, loss)


@RECIPES.register("digits_contrastive")
def digits_contrastive() -> Recipe:
    """Moving digits without labels on any model: two clips of one digit are to be alike; a linear probe measures."""
    return _direct("digits_contrastive", "digits", "none", ModelChoice("convlstm_small"), 500, 64, Contrastive())


@RECIPES.register("mnist")
def mnist() -> Recipe:
    """MNIST on any model (--model NAME), at 28 px where it can read them; five times through the images."""
    model = ModelChoice("cordsnet_r2_small", preferred_size=28)
    return _direct("mnist", "mnist", "affine_jitter_elastic", model, 2345, 128)


@RECIPES.register("cifar10_compare")
def cifar10_compare() -> Recipe:
    """CIFAR-10 on any model (--model NAME), at 32 px where it can read them; twenty times through the images."""
    model = ModelChoice("cordsnet_r2_small", preferred_size=32)
    return _direct("cifar10_compare", "cifar10", "shift_flip", model, 7812, 128)


@RECIPES.register("cifar100")
def cifar100() -> Recipe:
    """CIFAR-100 on any model (--model NAME), at 32 px where it can read them; sixty times through the images."""
    model = ModelChoice("cordsnet_r4_small", preferred_size=32)
    return _direct("cifar100", "cifar100", "shift_flip_mixing", model, 23437, 128, weight_decay=5e-4)


@RECIPES.register("imagenet")
def imagenet() -> Recipe:
    """ImageNet on any model (--model NAME), at the size of its row; thirty times through the images, on GPUs."""
    return _large("imagenet", "imagenet", 150_140)


@RECIPES.register("ecoset")
def ecoset() -> Recipe:
    """Ecoset (Mehrer et al. 2021) on any model; --data PATH of its folder, with train/CLASS and test/CLASS."""
    return _large("ecoset", "", 175_780)


def _large(name: str, data: str, updates: int) -> Recipe:
    """Photographs at the size of the row, in half precision on a GPU."""
    return _direct(
        name,
        data,
        "crop_flip_randaugment",
        ModelChoice("cordsnet_r8"),
        updates,
        256,
        lr=1e-3,
        weight_decay=5e-2,
        precision="bfloat16",
    )
