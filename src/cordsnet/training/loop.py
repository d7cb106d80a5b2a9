"""The Lightning trainer that every stage shares: bars, CSV and TensorBoard logs, checkpoints, resumption."""

import logging
import math
import pickle
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cordsnet._files import cannot_write
from cordsnet._processes import lost_worker
from cordsnet.data import BatchShare
from cordsnet.errors import CheckpointError, DivergedError, RunError, TrainingDivergedError
from cordsnet.models import SavedModel
from cordsnet.training.budget import Stopwatch
from cordsnet.training.calibrate import calibrate
from cordsnet.training.checkpoints import SAVE_MINUTES, CheckpointWriter, interruption, newest_checkpoint
from cordsnet.training.cluster import Launched
from cordsnet.training.criterion import Examiner
from cordsnet.training.divergence import LAST_GOOD, Watch
from cordsnet.training.launch import find_processes, trainer_devices
from cordsnet.training.loggers import make_loggers, quiet_writers
from cordsnet.training.loss import Batch
from cordsnet.training.meeting import is_lost_peer, lost_peer
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.order import mix_seed
from cordsnet.training.progress import StageBar
from cordsnet.training.sources import Feed, Source
from cordsnet.training.stage import Context

WAITING = "waiting_share"
"""Name of the metric that says which share of a stage's time was spent waiting for images."""

PROCESSOR = "processor_seconds"
"""Name of the metric that says how much processor time of this process training took, s."""

MACHINE = (WAITING, PROCESSOR)
"""Metrics of the machine, and not of the model."""

AUGMENTING = 1
"""Sets the draws of augmentation apart from the others of a batch."""


class TrainingModule(lightning.LightningModule):
    """Base of the Lightning modules of all stages: batches prepared on the device, draws that depend on the update
    alone, and a watch on loss, gradients and weights.
    """

    seed = 0
    began = False
    stopwatch: Stopwatch | None = None  # of a stage with a budget
    examiner: Examiner | None = None  # of a stage that ends at a criterion

    def __init__(self, network: SavedModel, optimisation: Optimisation, augmentation: str) -> None:
        super().__init__()
        self.network, self.optimisation, self.augmentation = network, optimisation, augmentation
        self.watch = Watch(network)
        self.feed: Feed | None = None  # what prepares batches, once there is data to train on
        self.logged: dict[str, Tensor] = {}  # the numbers of the last batch

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule of the stage, for every parameter that is not frozen."""
        watch = self.stopwatch
        by_time = None if watch is None or watch.limit is None else lambda: watch.share
        return self.optimisation.build([p for p in self.trained_parameters() if p.requires_grad], by_time)

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the network, and of what a loss puts on top of it."""
        yield from self.network.parameters()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Whatever is drawn for this batch depends on the seed, the batch and the process alone."""
        self.began = True
        torch.manual_seed(mix_seed(self.seed, batch_idx, self.global_rank))

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Check what the loader gave. Raises DataError when too much of it could not be read."""
        assert self.feed is not None
        return self.feed.received(batch)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """The batch that is trained on, prepared on the device."""
        assert self.feed is not None
        upcoming = self.trainer.fit_loop.epoch_loop.batch_idx + 1  # Lightning moves a batch before it starts it
        torch.manual_seed(mix_seed(self.seed, upcoming, self.global_rank, AUGMENTING))
        return self.feed.batch(batch)

    def keep(self, **values: Tensor) -> None:
        """Log numbers under their names, the first on the progress bar too."""
        self.logged = values
        for k, (name, value) in enumerate(values.items()):
            together = self.trainer.world_size > 1
            self.log(name, value, prog_bar=k < 2, on_step=True, on_epoch=False, sync_dist=together)

    def check_loss(self, loss: Tensor) -> Tensor:
        """Stop before a loss that is not finite spoils the weights."""
        self.watch.check_loss(loss, self.global_step)
        return loss

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Stop before gradients that are not finite spoil the weights; keep the weights while they are good."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        self.watch.before_update(self.global_step, None if scaler is None else scaler.get_scale())

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update, and stop before weights that are not finite are used or saved."""
        super().optimizer_step(*args, **kwargs)
        self.watch.after_update(self.global_step)
        self.constrain()

    def constrain(self) -> None:
        """Change the weights after an update, if the stage keeps to a constraint."""


class WatchedLoader:
    """A loader that notes for how long it was waited for, s."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.loader, self.waited = loader, 0.0

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        asked = time.perf_counter()
        for batch in self.loader:
            self.waited += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()


