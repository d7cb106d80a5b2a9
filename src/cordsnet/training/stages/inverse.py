"""Stage 3: inverse initialisation of the linear recurrent network from the folded CNN.

A linear area settles at r* = (I - R)^-1 (F * h + b). R and b are fitted, area by area, so that a short
fixed-point iteration reaches the CNN's activity before rectification (Soo et al. 2024, training step 3).
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_init
from cordsnet.models.capabilities import FeedforwardTwin, RecurrentTwin
from cordsnet.models.interface import IMAGE
from cordsnet.training.evaluate import BATCH
from cordsnet.training.loop import TrainingModule, train
from cordsnet.training.loss import Batch
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.stage import Context, Stage, StageResult

SETTLE_STEPS, SETTLE_SHARE = 100, 0.2
"""The settled activity is taken after 100 Euler steps of dt / tau = 0.2, as the network itself would."""


@check_init
@dataclass(frozen=True)
class InverseInit(Stage):
    """Fit recurrent kernels and biases; everything else stays as folded.

    Attributes
    ----------
    terms : steps of the fixed-point iteration r <- R * r + b + F * h, started at b + F * h.
    penalty : weight of the mean square of R applied `terms` times to b + F * h, which keeps the
        spectral radius down.
    """

    kind: ClassVar[str] = "inverse"
    name: str = "inverse"
    start: str = "fold"
    terms: int = 3
    penalty: float = 10.0
    optimisation: Optimisation = field(default_factory=lambda: Optimisation(lr=3e-3, updates=300, clip=None))
    augmentation: str = "none"

    def run(self, context: Context) -> StageResult:
        """Fit from small random recurrent kernels."""
        cnn = context.folded_twin_of(self.start)
        model = cnn.recurrent_twin(context.seed)
        waiting = train(_Module(model, cnn, self), context, self.name)
        cnn.to(next(model.parameters()).device)  # training took it along to the accelerator
        model.requires_grad_(True)
        unexplained = unexplained_variance(model, cnn, context.test_images(BATCH, cnn))
        metrics = {f"unexplained_variance/{area}": value for area, value in unexplained.items()}
        return StageResult(model, context.measure(model) | metrics | waiting)


def targets(cnn: FeedforwardTwin, images: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Area -> (what its feedforward kernel delivers, the drive that it should settle at), in the folded CNN."""
    with torch.no_grad():
        drives = cnn.drives(images)
        return {area: (cnn.feed(area, drives), drives[area]) for area in cnn.shapes}


@torch.no_grad()
def unexplained_variance(model: RecurrentTwin, cnn: FeedforwardTwin, images: Tensor) -> dict[str, float]:
    """Per area: mean squared error of its settled linear activity over the variance of its CNN target.

    Each area is fed by the CNN's own activity under `images` [B, C, H, W], so that errors do not add up.
    """
    drives, result = cnn.drives(images), {}
    for area in model.areas:
        target, (recurrent, feedforward) = drives[area], model.area_maps(area)
        drive = feedforward(cnn.afferent(area, drives)) + model.area_weights(area).bias
        rates = torch.zeros_like(drive)
        for _ in range(SETTLE_STEPS):
            rates = torch.lerp(rates, drive + recurrent(rates), SETTLE_SHARE)
        result[area] = float((rates - target).square().mean() / target.var())
    return result


class _Module(TrainingModule):
    """All areas at once: their losses share no parameter, so each is fitted as if alone."""

    def __init__(self, model: Any, cnn: Any, stage: InverseInit) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage = model, stage
        self.reference: list[Any] = [cnn]  # in a list, so that the CNN is no part of the module
        model.train_only(("recurrent",))

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Fitting error and penalty on one batch, summed over areas."""
        cnn = self.reference[0].to(self.device)
        losses = {}
        for area, (feed, target) in targets(cnn, batch.inputs[IMAGE]).items():
            recurrent, _ = self.model.area_maps(area)
            source = feed + self.model.area_weights(area).bias
            rates = echo = source
            for _ in range(self.stage.terms):
                rates, echo = source + recurrent(rates), recurrent(echo)
            losses[area] = (rates - target).square().mean() + self.stage.penalty * echo.square().mean()
        total = torch.stack(list(losses.values())).sum()
        self.keep(loss=total, **losses)
        return self.check_loss(total)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip area by area, since the areas are fitted independently."""
        if gradient_clip_val is None:
            return
        for area in self.model.areas:
            nn.utils.clip_grad_norm_(self.model.fitted_parameters(area), gradient_clip_val)
