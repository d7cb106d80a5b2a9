"""Order of the training images. It depends on the seed and the update alone, so a run can resume at any update."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from cordsnet.data.batch_share import BatchShare

_LOW_64_BITS = 2**64 - 1


class UpdateOrder(Sampler[list[int]]):
    """Batches of image indices for a range of updates.

    Every epoch is a permutation drawn from (seed, epoch). Its last images are left out if they do not fill a batch. The
    batch of an update is divided into parts, and each part among processes, so that an update uses the same images for
    any number of parts and processes.

    Parameters
    ----------
    images : number of training images.
    batch : images per update, all processes together.
    updates : number of updates of the whole run.
    seed : seed of the permutations.
    share : the part of every batch that this process loads; None is all of it, from the first update on.

    Raises
    ------
    ValueError : the batch cannot be divided evenly, or it is larger than the number of images.
    """

    def __init__(self, images: int, batch: int, updates: int, seed: int, share: BatchShare | None = None) -> None:
        if batch > images:
            raise ValueError(f"batch = {batch} is more than the {images} training images; lower it")
        self.share = share or BatchShare()
        self.share.images_per_part(batch)
        self.images, self.batch, self.updates, self.seed = images, batch, updates, seed

    def __len__(self) -> int:
        """Number of batches of the whole run, including those before the first update."""
        return self.updates * self.share.parts

    def __iter__(self) -> Iterator[list[int]]:
        """Iterate over the batches from the first update on."""
        per_epoch, epoch, order = self.images // self.batch, -1, torch.empty(0)
        for update in range(self.share.first, self.updates):
            if update // per_epoch != epoch:
                epoch = update // per_epoch
                order = torch.randperm(self.images, generator=torch.Generator().manual_seed(mix_seed(self.seed, epoch)))
            start = (update % per_epoch) * self.batch
            for part in order[start : start + self.batch].view(self.share.parts, self.share.processes, -1):
                yield part[self.share.process].tolist()


def mix_seed(*numbers: int) -> int:
    """Derive one seed of 63 bits from several whole numbers.

    Seeds of neighbouring numbers have nothing in common.

    Source: the output function of SplitMix64, Steele, Lea & Flood 2014, OOPSLA.
    """
    state = 0
    for number in numbers:
        state = (state + 0x9E3779B97F4A7C15 + number) & _LOW_64_BITS
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _LOW_64_BITS
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _LOW_64_BITS
        state ^= state >> 31
    return state >> 1
