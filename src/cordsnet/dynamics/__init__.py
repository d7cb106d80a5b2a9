"""Time and tensors: the rate equation, steppers, engines, recording. No images, no networks."""

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.anderson import Status, anderson
from cordsnet.dynamics.convolution import ConvMap, convolve
from cordsnet.dynamics.engines import ENGINES
from cordsnet.dynamics.equation import Circuit, Held, LinearMap, RateEquation, Reader, emit
from cordsnet.dynamics.equilibrium import Equilibrium, Solver, expansion_penalty, steady_state
from cordsnet.dynamics.precision import Precision, as_precision, full_precision
from cordsnet.dynamics.recording import REDUCTIONS, Record, Recorder
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.simulate import Simulable, integrate, simulate
from cordsnet.dynamics.spontaneous import SPONTANEOUS_MS, WarmStart, settle, spontaneous_state
from cordsnet.dynamics.state import State
from cordsnet.dynamics.steppers import STEPPERS
from cordsnet.dynamics.system import RateSystem, System
from cordsnet.dynamics.trajectory import Trajectory

__all__ = [
    "ENGINES",
    "REDUCTIONS",
    "SPONTANEOUS_MS",
    "STEPPERS",
    "Activation",
    "Circuit",
    "ConvMap",
    "Equilibrium",
    "Held",
    "Hold",
    "LinearMap",
    "Precision",
    "RateEquation",
    "RateSystem",
    "Reader",
    "Record",
    "Recorder",
    "Schedule",
    "Simulable",
    "Solver",
    "State",
    "Status",
    "System",
    "Trajectory",
    "WarmStart",
    "anderson",
    "as_precision",
    "convolve",
    "emit",
    "expansion_penalty",
    "full_precision",
    "integrate",
    "settle",
    "simulate",
    "spontaneous_state",
    "steady_state",
]
