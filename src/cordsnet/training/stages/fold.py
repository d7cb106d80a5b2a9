"""Stage 2: batch norms folded into kernels and per-unit biases, exactly."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from cordsnet._arguments import check_init
from cordsnet.errors import RunError
from cordsnet.models.capabilities import Foldable
from cordsnet.training.stage import Context, Stage, StageResult

TOLERANCE = 1e-5
"""Largest difference of class scores, relative to the largest score, in float32."""

CHECKED = 256
"""Test images whose scores are compared."""


@check_init
@dataclass(frozen=True)
class Fold(Stage):
    """Fold and check: the two networks must give equal class scores (Soo et al. 2024, training step 2)."""

    kind: ClassVar[str] = "fold"
    name: str = "fold"
    start: str = "cnn"

    @torch.no_grad()
    def run(self, context: Context) -> StageResult:
        """Fold the trained network. Raises RunError when the scores differ."""
        network: Any = context.model_with(self.start, Foldable, "a network with batch norms")  # type: ignore[type-abstract]
        folded = network.fold()
        images = context.test_images(CHECKED, network)
        wanted, got = network(images), folded(images)
        difference = float((wanted - got).abs().max() / wanted.abs().max())
        if not difference <= TOLERANCE:
            raise RunError(
                f"stage {self.name!r}: folded scores differ from the CNN's by {difference:.1e} of the largest score, "
                f"more than {TOLERANCE:g}; the CNN of stage {self.start!r} has extreme batch norms, train it again"
            )
        return StageResult(folded, context.measure(folded) | {"score_difference": difference})
