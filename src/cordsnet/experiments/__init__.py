"""Results of the paper and questions of its reviewers: one function each, with its claims, in one table."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.experiments.claims import Claim, Expected, Measured
    from cordsnet.experiments.experiment import Experiment, Preset, Setting, experiment
    from cordsnet.experiments.result import Axis, LabelledArray, Result
    from cordsnet.experiments.storage import read_result, write_data
    from cordsnet.experiments.table import EXPERIMENTS

__all__ = [
    "EXPERIMENTS",
    "Axis",
    "Claim",
    "Expected",
    "Experiment",
    "LabelledArray",
    "Measured",
    "Preset",
    "Result",
    "Setting",
    "experiment",
    "read_result",
    "write_data",
]

import_on_demand(__name__)
