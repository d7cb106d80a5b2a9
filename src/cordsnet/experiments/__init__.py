"""Results of the paper and questions of its reviewers: one function each, with its claims, in one table."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.experiments.checkpoint import find_checkpoint
    from cordsnet.experiments.claims import Claim, Expected, Measured
    from cordsnet.experiments.evaluation import evaluate
    from cordsnet.experiments.evaluation_result import Evaluation
    from cordsnet.experiments.experiment import Experiment, Preset, Setting, experiment
    from cordsnet.experiments.result import Axis, LabelledArray, Result
    from cordsnet.experiments.storage import read_result, write_data
    from cordsnet.experiments.table import EXPERIMENTS

__all__ = [
    "EXPERIMENTS",
    "Axis",
    "Claim",
    "Evaluation",
    "Expected",
    "Experiment",
    "LabelledArray",
    "Measured",
    "Preset",
    "Result",
    "Setting",
    "evaluate",
    "experiment",
    "find_checkpoint",
    "read_result",
    "write_data",
]

import_on_demand(__name__)
