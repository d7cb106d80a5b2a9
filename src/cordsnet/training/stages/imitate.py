"""Inverse initialisation of the rectified network itself: it learns to settle where the CNN ends.

The paper fits linear areas, one by one, through three terms of a series, and then anneals the nonlinearity. Here the
whole network settles under each image with ReLU, and its settled rates are fitted to the CNN's by implicit gradients,
all areas together: an area makes up for the errors of those below it, and nothing is left to anneal.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.dynamics import Activation, Solver, steady_state
from cordsnet.models.capabilities import FeedforwardTwin
from cordsnet.models.interface import IMAGE
from cordsnet.training.constraint import limit_recurrence
from cordsnet.training.evaluate import BATCH
from cordsnet.training.loop import TrainingModule, train
from cordsnet.training.loss import Batch
from cordsnet.training.losses import settled_share
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.stage import Context, Stage, StageResult

FITTED = {
    "recurrence": ("recurrent",),
    "areas": ("recurrent", "feedforward"),
    "all": ("recurrent", "feedforward", "links", "stem"),
}
"""Choice of `Imitate.fit` -> kernels that are fitted, beside the biases."""


@check_init
@dataclass(frozen=True)
class Imitate(Stage):
    """Fit settled rates to the folded CNN's activity; the readout stays the CNN's.

    Attributes
    ----------
    fit : the weights that are fitted: "recurrence", recurrent kernels and biases, as the paper does; "areas",
        feedforward kernels too; "all", everything but the readout.
    solver : how fixed points and their gradients are computed; its `expansion_bound` keeps the network settling.
    expansion_weight : coefficient of the Lipschitz-coefficient penalty (Linsley et al. 2020), beside a fitting error
        that is 1 for a network without activity.
    norm_bound : largest norm of a recurrent kernel (`limit_recurrence`), kept after every update; None is no bound.
    """

    kind: ClassVar[str] = "imitate"
    name: str = "imitate"
    start: str = "fold"
    fit: Literal["recurrence", "areas", "all"] = "all"
    solver: Solver = field(default_factory=lambda: Solver(tol=1e-3, max_iterations=40, expansion_bound=0.9))
    expansion_weight: float = 1.0
    norm_bound: float | None = None
    optimisation: Optimisation = field(default_factory=lambda: Optimisation(lr=1e-2, updates=400, batch=128, clip=1.0))
    augmentation: str = "none"

    def __post_init__(self) -> None:
        if self.fit not in FITTED:
            raise ValueError(f"fit must be one of {', '.join(FITTED)}, got {self.fit!r}")
        if self.norm_bound is not None:
            check_positive(self.norm_bound, "norm_bound")

    def run(self, context: Context) -> StageResult:
        """Fit from the CNN's kernels and small random recurrence."""
        cnn = context.folded_twin_of(self.start)
        model = cnn.recurrent_twin(context.seed)
        model.activation = Activation("relu")
        model.train_only(FITTED[self.fit])
        waiting = train(_Module(model, cnn, self), context, self.name)
        model.requires_grad_(True)
        cnn.to(next(model.parameters()).device)  # training took the network along to the accelerator
        fitted = imitation(model.eval(), cnn, context.test_images(BATCH, model), self.solver)
        return StageResult(model, context.measure(model) | waiting | fitted)


def unexplained(rates: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the variance of the target; both [B, C, H, W]."""
    return (rates - target).square().mean() / target.var()


@torch.no_grad()
def imitation(model: Any, cnn: FeedforwardTwin, images: Tensor, solver: Solver) -> dict[str, float]:
    """Measure how well settled rates under `images` [B, C, H, W] imitate the CNN's, and which share of trials settles.

    Each area is fed by the network's own activity.
    """
    found, wanted = steady_state(model, images, solver=solver), cnn.rates(images)
    errors = {f"unexplained_variance/{a}": float(unexplained(found.rates[a], wanted[a])) for a in model.areas}
    return errors | {"settled_share": settled_share(found)}


class _Module(TrainingModule):
    def __init__(self, model: Any, cnn: Any, stage: Imitate) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage = model, stage
        self.reference: list[Any] = [cnn]  # in a list, so that the CNN is no part of the module
        self.limit()

    def limit(self) -> None:
        """Keep recurrent kernels within the bound, if there is one."""
        if self.stage.norm_bound is not None:
            limit_recurrence(self.model, self.stage.norm_bound)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update, then keep the bound."""
        super().optimizer_step(*args, **kwargs)
        self.limit()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Fitting error and penalty on one batch, averaged over areas."""
        images, cnn = batch.inputs[IMAGE], self.reference[0].to(self.device)
        with torch.no_grad():
            drives = cnn.drives(images)
            wanted = {area: functional.relu(drives[area]) for area in self.model.areas}
        found = steady_state(self.model, images, solver=self.stage.solver, grad=True, unsettled="accept")
        errors = {area: unexplained(found.rates[area], target) for area, target in wanted.items()}
        loss = torch.stack(list(errors.values())).mean() + self.stage.expansion_weight * found.expansion
        self.keep(loss=loss, settled_share=loss.new_tensor(settled_share(found)), **errors)
        return self.check_loss(loss)
