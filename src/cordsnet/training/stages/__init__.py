"""The stages: one class per idea."""

from cordsnet.training.stages.cnn import TrainCNN
from cordsnet.training.stages.dynamics import TrainDynamics
from cordsnet.training.stages.fold import Fold
from cordsnet.training.stages.gauss_newton import GaussNewton
from cordsnet.training.stages.imitate import Imitate
from cordsnet.training.stages.inverse import InverseInit
from cordsnet.training.stages.random import RandomInit
from cordsnet.training.stages.settled import TrainSettled
from cordsnet.training.stages.train import Train, TrainingStage

__all__ = [
    "Fold",
    "GaussNewton",
    "Imitate",
    "InverseInit",
    "RandomInit",
    "Train",
    "TrainCNN",
    "TrainDynamics",
    "TrainSettled",
    "TrainingStage",
]