def train(module: TrainingModule, context: Context, stage: str) -> dict[str, float]:
    """Run a stage's module for its number of updates, going on from its newest whole checkpoint if there is one.

    Statistics of batch norms are measured at the end, outside the time that is told.

    However often it is interrupted, it makes the same updates from the same images and draws.

    Returns
    -------
    `waiting_share`: of the time that training took since it was last started, how much it waited for images; and
    `processor_seconds`: processor time of this process in that time, s, of all its threads.

    Raises
    ------
    DataError : too many images could not be read.
    DivergedError, TrainingDivergedError : rates, loss, gradients or weights stopped being finite; the last weights
        with which they were are in `last_good`.
    InterruptionError : a signal asked to stop; what was done is saved.
    """
    folder, optimisation = context.run / stage, module.optimisation
    checkpoints = folder / "checkpoints"
    resume, first = newest_checkpoint(checkpoints, context.fingerprint) or (None, 0)
    limit = None if module.stopwatch is None else module.stopwatch.limit
    every = math.ceil(optimisation.updates / 5)
    minutes = SAVE_MINUTES if limit is None else min(SAVE_MINUTES, limit / 5 / 60)
    keeper = CheckpointWriter(checkpoints, minutes, every, context.fingerprint)
    module.seed, module.feed = context.seed, context.source.feed(module.augmentation)
    with _quiet(), keeper.handling_signals(), _repeatable():
        watching = [one for one in (module.stopwatch, module.examiner) if one is not None]
        callbacks: list[Callback] = [*watching, keeper]
        if context.progress:
            callbacks.append(StageBar(folder.name, optimisation.updates, limit, module.examiner is not None))
        trainer = _trainer(folder, optimisation, keeper, callbacks)
        loader = WatchedLoader(_loader(context.source, optimisation, context.seed, first, trainer))
        started, worked = time.perf_counter(), time.process_time()
        try:
            with _explained(folder, stage, resume, module):
                trainer.fit(module, loader, ckpt_path=resume, weights_only=True)
            elapsed, worked = time.perf_counter() - started, time.process_time() - worked
            module.to(trainer.strategy.root_device)  # which Lightning leaves, though it is the place to measure on
            calibrate(module.network, context.source, optimisation.batch, context.seed, module.augmentation)
            shown = context.source.probe(max(1, optimisation.batch // optimisation.accumulate), module.network)
            module.watch.check_outputs(shown, module.global_step)
        except (DivergedError, TrainingDivergedError) as error:
            error.add_note(module.watch.rescue(error, folder / LAST_GOOD, stage, optimisation.lr))
            raise
    if keeper.signal_number is not None:  # one that came after the last update
        raise interruption(keeper.signal_number, "update", module.global_step, keeper.saved_update)
    return {WAITING: loader.waited / elapsed, PROCESSOR: worked}


@contextmanager
def _explained(folder: Path, stage: str, resume: Path | None, module: TrainingModule) -> Iterator[None]:
    """Turn what ends training from outside into one sentence that says how to go on."""
    try:
        yield
    except SystemExit as error:  # how Lightning passes on Ctrl-C
        raise KeyboardInterrupt from error
    except OSError as error:
        raise RunError(
            f"stage {stage!r} stopped: {cannot_write(error.filename or folder, error)}; its last checkpoint is kept"
        ) from error
    except (KeyError, EOFError, pickle.UnpicklingError, RuntimeError) as error:
        if find_processes().count > 1 and is_lost_peer(error):
            raise RunError(f"stage {stage!r} stopped: {lost_peer(error)}") from error
        if "DataLoader worker" in str(error):
            raise RunError(f"stage {stage!r} stopped: {lost_worker(error)}") from error
        if resume is None or module.began:
            raise
        raise CheckpointError(f"{resume} cannot be used ({error!r}); restart the stage (--restart {stage})") from error


def _loader(
    source: Source, optimisation: Optimisation, seed: int, first: int, trainer: lightning.Trainer
) -> DataLoader[Any]:
    share = BatchShare(first, optimisation.accumulate, trainer.global_rank, trainer.world_size)
    return source.loader(optimisation.batch, optimisation.updates, seed, share)


TRAINER_PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
"""Names of precisions as Lightning writes them."""


def _trainer(
    folder: Path, optimisation: Optimisation, keeper: CheckpointWriter, callbacks: list[Callback]
) -> lightning.Trainer:
    attempt = len(list(folder.glob("logs_*"))) + 1
    return lightning.Trainer(
        **trainer_devices(),
        plugins=[Launched(find_processes()), keeper.file],
        use_distributed_sampler=False,
        max_steps=optimisation.updates,
        max_epochs=-1,
        accumulate_grad_batches=optimisation.accumulate,
        precision=TRAINER_PRECISIONS[optimisation.precision],
        gradient_clip_val=optimisation.clip,
        callbacks=callbacks,
        logger=make_loggers(folder, attempt),
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,  # the bar of the package is among the callbacks
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def _repeatable() -> Iterator[None]:
    """Convolutions on a GPU give the same bits each time, at some cost of speed, as the promise of `train` needs."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False  # a benchmark may choose another algorithm the next time
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's banners, and its advice on worker processes, which images held in memory do not need."""
    logs = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    with warnings.catch_warnings(), quiet_writers():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)
