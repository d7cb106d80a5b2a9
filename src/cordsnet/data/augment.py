"""Augmentation of batches on the device, by kornia."""

from collections.abc import Callable

from torch import nn

from cordsnet.registry import Registry

AUGMENTATIONS: Registry[Callable[[], nn.Module]] = Registry("augmentation")


@AUGMENTATIONS.register("none")
def none() -> nn.Module:
    """Images as they are."""
    return nn.Identity()


@AUGMENTATIONS.register("small_affine")
def small_affine() -> nn.Module:
    """Shifts up to a tenth of the image, rotations up to 10 degrees, scaling by up to a tenth."""
    from kornia.augmentation import RandomAffine

    augmentation: nn.Module = RandomAffine(10, (0.1, 0.1), (0.9, 1.1), padding_mode="border", p=1.0)
    return augmentation


@AUGMENTATIONS.register("shift_flip")
def shift_flip() -> nn.Module:
    """Shifts by up to an eighth of the image, the border repeated, and left-right reflections."""
    from kornia.augmentation import RandomAffine, RandomHorizontalFlip

    return nn.Sequential(RandomHorizontalFlip(p=0.5), RandomAffine(0, (0.125, 0.125), padding_mode="border", p=1.0))
