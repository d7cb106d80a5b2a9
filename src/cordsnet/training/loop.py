"""The Lightning trainer that every stage shares: bars, CSV and TensorBoard logs, checkpoints, resumption."""

import logging
import math
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from cordsnet._checks import check_positive
from cordsnet.data import AUGMENTATIONS, VisionData
from cordsnet.errors import CheckpointError
from cordsnet.training.stage import Context


@dataclass(frozen=True)
class Optimisation:
    """How parameters are updated.

    Attributes
    ----------
    optimiser : "sgd" (momentum 0.9) or "adamw".
    lr : learning rate, the peak where it is scheduled.
    schedule : "constant", or "one_cycle": up over the first `warm_up` of the updates, then down to nought.
    updates : number of parameter updates.
    batch : images per update.
    clip : largest gradient norm; None leaves it alone.
    precision : of convolutions; half precisions run under autocast, "float16" with scaled losses (on a GPU).
    """

    optimiser: Literal["sgd", "adamw"] = "adamw"
    lr: float = 1e-3
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    warm_up: float = 0.2
    updates: int = 100
    batch: int = 64
    clip: float | None = None
    weight_decay: float = 0.0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"

    def __post_init__(self) -> None:
        check_positive(self.lr, "lr")
        if self.updates < 1 or self.batch < 1:
            raise ValueError(f"updates and batch must be at least 1, got {self.updates} and {self.batch}")
        if self.clip is not None:
            check_positive(self.clip, "clip")

    def build(self, parameters: list[nn.Parameter]) -> dict[str, Any]:
        """Optimiser and schedule in the form that Lightning takes."""
        if self.optimiser == "sgd":
            optimiser: Optimizer = torch.optim.SGD(
                parameters, lr=self.lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
            )
        else:
            optimiser = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return {"optimizer": optimiser}
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, total_steps=self.updates, pct_start=self.warm_up, cycle_momentum=False
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class TrainingModule(lightning.LightningModule):
    """What the Lightning modules of all stages share: augmentation on the device, and a watch on the loss."""

    def __init__(self, network: nn.Module, optimisation: Optimisation, augmentation: str) -> None:
        super().__init__()
        self.network, self.optimisation = network, optimisation
        self.augment = AUGMENTATIONS[augmentation]()

    def configure_optimizers(self) -> Any:
        """As the stage's `Optimisation` says, for every parameter that is not frozen."""
        return self.optimisation.build([p for p in self.network.parameters() if p.requires_grad])

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augment the images of a training batch where they are."""
        images, labels = batch
        return (self.augment(images) if self.training else images), labels

    def keep(self, **values: Tensor) -> None:
        """Log numbers under their names, the first on the progress bar too."""
        for k, (name, value) in enumerate(values.items()):
            self.log(name, value, prog_bar=k < 2, on_step=True, on_epoch=False)

    def check_loss(self, loss: Tensor) -> Tensor:
        """Stop before a loss that is not finite spoils the weights."""
        if not bool(torch.isfinite(loss.detach())):
            raise ArithmeticError(
                f"the loss stopped being finite at update {self.global_step}; lower lr (now {self.optimisation.lr:g})"
            )
        return loss


def train(module: TrainingModule, context: Context, stage: str) -> None:
    """Run a stage's module for its number of updates, going on from its last checkpoint if there is one.

    Raises DivergedError or ArithmeticError when rates or loss stop being finite; the last checkpoint stays.
    """
    folder = context.run / stage
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.ckpt"
    with _quiet():
        trainer = _trainer(folder, module.optimisation, context.progress)
        lightning.seed_everything(context.seed, workers=True, verbose=False)
        loader = _loader(context.data, module.optimisation.batch, context.seed)
        resume = str(last) if last.is_file() else None
        try:
            trainer.fit(module, loader, ckpt_path=resume, weights_only=True)
        except ArithmeticError as error:
            error.add_note(f"stage {stage!r}, update {module.global_step}; finished stages are kept")
            raise
        except SystemExit as error:  # how Lightning passes on Ctrl-C
            raise KeyboardInterrupt from error
        except (KeyError, EOFError, pickle.UnpicklingError, RuntimeError) as error:
            if resume is None or module.global_step > 0:
                raise
            raise CheckpointError(f"{last} is damaged ({error!r}); restart the stage (--restart {stage})") from error


def _loader(data: VisionData, batch: int, seed: int) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(seed)
    batch = min(batch, len(data.train))
    return DataLoader(data.train.dataset(), batch, shuffle=True, drop_last=True, generator=generator)


TRAINER_PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
"""Names of precisions as Lightning writes them."""


def _trainer(folder: Path, optimisation: Optimisation, progress: bool) -> lightning.Trainer:
    checkpoint = ModelCheckpoint(
        folder / "checkpoints",
        save_last=True,
        save_top_k=0,
        every_n_train_steps=max(1, math.ceil(optimisation.updates / 5)),
        enable_version_counter=False,
    )
    attempt = len(list(folder.glob("logs_*"))) + 1
    callbacks: list[Callback] = [checkpoint, *([RichProgressBar(leave=True)] if progress else [])]
    return lightning.Trainer(
        max_steps=optimisation.updates,
        precision=TRAINER_PRECISIONS[optimisation.precision],
        max_epochs=-1,
        gradient_clip_val=optimisation.clip,
        callbacks=callbacks,
        logger=[
            CSVLogger(folder, name="", version=f"logs_{attempt}", flush_logs_every_n_steps=20),
            TensorBoardLogger(folder, name="", version=f"tensorboard_{attempt}"),
        ],
        log_every_n_steps=1,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's banners, and its advice on worker processes, which images held in memory do not need."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            log.setLevel(level)
