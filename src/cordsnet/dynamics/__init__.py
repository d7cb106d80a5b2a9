"""Time and tensors: clocks, states, circuits, the rate equation, engines, recording. No images, no networks."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.dynamics.activation import Activation
    from cordsnet.dynamics.anderson import anderson
    from cordsnet.dynamics.broyden import broyden
    from cordsnet.dynamics.circuit import Circuit, Held, Pathway, Reader, emit
    from cordsnet.dynamics.clock import Clock
    from cordsnet.dynamics.convolution import ConvMap, convolve
    from cordsnet.dynamics.effects import NONE, Effects
    from cordsnet.dynamics.engines import ENGINES
    from cordsnet.dynamics.equation import RateEquation
    from cordsnet.dynamics.equilibrium import Equilibrium, steady_state
    from cordsnet.dynamics.expansion import expansion_penalty
    from cordsnet.dynamics.fixed_point import Solution, Status, fixed_point_iteration
    from cordsnet.dynamics.gradients import GRADIENTS, Ending, Gradient, last_state
    from cordsnet.dynamics.interventions import Intervention, clamp, inject, scale, silence
    from cordsnet.dynamics.lesions import Lesion, with_lesions
    from cordsnet.dynamics.maps import (
        Chain,
        DenseMap,
        Enlarge,
        KernelMap,
        LinearMap,
        LowRankMap,
        Masked,
        Pool,
        Unflatten,
        channels_last,
    )
    from cordsnet.dynamics.noise import mix, trial_seeds
    from cordsnet.dynamics.precision import Precision, as_precision, full_precision
    from cordsnet.dynamics.rate_system import RateSystem
    from cordsnet.dynamics.recording import REDUCTIONS, Record, Recorder
    from cordsnet.dynamics.schedule import Hold, Schedule
    from cordsnet.dynamics.simulate import Simulable, integrate, simulate, start
    from cordsnet.dynamics.solver import Solver
    from cordsnet.dynamics.spontaneous import SPONTANEOUS_MS, WarmStart, own_start, relax, spontaneous_state
    from cordsnet.dynamics.state import Signal, State
    from cordsnet.dynamics.steppers import STEPPERS
    from cordsnet.dynamics.system import Inputs, System
    from cordsnet.dynamics.trajectory import Trajectory

__all__ = [
    "ENGINES",
    "GRADIENTS",
    "NONE",
    "REDUCTIONS",
    "SPONTANEOUS_MS",
    "STEPPERS",
    "Activation",
    "Chain",
    "Circuit",
    "Clock",
    "ConvMap",
    "DenseMap",
    "Effects",
    "Ending",
    "Enlarge",
    "Equilibrium",
    "Gradient",
    "Held",
    "Hold",
    "Inputs",
    "Intervention",
    "KernelMap",
    "Lesion",
    "LinearMap",
    "LowRankMap",
    "Masked",
    "Pathway",
    "Pool",
    "Precision",
    "RateEquation",
    "RateSystem",
    "Reader",
    "Record",
    "Recorder",
    "Schedule",
    "Signal",
    "Simulable",
    "Solution",
    "Solver",
    "State",
    "Status",
    "System",
    "Trajectory",
    "Unflatten",
    "WarmStart",
    "anderson",
    "as_precision",
    "broyden",
    "channels_last",
    "clamp",
    "convolve",
    "emit",
    "expansion_penalty",
    "fixed_point_iteration",
    "full_precision",
    "inject",
    "integrate",
    "last_state",
    "mix",
    "own_start",
    "relax",
    "scale",
    "silence",
    "simulate",
    "spontaneous_state",
    "start",
    "steady_state",
    "trial_seeds",
    "with_lesions",
]

import_on_demand(__name__)
