"""Divergence in training: noticed before it spoils the weights, with the area where it began."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from cordsnet.errors import CheckpointError, DivergedError, RunError, TrainingDivergedError
from cordsnet.models import SavedModel, save_model
from cordsnet.models.capabilities import HasParts, HasRecurrentKernels
from cordsnet.training.loss import SCORES, by_name

LAST_GOOD = "last_good"
"""Folder, in a stage's, of the weights with which loss and gradients were last finite."""


class Watch:
    """Keeps the weights with which loss and gradients were last finite, and stops before others are made or saved.

    An update can leave weights that are finite but useless; that shows at the next one. So the weights before an
    update are kept, and given up only once its successor has finite loss and gradients too.
    """

    def __init__(self, network: SavedModel) -> None:
        self.network = network
        self.update: int | None = None
        self._good: dict[str, Tensor] = {}

    def check_loss(self, loss: Tensor, update: int) -> None:
        """Raise TrainingDivergedError unless the loss is finite."""
        if not bool(torch.isfinite(loss.detach()).all()):
            area = worst(dict(self.network.named_parameters()), self.network)
            raise TrainingDivergedError("the loss", area, update, ", whose weights are the largest")

    def before_update(self, update: int, loss_scale: float | None = None) -> None:
        """Keep the weights when their gradients are finite, else raise TrainingDivergedError.

        `loss_scale` is that of float16's loss scaler: while it can be lowered, it leaves out updates whose gradients
        are too large, and nothing has diverged.
        """
        gradients = {name: p.grad for name, p in self.network.named_parameters() if p.grad is not None}
        if not is_finite(gradients, 2.0):  # the norm that clipping divides by
            if loss_scale is None or loss_scale < 1:
                raise TrainingDivergedError("gradients", worst(gradients, self.network), update)
            return
        self._check_finite(dict(self.network.named_buffers()), "running statistics", update)
        self._keep(update)

    def after_update(self, update: int) -> None:
        """Raise TrainingDivergedError unless the new weights are finite."""
        self._check_finite(dict(self.network.named_parameters()), "weights", update)

    @torch.no_grad()
    def check_outputs(self, inputs: Any, update: int) -> None:
        """Raise TrainingDivergedError unless outputs are finite after the last update, which has no successor."""
        for name, values in by_name(self.network.eval()(inputs)).items():
            if not bool(torch.isfinite(values).all()):
                what = "class scores" if name == SCORES else f"output {name!r}"
                raise TrainingDivergedError(what, worst(dict(self.network.named_parameters()), self.network), update)

    def rescue(self, error: DivergedError | TrainingDivergedError, folder: Path, stage: str, lr: float) -> str:
        """Write the last good weights into `folder`; returns what to lower, and where they are."""
        advice = f"stage {stage!r}: lower --{stage}.optimisation.lr, now {lr:g}"
        network = self.network
        if isinstance(network, HasRecurrentKernels) and error.area in network.recurrent_kernels():
            gain = network.recurrent_gain(error.area).detach().abs().mean()
            advice += f", or the gain of that area's recurrent kernel, now {gain:.3g}"
        return f"{advice}; {self._save(folder, stage, lr)}; finished stages are kept"

    def _save(self, folder: Path, stage: str, lr: float) -> str:
        if self.update is None:
            there = f"; those of an earlier attempt are in {folder}" if folder.is_dir() else ""
            return f"no update was made from weights with finite loss and gradients{there}"
        self.network.load_state_dict(self._good)
        try:
            save_model(self.network, folder, {"stage": stage, "update": self.update, "lr": lr})
        except (OSError, RunError, CheckpointError) as error:
            return f"the last good weights cannot be written to {folder} ({getattr(error, 'strerror', None) or error})"
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
            raise TrainingDivergedError(what, worst(values, self.network), update)


@torch.no_grad()
def is_finite(values: Mapping[str, Tensor], norm: float) -> bool:
    """True if the norm of all values together is finite; `math.inf` takes the largest of them."""
    return math.isfinite(float(get_total_norm([v for v in values.values() if v.is_floating_point()], norm)))


@torch.no_grad()
def worst(values: Mapping[str, Tensor], model: object) -> str:
    """The area, or other part of a model, with the largest share of values that are not finite, else the largest value.

    Of parts that are equally bad it is the highest, since gradients come from above. In a model that does not say what
    its parts are, each of its modules is one.
    """
    if isinstance(model, HasParts):
        order, part_of = list(model.parts), model.part_of
    else:
        order, part_of = [*dict.fromkeys(map(_module_of, values))], _module_of
    badness = dict.fromkeys(order, (0.0, 0.0))
    for name, value in values.items():
        if value.is_floating_point() and value.numel():
            finite = torch.isfinite(value)
            largest = float(torch.where(finite, value, 0).abs().max())
            part = part_of(name)
            badness[part] = max(badness[part], (1 - float(finite.float().mean()), largest))
    return max(order, key=badness.__getitem__)


def _module_of(parameter: str) -> str:
    return parameter.partition(".")[0]
