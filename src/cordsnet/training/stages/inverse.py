"""Stage 3: inverse initialisation of the linear recurrent network from the folded CNN.

A linear area settles at r* = (I - R)^-1 (F * h + b). R and b are fitted, area by area, so that a short
fixed-point iteration reaches the CNN's activity before rectification (Soo et al. 2024, training step 3).
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet.data import Split
from cordsnet.dynamics import Activation
from cordsnet.models import CNN, STEM, CordsNet, build, unit_bias
from cordsnet.training.evaluate import BATCH, accuracy
from cordsnet.training.loop import Optimisation, TrainingModule, train
from cordsnet.training.stage import Context, Stage, StageResult

SETTLE_STEPS, SETTLE_SHARE = 100, 0.2
"""The settled activity is taken after 100 Euler steps of dt / tau = 0.2, as the network itself would."""


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
        cnn = context.cnn_of(self.start)
        model = recurrent_twin(cnn, context.seed)
        waiting = train(_Module(model, cnn, self), context, self.name)
        cnn.to(next(model.parameters()).device)  # training took it along to the accelerator
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        unexplained = unexplained_variance(model, cnn, context.data.test)
        metrics = {f"unexplained_variance/{area}": value for area, value in unexplained.items()}
        return StageResult(model, {"test_accuracy": accuracy(model, context.data.test), **metrics, **waiting})


@torch.no_grad()
def recurrent_twin(cnn: CNN, seed: int) -> CordsNet:
    """A linear CordsNet with the folded CNN's kernels, small random recurrence and the CNN's summed biases."""
    model = build(cnn.spec, seed)
    assert isinstance(model, CordsNet)
    model = model.to(next(cnn.parameters()).dtype)
    model.activation = Activation("identity")
    for part in ("stem", "feedforward", "links", "readout"):
        getattr(model.wiring, part).load_state_dict(getattr(cnn.wiring, part).state_dict(), strict=True)
    for name, bias in model.bias.items():
        bias.copy_(cnn.mix(name, unit_bias(cnn.before[name])[None])[0] + unit_bias(cnn.after[name]))
    return model


def targets(cnn: CNN, images: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Area -> (what its feedforward kernel delivers, the drive that it should settle at), in the folded CNN."""
    with torch.no_grad():
        drives = cnn.drives(images)
        return {area: (cnn.feed(area, drives), drives[area]) for area in drives if area != STEM}


@torch.no_grad()
def unexplained_variance(model: CordsNet, cnn: CNN, split: Split) -> dict[str, float]:
    """Per area: mean squared error of its settled linear activity over the variance of its CNN target.

    Each area is fed by the CNN's own activity, so that errors do not add up.
    """
    images = split.take(BATCH).to(cnn).images
    circuit, drives, result = model.circuit(), cnn.drives(images), {}
    for area in model.areas:
        target, recurrent = drives[area], circuit.recurrent[area]
        drive = circuit.feedforward[area](cnn.read(area, drives)) + model.bias[area]
        rates = torch.zeros_like(drive)
        for _ in range(SETTLE_STEPS):
            rates = torch.lerp(rates, drive + recurrent(rates), SETTLE_SHARE)
        result[area] = float((rates - target).square().mean() / target.var())
    return result


class _Module(TrainingModule):
    """All areas at once: their losses share no parameter, so each is fitted as if alone."""

    def __init__(self, model: CordsNet, cnn: CNN, stage: InverseInit) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage = model, stage
        self.reference: list[CNN] = [cnn]  # in a list, so that the CNN is no part of the module
        model.requires_grad_(False)
        for area, kernel in model.wiring.recurrent.items():
            kernel.requires_grad_(True)
            model.bias[area].requires_grad_(True)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Fitting error and penalty on one batch, summed over areas."""
        cnn = self.reference[0].to(self.device)
        recurrent = self.model.circuit().recurrent
        losses = {}
        for area, (feed, target) in targets(cnn, batch[0]).items():
            source = feed + self.model.bias[area]
            rates = echo = source
            for _ in range(self.stage.terms):
                rates, echo = source + recurrent[area](rates), recurrent[area](echo)
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
        for area, kernel in self.model.wiring.recurrent.items():
            nn.utils.clip_grad_norm_([*kernel.parameters(), self.model.bias[area]], gradient_clip_val)
