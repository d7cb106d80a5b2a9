"""The ablations of the paper: what is left out or varied, and in which regime networks then end."""

from cordsnet.experiments.ablations.ablation import Ablation, AblationOptions, MeasureRegime, run_ablation
from cordsnet.experiments.ablations.table import ABLATIONS

__all__ = ["ABLATIONS", "Ablation", "AblationOptions", "MeasureRegime", "run_ablation"]
