"""Results of the paper and questions of its reviewers: one function each, with its claims, in one table."""

from cordsnet.experiments import ablations as _ablations
from cordsnet.experiments import demo as _demo
from cordsnet.experiments import inverse_init as _inverse_init
from cordsnet.experiments import portrait as _portrait
from cordsnet.experiments import precision as _precision
from cordsnet.experiments import steppers as _steppers
from cordsnet.experiments import table1 as _table1  # all fill the table of experiments
from cordsnet.experiments.checkpoint import find_checkpoint
from cordsnet.experiments.claims import Claim, Expected, Measured
from cordsnet.experiments.evaluation import evaluate
from cordsnet.experiments.evaluation_result import Evaluation
from cordsnet.experiments.experiment import EXPERIMENTS, Experiment, Preset, Setting, experiment
from cordsnet.experiments.result import Axis, LabelledArray, Result
from cordsnet.experiments.storage import read_result, write_data

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

del _ablations, _demo, _inverse_init, _portrait, _precision, _steppers, _table1
