"""Trials of a task as data to train on and to measure with."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from cordsnet._arguments import check_init
from cordsnet._checks import check_count
from cordsnet.data import BatchShare
from cordsnet.errors import RunError
from cordsnet.models import ModelSpec
from cordsnet.tasks.create import as_tuples, create_task
from cordsnet.tasks.performance import evaluate_task
from cordsnet.tasks.running import MOST_TRIALS
from cordsnet.tasks.task import IMAGE, Task
from cordsnet.training import Batch, mix_seed

TEST_SEED = 2**40
"""Seed of the trials that networks are measured with; seeds of training are drawn from those of runs."""

FIXED = ("rendering", "image_size", "frame_ms")
"""Settings on which the inputs of a network depend, so that no lesson changes them."""


@check_init
@dataclass(frozen=True)
class TaskSource:
    """Trials of a task: new ones for every update, and the same test trials for every network.

    Attributes
    ----------
    task : the task.
    test_trials : number of test trials.
    """

    task: Task
    test_trials: int = 500

    def __post_init__(self) -> None:
        check_count(self.test_trials, "test_trials", 1, most=MOST_TRIALS)

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.task.kind

    def sizes(self) -> Mapping[str, Any]:
        """Fields of a spec that follow from the task."""
        if self.task.rendering == IMAGE:
            size = (self.task.image_size, self.task.image_size)
            return {"in_channels": 1, "image_size": size, "outputs": self.task.outputs}
        return {"vector_size": len(self.task.vector_channels), "outputs": self.task.outputs}

    def check(self, spec: ModelSpec) -> None:
        """Raise RunError unless a model reads the rendering and has the outputs of the task."""
        sizes = self.sizes()
        for field in sizes:
            if not hasattr(spec, field):
                lacks = {"outputs": "no outputs by name", "vector_size": "no vectors"}.get(field, "no images")
                raise RunError(
                    f"a {type(spec).__name__} has {lacks}, which task {self.name!r} needs in its "
                    f"{self.task.rendering!r} rendering; choose a model of kind 'vector_rnn' or 'multi_area'"
                )
        for field, wanted in sizes.items():
            if getattr(spec, field) != wanted:
                raise RunError(f"{field} must be {wanted} for task {self.name!r}, got {getattr(spec, field)}")

    def loader(self, batch: int, updates: int, seed: int, share: BatchShare) -> DataLoader[Any]:
        """Trials of every update, rendered by this process."""
        return DataLoader(_Updates(self.task, batch, updates, seed, share), batch_size=None)

    def feed(self, augmentation: str) -> "TaskSource":
        """Itself; trials are not augmented. Raises RunError for an augmentation."""
        if augmentation != "none":
            raise RunError(f"trials of {self.name!r} are not augmented; leave augmentation {augmentation!r} out")
        return self

    def received(self, raw: Any) -> Any:
        """Inputs, targets and masks as they were made."""
        return raw

    def batch(self, moved: Any) -> Batch:
        """Inputs, targets and masks, frame by frame."""
        inputs, targets, mask = moved
        return Batch(inputs, targets, mask, self.task.frame_ms)

    def probe(self, count: int, model: torch.nn.Module) -> dict[str, Tensor]:
        """First frames of test trials."""
        trials = self.task.for_tests().sample(count, TEST_SEED).to(next(model.parameters()))
        return {name: values[0] for name, values in trials.inputs.items()}

    def measure(self, model: Any) -> dict[str, float]:
        """Share of test trials answered correctly, and of those that were answered too early."""
        found = evaluate_task(model, self.task.for_tests(), self.test_trials, TEST_SEED)
        early = float(found.answers.early.double().mean())
        return {"task_accuracy": found.accuracy, "early_share": early}

    def taught(self, settings: Mapping[str, Any]) -> "TaskSource":
        """Trials of the task with other settings, for the same networks.

        Raises RunError for settings that the task does not have, or on which inputs or outputs of a network depend.
        """
        known = [name for name in self.task.to_dict() if name not in FIXED]
        for name in settings:
            if name in FIXED:
                raise RunError(f"{name!r} is that of the network's inputs, and stays as it is; leave it out")
            if name not in known:
                raise RunError(f"task {self.name!r} has no setting {name!r} to change; it has {', '.join(known)}")
        changed = replace(self, task=self.task.changed(**{name: as_tuples(value) for name, value in settings.items()}))
        now = changed.sizes()
        for field, size in self.sizes().items():
            if now[field] != size:
                names = ", ".join(settings)
                raise RunError(f"{names} would change {field} of the network from {size} to {now[field]}; leave it out")
        return changed

    def describe(self) -> dict[str, Any]:
        """Settings of the task, and a digest of its first test trials, which tells pictures of other content apart."""
        trials, digest = self.task.for_tests().sample(4, TEST_SEED), hashlib.blake2b(digest_size=16)
        for name, values in sorted(trials.inputs.items()):
            digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
        about = {"name": self.name, "task": self.task.to_dict(), "test_trials": self.test_trials}
        return about | {"trials": digest.hexdigest()}


class _Updates(IterableDataset[Any]):
    """Inputs, targets and masks of the part of each update that falls to a process."""

    def __init__(self, task: Task, batch: int, updates: int, seed: int, share: BatchShare) -> None:
        self.task, self.batch, self.updates, self.seed, self.share = task, batch, updates, seed, share
        self.size = share.images_per_part(batch)

    def __len__(self) -> int:
        return self.updates * self.share.parts

    def __iter__(self) -> Iterator[Any]:
        for update in range(self.share.first, self.updates):
            seed = mix_seed(self.seed, update)
            for part in range(self.share.parts):
                first = (part * self.share.processes + self.share.process) * self.size
                trials = self.task.sample(self.size, seed, first)
                yield dict(trials.inputs), dict(trials.targets), dict(trials.mask)


def load_task(size: int, /, *, task: str = "", test_trials: int = 500, **settings: Any) -> TaskSource:
    """The row "task" of the table of data sets: trials of `task`, whose movies have the size that the network reads.

    Raises ValueError where no task is named.
    """
    if not task:
        raise ValueError("data 'task' needs the name of a task; give data_options={'task': NAME}")
    if settings.get("rendering") == IMAGE and size:
        settings = settings | {"image_size": size}
    return TaskSource(create_task(task, **settings), test_trials)
