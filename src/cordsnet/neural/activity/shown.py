"""The state of a model to which pictures are shown: its mode, and its start with the noise of each picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray

from cordsnet.dynamics import State, trial_seeds
from cordsnet.models import VisionModel


@contextmanager
def evaluating(model: VisionModel) -> Iterator[None]:
    """Have a model in evaluation mode within this context."""
    mode = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(mode)


def start_of(model: VisionModel, rows: NDArray[Any], seed: int) -> State | None:
    """The state in which pictures of some rows [B] of a set are shown; None for the model's own, without noise.

    Private noise is that of the row and the seed, so that it does not depend on the pictures that are shown at once.
    """
    system = model.system()
    if not system.has_noise:
        return None
    seeds = trial_seeds(seed, int(rows.max()) + 1)[torch.from_numpy(rows)].to(system.like.device)
    return replace(system.begin(len(rows), seed), seeds=seeds)
