"""Augmentation of batches with kornia, on the device of the images.

Every entry of `AUGMENTATIONS` makes a function of (images [B, C, H, W] with values in 0-1, labels [B], number of
classes) that returns images and labels. Images are normalised after augmentation. Augmentations that mix images return
soft labels [B, K], whose rows sum to 1.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.registry import Registry

Augmentation: TypeAlias = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
AUGMENTATIONS: Registry[Callable[[], Augmentation]] = Registry("augmentation")


def chain(*layers: Callable[[Tensor], Tensor]) -> Augmentation:
    """Apply kornia's layers one after another to the images, and leave the labels unchanged."""

    @torch.no_grad()
    def augment(images: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        for layer in layers:
            images = layer(images)
        return images, labels

    return augment


@AUGMENTATIONS.register("none")
def none() -> Augmentation:
    """Leave the images unchanged."""
    return chain()


@AUGMENTATIONS.register("small_affine")
def small_affine() -> Augmentation:
    """Shift by up to a tenth of the image, rotate by up to 10 degrees, and scale by up to a tenth."""
    return chain(_small_affine())


@AUGMENTATIONS.register("shift_flip")
def shift_flip() -> Augmentation:
    """Shift by up to an eighth of the image, repeating its border, and flip left and right at random."""
    from kornia.augmentation import RandomAffine

    return chain(_flip(), RandomAffine(0, (0.125, 0.125), padding_mode="border", p=1.0))


@AUGMENTATIONS.register("affine_jitter_elastic")
def affine_jitter_elastic() -> Augmentation:
    """Apply `small_affine`, change brightness and contrast by up to a fifth, and deform elastically by about 1 px.

    Source: the augmentation of MNIST in Soo et al. 2024.
    """
    from kornia.augmentation import RandomElasticTransform

    elastic = RandomElasticTransform((17, 17), sigma=(4.0, 4.0), alpha=(2.0, 2.0), padding_mode="border", p=1.0)
    return chain(_small_affine(), *_jitter(), elastic)


@AUGMENTATIONS.register("flip_affine_jitter")
def flip_affine_jitter() -> Augmentation:
    """Flip left and right at random, apply `small_affine`, and change brightness and contrast by up to a fifth.

    Source: the augmentation of Fashion-MNIST in Soo et al. 2024.
    """
    return chain(_flip(), _small_affine(), *_jitter())


@AUGMENTATIONS.register("crop_flip_randaugment")
def crop_flip_randaugment() -> Augmentation:
    """Crop 8 to 100 % of the image and resize to its size, flip left and right at random, and apply RandAugment.

    Source: the augmentation of ImageNet in Soo et al. 2024. Unlike there, the crop is taken from the image at the
    network's size, not from the image file.
    """
    from kornia.augmentation import RandomResizedCrop
    from kornia.augmentation.auto import RandAugment

    def crop(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        cropped: Tensor = RandomResizedCrop((height, width), scale=(0.08, 1.0))(images)
        return cropped

    return chain(crop, _flip(), RandAugment(n=2, m=9))


@AUGMENTATIONS.register("mixing")
def mixing() -> Augmentation:
    """Apply CutMix (Yun et al. 2019) or MixUp (Zhang et al. 2018), each to half of the batches at random.

    A label becomes the proportions in which an image mixes two classes.
    """
    from kornia.augmentation import RandomCutMixV2, RandomMixUpV2

    cutmix = RandomCutMixV2(data_keys=["input", "class"], use_correct_lambda=True)
    mixup = RandomMixUpV2(data_keys=["input", "class"])

    @torch.no_grad()
    def augment(images: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        use_cutmix = bool(torch.rand(()) < 0.5)
        images, mixed = (cutmix if use_cutmix else mixup)(images, labels)
        own, other, weight = mixed.reshape(-1, 3).unbind(1)
        # kornia's weight is that of the image itself for CutMix, but that of the other image for MixUp
        weight = 1 - weight if use_cutmix else weight
        first, second = (functional.one_hot(classes.long(), num_classes).to(images.dtype) for classes in (own, other))
        return images, torch.lerp(first, second, weight[:, None].to(images.dtype))

    return augment


def with_mixing(factory: Callable[[], Augmentation]) -> Callable[[], Augmentation]:
    """Make a factory of the given augmentation followed by `mixing`."""

    def both() -> Augmentation:
        first, second = factory(), mixing()
        return lambda images, labels, num_classes: second(*first(images, labels, num_classes), num_classes)

    return both


for _name in ("small_affine", "shift_flip", "affine_jitter_elastic", "flip_affine_jitter", "crop_flip_randaugment"):
    AUGMENTATIONS.add(f"{_name}_mixing", with_mixing(AUGMENTATIONS[_name]))


def _flip() -> nn.Module:
    from kornia.augmentation import RandomHorizontalFlip

    layer: nn.Module = RandomHorizontalFlip(p=0.5)
    return layer


def _small_affine() -> nn.Module:
    from kornia.augmentation import RandomAffine

    layer: nn.Module = RandomAffine(10, (0.1, 0.1), (0.9, 1.1), padding_mode="border", p=1.0)
    return layer


def _jitter() -> tuple[nn.Module, nn.Module]:
    from kornia.augmentation import RandomBrightness, RandomContrast

    return RandomBrightness((0.8, 1.2), p=1.0), RandomContrast((0.8, 1.2), p=1.0)
