"""Networks of a sweep over tasks: as they were trained, as they were drawn, and how many trials they answer."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import RunError
from cordsnet.experiments.cognition.recurrences import STAGE
from cordsnet.experiments.experiment import Setting
from cordsnet.experiments.intervals import share
from cordsnet.models import create_model
from cordsnet.tasks import Task, evaluate_task
from cordsnet.tasks.source import TEST_SEED
from cordsnet.training import ModelChoice, StageReport

LEARNT = 0.9
"""Share of new trials from which a network counts as one that learnt."""

Row: TypeAlias = Mapping[str, Any]


def check_swept(swept: Sequence[Row]) -> None:
    """Raise RunError where a run failed for another reason than divergence."""
    if failed := [row for row in swept if row["status"] == "failed"]:
        raise RunError(f"run {failed[0]['run']!r} failed: {failed[0]['error']}")


def network_row(task: Task, row: Row, setting: Setting, trials: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """A row of the table of networks, and which test trials it answers; a network that diverged answers none."""
    kept = ("task", "model", "units", "seed", "status", "error", "parameters", "updates")
    spent = [float(value) for name, value in row.items() if name.endswith(".seconds")]
    made = {name: row.get(name) for name in kept} | {"seconds": sum(spent) if spent else None, "learnt": False}
    if row["status"] != "finished":
        return made, np.zeros(trials)
    answers = evaluate_task(trained_model(row, setting), task.for_tests(), trials, TEST_SEED).answers
    measured = share(int(answers.correct.sum()), trials)
    low, high = measured.interval or (None, None)
    made |= {"accuracy": measured.value, "low": low, "high": high, "trials": trials}
    made |= {"early": float(answers.early.double().mean()), "learnt": measured.value >= LEARNT}
    return made, answers.correct.double().numpy()


def trained_model(row: Row, setting: Setting) -> Any:
    """The network with which a run ended."""
    return StageReport(STAGE, setting.folder() / str(row["run"]) / STAGE, {}, 0.0).model().eval()


def drawn_model(task: Task, choice: ModelChoice, seed: int) -> Any:
    """The network of a run with random weights, drawn as those were with which it began."""
    fields = choice.options | {"vector_size": len(task.vector_channels), "outputs": task.outputs}
    return create_model(choice.name, seed=seed, **fields).eval()
