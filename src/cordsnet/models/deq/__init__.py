"""Deep equilibrium models: one step is one frame, solved to a steady state. DEQ of a CordsNet, and MDEQ."""

from cordsnet.models.deq.conv import DeqConv
from cordsnet.models.deq.mdeq import Mdeq
from cordsnet.models.deq.mdeq_spec import MdeqSpec
from cordsnet.models.deq.spec import DeqConvSpec
from cordsnet.models.deq.trajectory import SolverTrajectory, is_equilibrium_model, solver_trajectory

__all__ = [
    "DeqConv",
    "DeqConvSpec",
    "Mdeq",
    "MdeqSpec",
    "SolverTrajectory",
    "is_equilibrium_model",
    "solver_trajectory",
]
