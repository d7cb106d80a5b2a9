"""Which images make up which update: a function of the seed and the update alone, so that a run can go on anywhere."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from cordsnet.data.batch_share import BatchShare


class UpdateOrder(Sampler[list[int]]):
    """Batches of image indices for a range of updates.

    Every epoch is a permutation drawn from (seed, epoch); the last images of an epoch that do not fill a batch are
    left out. The global batch of an update is cut into parts, and each part among processes, so that the same images
    make up an update however many processes and parts share it.

    Raises ValueError when the batch cannot be cut evenly, or when there are fewer images than a batch holds.
    """

    def __init__(self, images: int, batch: int, updates: int, seed: int, share: BatchShare | None = None) -> None:
        if batch > images:
            raise ValueError(f"batch = {batch} is more than the {images} training images; lower it")
        self.share = share or BatchShare()
        self.share.images_per_part(batch)
        self.images, self.batch, self.updates, self.seed = images, batch, updates, seed

    def __len__(self) -> int:
        """Batches of the whole run, those before the first included."""
        return self.updates * self.share.parts

    def __iter__(self) -> Iterator[list[int]]:
        """From the first update on."""
        per_epoch, epoch, order = self.images // self.batch, -1, torch.empty(0)
        for update in range(self.share.first, self.updates):
            if update // per_epoch != epoch:
                epoch = update // per_epoch
                order = torch.randperm(self.images, generator=torch.Generator().manual_seed(mixed(self.seed, epoch)))
            start = (update % per_epoch) * self.batch
            for part in order[start : start + self.batch].view(self.share.parts, self.share.processes, -1):
                yield part[self.share.process].tolist()


def mixed(*numbers: int) -> int:
    """One seed from several whole numbers, such that neighbours have nothing in common (SplitMix64)."""
    state = 0
    for number in numbers:
        state = (state + 0x9E3779B97F4A7C15 + number) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return state >> 1


MASK = 2**64 - 1
