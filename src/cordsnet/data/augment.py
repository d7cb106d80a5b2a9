"""Augmentation of batches on the device, by kornia: pixel values are 0-1, normalised afterwards.

Every row takes (images [B, C, H, W], labels [B], number of classes) and gives images and labels; rows that mix images
always give soft labels [B, K], whose rows sum to 1.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.registry import Registry

Augmentation: TypeAlias = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
AUGMENTATIONS: Registry[Callable[[], Augmentation]] = Registry("augmentation")


def of_images(*layers: Callable[[Tensor], Tensor]) -> Augmentation:
    """Kornia's augmentations one after another, which leave labels as they are."""

    @torch.no_grad()
    def augment(images: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        for layer in layers:
            images = layer(images)
        return images, labels

    return augment


@AUGMENTATIONS.register("none")
def none() -> Augmentation:
    """Images as they are."""
    return of_images()


@AUGMENTATIONS.register("small_affine")
def small_affine() -> Augmentation:
    """Shifts up to a tenth of the image, rotations up to 10 degrees, scaling by up to a tenth."""
    return of_images(_small_affine())


@AUGMENTATIONS.register("shift_flip")
def shift_flip() -> Augmentation:
    """Shifts by up to an eighth of the image, the border repeated, and left-right reflections."""
    from kornia.augmentation import RandomAffine

    return of_images(_flip(), RandomAffine(0, (0.125, 0.125), padding_mode="border", p=1.0))


@AUGMENTATIONS.register("affine_jitter_elastic")
def affine_jitter_elastic() -> Augmentation:
    """`small_affine`, brightness and contrast changed by up to a fifth, and elastic displacements by about 1 px.

    Of MNIST in Soo et al. 2024.
    """
    from kornia.augmentation import RandomElasticTransform

    elastic = RandomElasticTransform((17, 17), sigma=(4.0, 4.0), alpha=(2.0, 2.0), padding_mode="border", p=1.0)
    return of_images(_small_affine(), *_jitter(), elastic)


@AUGMENTATIONS.register("flip_affine_jitter")
def flip_affine_jitter() -> Augmentation:
    """Left-right reflections, `small_affine`, brightness and contrast changed by up to a fifth.

    Of Fashion-MNIST in Soo et al. 2024.
    """
    return of_images(_flip(), _small_affine(), *_jitter())


@AUGMENTATIONS.register("crop_flip_randaugment")
def crop_flip_randaugment() -> Augmentation:
    """Random crops of 8 to 100 % of the image, enlarged to its size, left-right reflections, and RandAugment.

    Of ImageNet in Soo et al. 2024; crops are of the image at the network's size, not of the file.
    """
    from kornia.augmentation import RandomResizedCrop
    from kornia.augmentation.auto import RandAugment

    def crop(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        cropped: Tensor = RandomResizedCrop((height, width), scale=(0.08, 1.0))(images)
        return cropped

    return of_images(crop, _flip(), RandAugment(n=2, m=9))


@AUGMENTATIONS.register("mixing")
def mixing() -> Augmentation:
    """CutMix (Yun et al. 2019) or MixUp (Zhang et al. 2018), one or the other for a batch with equal chances.

    Labels become the shares of the two classes that an image holds.
    """
    from kornia.augmentation import RandomCutMixV2, RandomMixUpV2

    cut = RandomCutMixV2(data_keys=["input", "class"], use_correct_lambda=True)
    blend = RandomMixUpV2(data_keys=["input", "class"])

    @torch.no_grad()
    def augment(images: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        cuts = bool(torch.rand(()) < 0.5)
        images, mixed = (cut if cuts else blend)(images, labels)
        own, other, share = mixed.reshape(-1, 3).unbind(1)
        share = 1 - share if cuts else share  # CutMix says how much is the image's own, MixUp how much is the other's
        first, second = (functional.one_hot(classes.long(), num_classes).to(images.dtype) for classes in (own, other))
        return images, torch.lerp(first, second, share[:, None].to(images.dtype))

    return augment


def then_mixing(factory: Callable[[], Augmentation]) -> Callable[[], Augmentation]:
    """An augmentation, and `mixing` after it."""

    def both() -> Augmentation:
        first, second = factory(), mixing()
        return lambda images, labels, num_classes: second(*first(images, labels, num_classes), num_classes)

    return both


for _name in ("small_affine", "shift_flip", "affine_jitter_elastic", "flip_affine_jitter", "crop_flip_randaugment"):
    AUGMENTATIONS.add(f"{_name}_mixing", then_mixing(AUGMENTATIONS[_name]))


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
