"""Time and tensors: the rate equation, steppers, engines, recording. No images, no networks."""

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.engines import ENGINES
from cordsnet.dynamics.equation import Circuit, Held, LinearMap, RateEquation, Reader, emit
from cordsnet.dynamics.recording import REDUCTIONS, Record, Recorder
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.simulate import SPONTANEOUS_MS, integrate, settle, simulate, spontaneous_state
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
    "Held",
    "Hold",
    "LinearMap",
    "RateEquation",
    "RateSystem",
    "Reader",
    "Record",
    "Recorder",
    "Schedule",
    "State",
    "System",
    "Trajectory",
    "emit",
    "integrate",
    "settle",
    "simulate",
    "spontaneous_state",
]
