"""Training that diverges: noticed before it spoils the weights, and said where."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from cordsnet.errors import DivergedError, TrainingDivergedError
from cordsnet.models import CNN, CordsNet, NetworkSpec, save_model
from cordsnet.models.kernels import gain_of

LAST_GOOD = "last_good"
"""Folder, in a stage's, of the weights with which loss and gradients were last finite."""


class Watch:
    """Keeps the weights with which loss and gradients were last finite, and stops before others are made or saved.

    An update can leave weights that are finite but useless; that shows at the next one. So the weights before an
    update are kept, and given up only once its successor has finite loss and gradients too.
    """

    def __init__(self, network: CordsNet | CNN) -> None:
        self.network = network
        self.update: int | None = None
        self._good: dict[str, Tensor] = {}

    def check_loss(self, loss: Tensor, update: int) -> None:
        """Raise TrainingDivergedError unless the loss is finite."""
        if not bool(torch.isfinite(loss.detach()).all()):
            area = worst(dict(self.network.named_parameters()), self.network.spec)
            raise TrainingDivergedError("the loss", area, update, ", whose weights are the largest")

    def before_update(self, update: int, loss_scale: float | None = None) -> None:
        """Keep the weights when their gradients are finite, else raise TrainingDivergedError.

        `loss_scale` is that of float16's loss scaler: while it can be lowered, it leaves out updates whose gradients
        are too large, and nothing has diverged.
        """
        gradients = {name: p.grad for name, p in self.network.named_parameters() if p.grad is not None}
        if not is_finite(gradients, 2.0):  # the norm that clipping divides by
            if loss_scale is None or loss_scale < 1:
                raise TrainingDivergedError("gradients", worst(gradients, self.network.spec), update)
            return
        self._check_finite(dict(self.network.named_buffers()), "running statistics", update)
        self._keep(update)

    def after_update(self, update: int) -> None:
        """Raise TrainingDivergedError unless the new weights are finite."""
        self._check_finite(dict(self.network.named_parameters()), "weights", update)

    @torch.no_grad()
    def check_scores(self, images: Tensor, update: int) -> None:
        """Raise TrainingDivergedError unless class scores are finite after the last update, which has no successor."""
        if not bool(torch.isfinite(self.network.eval()(images)).all()):
            raise TrainingDivergedError(
                "class scores", worst(dict(self.network.named_parameters()), self.network.spec), update
            )

    def rescue(self, error: DivergedError | TrainingDivergedError, folder: Path, stage: str, lr: float) -> str:
        """Write the last good weights into `folder`; returns what to lower, and where they are."""
        advice = f"stage {stage!r}: lower --{stage}.optimisation.lr, now {lr:g}"
        if isinstance(self.network, CordsNet) and error.area in self.network.wiring.recurrent:
            gain = gain_of(self.network.wiring.recurrent[error.area]).detach().abs().mean()
            advice += f", or the gain of that area's recurrent kernel, now {gain:.3g}"
        return f"{advice}; {self._save(folder, stage, lr)}; finished stages are kept"

    def _save(self, folder: Path, stage: str, lr: float) -> str:
        if self.update is None:
            there = f"; those of an earlier attempt are in {folder}" if folder.is_dir() else ""
            return f"no update was made from weights with finite loss and gradients{there}"
        self.network.load_state_dict(self._good)
        try:
            save_model(self.network, folder, {"stage": stage, "update": self.update, "lr": lr})
        except OSError as error:
            return f"the last good weights cannot be written to {folder} ({error.strerror or error})"
        return f"the last good weights, those after {self.update} updates, are in {folder}"

    @torch.no_grad()
    def _keep(self, update: int) -> None:
        state = self.network.state_dict()
        if not self._good:
            self._good = {name: value.clone() for name, value in state.items()}
        for name, value in state.items():
            self._good[name].copy_(value)
        self.update = update

    def _check_finite(self, values: Mapping[str, Tensor], what: str, update: int) -> None:
        if not is_finite(values, math.inf):
            raise TrainingDivergedError(what, worst(values, self.network.spec), update)


@torch.no_grad()
def is_finite(values: Mapping[str, Tensor], norm: float) -> bool:
    """Whether the norm of all values together is finite; `math.inf` takes the largest of them."""
    return math.isfinite(float(get_total_norm([v for v in values.values() if v.is_floating_point()], norm)))


@torch.no_grad()
def worst(values: Mapping[str, Tensor], spec: NetworkSpec) -> str:
    """The area (or "readout" or "stem") with the largest share of values that are not finite, else the largest value.

    Of areas that are equally bad it is the highest, since gradients come from above.
    """
    order = [*(area.name for area in reversed(spec.areas)), "readout", "stem"]
    badness = dict.fromkeys(order, (0.0, 0.0))
    for name, value in values.items():
        if value.is_floating_point() and value.numel():
            finite = torch.isfinite(value)
            largest = float(torch.where(finite, value, 0).abs().max())
            part = part_of(name, spec)
            badness[part] = max(badness[part], (1 - float(finite.float().mean()), largest))
    return max(order, key=badness.__getitem__)


def part_of(name: str, spec: NetworkSpec) -> str:
    """The area to which a parameter or buffer belongs, by its name; a connection belongs to its target."""
    words = name.split(".")
    owners = {area.name: area.name for area in spec.areas} | {link.name: link.target for link in spec.connections}
    return next((owners[word] for word in words if word in owners), "readout" if "readout" in words else "stem")
