"""Inverse initialisation in the Fourier domain: settled responses in closed form, with no activity simulated.

With periodic borders, a linear area settles at each spatial frequency k at (I - R(k))^-1 F(k) h(k). Recurrent and
feedforward kernels are fitted together, so that this equals what the CNN does there, K(k) F0(k) h(k), weighted by the
covariance of what the area reads. The borders of the network are zero-padded, which this leaves out.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from cordsnet._checks import check_positive
from cordsnet.dynamics import convolve, spectrum, transfer
from cordsnet.models import CNN, CordsNet
from cordsnet.models.kernels import weight_of
from cordsnet.training.constraint import limit
from cordsnet.training.evaluate import accuracy
from cordsnet.training.loop import Optimisation
from cordsnet.training.stage import Context, Stage, StageResult
from cordsnet.training.stages.inverse import recurrent_twin, unexplained_variance


@dataclass(frozen=True)
class FourierInit(Stage):
    """Fit both kernels of each linear area to the CNN's response, frequency by frequency.

    Attributes
    ----------
    images : of training, as many as the covariance of what an area reads is measured on.
    norm_bound : largest norm of a recurrent kernel (`norm_bound`), so that the area settles.
    optimisation : of the fit; it has no batches, since the error is an expectation.
    """

    kind: ClassVar[str] = "fourier"
    name: str = "fourier"
    start: str = "fold"
    images: int = 1000
    norm_bound: float = 0.95
    optimisation: Optimisation = field(default_factory=lambda: Optimisation(lr=1e-2, updates=500))

    def __post_init__(self) -> None:
        check_positive(self.norm_bound, "norm_bound")
        if self.images < 2:
            raise ValueError(f"images must be at least 2, to have a covariance, got {self.images}")

    def run(self, context: Context) -> StageResult:
        """Fit from small random recurrent kernels and the CNN's feedforward kernels."""
        cnn = context.cnn_of(self.start)
        model = recurrent_twin(cnn, context.seed)
        drives = _drives(cnn, context.training_images(self.images, cnn))
        for area in model.areas:
            read = cnn.read(area, drives).detach()
            fit_area(model, cnn, area, read, self)
            set_bias(model, area, read, drives[area])
        unexplained = unexplained_variance(model, cnn, context.data.test)
        metrics = {f"unexplained_variance/{area}": value for area, value in unexplained.items()}
        return StageResult(model, {"test_accuracy": accuracy(model, context.data.test), **metrics})


def fit_area(model: CordsNet, cnn: CNN, area: str, read: Tensor, stage: FourierInit) -> None:
    """Set both kernels of an area, given what it reads [B, C, H, W]."""
    size, stride = read.shape[2:], model.spec.area(area).stride
    settled_size = [n // stride for n in size]
    root = _root_covariance(spectrum(read, stride))
    wanted = transfer(weight_of(cnn.wiring.recurrent[area]), settled_size)
    wanted = (wanted @ transfer(weight_of(cnn.wiring.feedforward[area]), size, stride) @ root).detach()
    recurrent, feedforward = (
        nn.Parameter(weight_of(kernels[area]).detach().clone())
        for kernels in (model.wiring.recurrent, model.wiring.feedforward)
    )
    made = stage.optimisation.build([recurrent, feedforward])
    optimiser, schedule = made["optimizer"], made.get("lr_scheduler")
    eye = torch.eye(len(recurrent), dtype=root.dtype, device=root.device)
    with torch.enable_grad():
        for _ in range(stage.optimisation.updates):
            limit(recurrent, settled_size, stage.norm_bound)
            fed = transfer(feedforward, size, stride) @ root
            settled = torch.linalg.solve(eye - transfer(recurrent, settled_size), fed)
            loss = (settled - wanted).abs().square().sum() / wanted.abs().square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if schedule is not None:
                schedule["scheduler"].step()
    limit(recurrent, settled_size, stage.norm_bound)
    with torch.no_grad():
        model.wiring.recurrent[area].weight = recurrent.detach()
        model.wiring.feedforward[area].weight = feedforward.detach()


@torch.no_grad()
def set_bias(model: CordsNet, area: str, read: Tensor, target: Tensor) -> None:
    """The bias with which the area, at its zero-padded borders, settles on the mean of its targets for the mean of
    what it reads; both [B, C, H, W].
    """
    mean, fed = target.mean(0, keepdim=True), read.mean(0, keepdim=True)
    echo = convolve(mean, weight_of(model.wiring.recurrent[area]))
    drive = convolve(fed, weight_of(model.wiring.feedforward[area]), model.spec.area(area).stride)
    model.bias[area].copy_((mean - echo - drive)[0])


@torch.no_grad()
def _drives(cnn: CNN, images: Tensor) -> dict[str, Tensor]:
    return cnn.drives(images)


def _root_covariance(values: Tensor) -> Tensor:
    """L [frequencies, n, n] with L L* the covariance of values [frequencies, B, n] over B.

    R of a QR decomposition, since that exists where the covariance is singular.
    """
    centred = values - values.mean(1, keepdim=True)
    root: Tensor = torch.linalg.qr(centred, mode="r").R.transpose(1, 2)
    return root
