"""Actions of an environment: how they are given, and what they bring."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from cordsnet.tasks.choice import CHOICE, ChoiceTask
from cordsnet.tasks.ring import RING
from cordsnet.tasks.task import Task
from cordsnet.tasks.trials import Trials

RIGHT, BROKEN = 1.0, -0.1
"""Reward of a right answer, and of an answer before it is asked for."""

LARGEST = 10.0
"""Largest activity of a unit that is accepted as an action, where none needs more than 0.85."""


class Acting(ABC):
    """Actions of one episode at a time.

    Attributes
    ----------
    output : output of a network that an action is read from.
    space : actions that can be.
    """

    output: str
    space: spaces.Space[Any]

    def begin(self) -> None:  # noqa: B027
        """Forget the last episode."""

    @abstractmethod
    def judged(self, trials: Trials, frame: int, action: Any) -> tuple[float, bool]:
        """Reward of an action in a frame, and whether the trial ends with it."""

    @abstractmethod
    def wanted(self, trials: Trials, frame: int) -> Any:
        """The action that is wanted in a frame."""

    @abstractmethod
    def of(self, values: Tensor) -> Any:
        """The action of a network with these outputs."""


class Choosing(Acting):
    """Options: 0 to fixate, k for answer k, which ends the trial."""

    output = CHOICE

    def __init__(self, task: ChoiceTask) -> None:
        self.decision, self.space = task.decision, spaces.Discrete(1 + len(task.options))

    def judged(self, trials: Trials, frame: int, action: Any) -> tuple[float, bool]:
        """1 for the wanted option in the decision period; -0.1 for an answer before."""
        option, wanted = int(action), self.wanted(trials, frame)
        if option == 0:
            last = frame == trials.frames - 1
            return (RIGHT if last and wanted == 0 else 0.0), last
        if frame < int(trials.periods[self.decision][0, 0]):
            return BROKEN, True
        return (RIGHT if option == wanted else 0.0), True

    def wanted(self, trials: Trials, frame: int) -> int:
        """The option that is wanted in a frame."""
        return int(trials.targets[CHOICE][frame, 0])

    def of(self, values: Tensor) -> int:
        """The option that leads."""
        return int(values.argmax())


class Holding(Acting):
    """Activities of the units of an output, in every frame of a trial."""

    def __init__(self, task: Task) -> None:
        ((self.output, _, units),) = task.outputs
        self.task, self.space = task, spaces.Box(-LARGEST, LARGEST, (units,), np.float32)
        self.given: list[Tensor] = []

    def begin(self) -> None:
        """Forget the actions of the last episode."""
        self.given = []

    def judged(self, trials: Trials, frame: int, action: Any) -> tuple[float, bool]:
        """1 after the last frame if the task takes the actions for a right answer."""
        self.given.append(torch.as_tensor(action, dtype=torch.float32))
        if frame < trials.frames - 1:
            return 0.0, False
        answers = self.task.answers(trials, {self.output: torch.stack(self.given)[:, None]})
        return (RIGHT if bool(answers.correct[0]) else 0.0), True

    def wanted(self, trials: Trials, frame: int) -> list[float]:
        """The activities that are wanted in a frame."""
        found: list[float] = trials.targets[self.output][frame, 0].tolist()
        return found

    def of(self, values: Tensor) -> Any:
        """The outputs themselves."""
        return values.numpy().astype(np.float32)


class Pointing(Holding):
    """Activities of a fixation unit and a ring of 32 units, in every frame of a trial."""

    def judged(self, trials: Trials, frame: int, action: Any) -> tuple[float, bool]:
        """1 after the last frame if the task takes the actions for a right answer; -0.1 if fixation breaks before."""
        reward, last = super().judged(trials, frame, action)
        if not self._waiting(trials, frame):
            return reward, last
        fixations = [float(given[0]) for given in self.given]
        held, due = max(fixations) >= 0.5, last or not self._waiting(trials, frame + 1)
        broken = fixations[-1] < 0.5 and (held or due)
        return (BROKEN if broken else 0.0), broken or last

    @staticmethod
    def _waiting(trials: Trials, frame: int) -> bool:
        """True in the frames in which to fixate is wanted."""
        return bool(trials.targets[RING][frame, 0, 0] > 0.5)


def acting(task: Task) -> Acting:
    """Actions that fit a task. Raises ValueError unless it ends with a choice, or has one output of values."""
    if isinstance(task, ChoiceTask):
        return Choosing(task)
    if [name for name, _, _ in task.outputs] == [RING]:
        return Pointing(task)
    if [axis == "option" for _, axis, _ in task.outputs] == [False]:
        return Holding(task)
    raise ValueError(f"task must end with a choice or have one output of values, got {task.kind!r}")
