"""Statistics of batch norms, measured after training."""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Precision, System, with_lesions
from cordsnet.dynamics.precision import own_precision, place_of_doubles
from cordsnet.errors import DataWarning
from cordsnet.models.interface import IMAGE

if TYPE_CHECKING:
    from cordsnet.models.interface import VisionModel as Base
else:
    Base = object


class MeasuresBatchNorms(Base):
    """Mixin for networks of steps with batch norms: `calibrate` sets the statistics that evaluation mode uses.

    In training mode batch norms use the statistics of the batch, and nothing is changed in a step. `Train` calls
    `calibrate` when it ends. After a training loop of your own, call it yourself: until then evaluation mode normalises
    by a mean of 0 and a variance of 1, and gives other answers than training mode did. A DataWarning says so where this
    very model was trained; weights that came without statistics, as a state dict of such a network or an average of
    weights, are not noticed.

    Attributes
    ----------
    system_type : class of its system, called with the model, the duration of a step, a precision and a `Watch`.
    """

    system_type: Any
    _counts_in_training: tuple[int, ...] | None = None

    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> System[Any]:
        """The model as the engines run it, without the parts that it has lost.

        Gives a DataWarning, once, in evaluation mode after training in which no statistics were measured.
        """
        self._heed_statistics()
        return super().system(dt, stepper, precision)

    @property
    def steps_to_measure(self) -> int:
        """Number of steps in which every batch norm is reached: as many as the spec says, unless a model needs more."""
        return int(self.spec.steps)

    def _heed_statistics(self) -> None:
        """Note a training pass, and warn of the evaluation that follows without new statistics.

        A training pass is one in training mode for a gradient: without a gradient no weight changes by it. Counters of
        batch norms tell statistics that came since, from `calibrate` or from a file.
        """
        if self.training:
            if self._counts_in_training is None and torch.is_grad_enabled():
                self._counts_in_training = self._counts(of_batches=True) or None
        elif self._counts_in_training is not None:
            before, self._counts_in_training = self._counts_in_training, None
            if before == self._counts():
                said = (
                    "the network was trained, and the statistics of its batch norms were not measured since, so in "
                    "evaluation mode it answers otherwise than in training; call model.calibrate(batches) with "
                    "training images"
                )
                warnings.warn(said, DataWarning, stacklevel=3)

    def _counts(self, of_batches: bool = False) -> tuple[int, ...]:
        """Counter of every batch norm; none if `of_batches` and no batch norm uses statistics of the batch."""
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        if of_batches and not any(norm.training for norm in norms):
            return ()
        return tuple(int(norm.num_batches_tracked) for norm in norms if norm.num_batches_tracked is not None)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the running statistics of all batch norms to population statistics over `batches`.

        Every batch is held for `spec.steps` steps in training mode and then read, so that what a batch norm receives
        has been normalised below by the statistics of the batch; its mean and variance over the units and images of all
        batches become its running statistics (Wu & Johnson 2021, section 3, "precise" batch norm). For a single batch,
        evaluation mode then gives what training mode gave, where a batch norm belongs to one step and nothing is
        lesioned. Batch norms that only a longer trial reaches take their statistics from it (`steps_to_measure`).
        Batches should be as large as those of training.
        All is computed in the model's own precision, also under `torch.autocast`.

        Parameters
        ----------
        batches : images [B, C, H, W] each.

        Raises
        ------
        ValueError, TypeError : there is no batch, or images that do not fit.
        """
        moments: dict[str, Moments] = {}
        counts, within, beyond = True, frozenset[str](), False

        def watch(name: str, maps: Tensor) -> None:
            if counts and not (beyond and name in within):
                moments.setdefault(name, Moments()).add(maps)

        mode, count = self.training, 0
        self.train()
        try:
            with own_precision(self.like):
                bound = self.system_type(self, self.dt_ms, Precision(), watch)
                system = with_lesions(bound, self.lesions)
                for count, images in enumerate(batches, 1):  # noqa: B007
                    self.check_input(images)
                    state = system.begin(len(images))
                    # `hold` sees without lesions; where every step sees anew, that is with them
                    counts = not (self.lesions and bound.sees_anew)
                    context, counts = system.hold({IMAGE: images}), True
                    for step in range(self.steps_to_measure):
                        if step == self.spec.steps:
                            within, beyond = within or frozenset(moments), True
                        state = system.advance(state, context)
                    system.read(state)
                    beyond = False
        finally:
            self.train(mode)
        if not count:
            raise ValueError("batches must hold at least one batch of images, got none")
        for name, found in moments.items():
            norm = self.get_submodule(name)
            assert isinstance(norm, nn.BatchNorm2d)
            found.write(norm, count)
        self._counts_in_training = None


class Moments:
    """Mean and variance of every channel over batches of maps, in double precision."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, maps: Tensor) -> None:
        """Count maps [B, C, H, W]."""
        place = place_of_doubles(maps.device)
        var, mean = torch.var_mean(maps.to(place).double(), (0, 2, 3), correction=0)
        units = maps.numel() // maps.shape[1]
        self.count += units
        self.total = self.total.to(mean) + units * mean
        self.squares = self.squares.to(mean) + units * (var + mean**2)

    def write(self, norm: nn.BatchNorm2d, batches: int) -> None:
        """Set the statistics of a batch norm."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        mean = self.total / self.count
        norm.running_mean.copy_(mean.to(norm.running_mean.dtype))
        norm.running_var.copy_((self.squares / self.count - mean**2).clamp(min=0).to(norm.running_var.dtype))
        norm.num_batches_tracked.fill_(batches)
