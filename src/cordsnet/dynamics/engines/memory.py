"""Budgets of memory: how users write them, and how long a block of time they allow."""

import ctypes
import re
import sys
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

WORKSPACE = 2.5
"""Courses of the largest area that the adjoint takes beside those of all areas: gradients of the courses that are read.
Measured on R8, batch 1: peak memory grows by 5.0 MB per step of a block, of which 3.0 MB are the rates."""

WEIGHT_COPIES = 3
"""Copies of the weights that a gradient needs: laid out for the adjoint, their gradient from the block at hand, and the
sum of those before."""


def parse_bytes(memory: int | str) -> int:
    """Number of bytes in "2GB", "256 MB", "1.5GiB" or a whole number. Raises ValueError for anything else."""
    if isinstance(memory, int) and not isinstance(memory, bool) and memory > 0:
        return memory
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([KMG]?I?B)\s*", str(memory).upper())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"memory must be a number of bytes or a text such as '2GB' or '256MB', got {memory!r}")
    return int(float(match[1]) * UNITS[match[2]])


def block_length(steps: int, state: int, per_step: float, weights: int, budget: int) -> int:
    """Longest block, in steps, with which the gradient of `steps` steps fits in `budget` bytes.

    What is kept: one state at every block boundary, copies of the weights and of their gradients, and, for one block
    at a time, what every step keeps.

    Parameters
    ----------
    steps : of the whole run.
    state : bytes of one state.
    per_step : bytes that one step keeps for its gradient.
    weights : bytes of all weights.
    budget : bytes.

    Raises
    ------
    ValueError : no block length fits; says how much would.
    """
    fixed = WEIGHT_COPIES * weights
    needs = {length: fixed + -(-steps // length) * state + length * per_step for length in range(1, steps + 1)}
    fitting = [length for length, need in needs.items() if need <= budget]
    if not fitting:
        least = min(needs.values())
        raise ValueError(f"memory = {budget} bytes is too small for this run, which needs {least:.0f}; lower the batch")
    return max(fitting)


def state_bytes(state: State) -> int:
    """Bytes of all signals of a state."""
    return sum(value.numel() * value.element_size() for value in state.values.values())


def step_bytes(system: System[Any], state: State, context: Any) -> tuple[int, int]:
    """Bytes that autograd keeps for each step of a system, and bytes that it keeps once for all steps.

    Two steps are run: what the second keeps and the first does not belongs to a step; what both keep, such as weights,
    is kept once.
    """
    kept: list[dict[int, int]] = []

    def note(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept[-1][storage.data_ptr()] = storage.nbytes()
        return value

    with torch.enable_grad(), saved_tensors_hooks(note, lambda value: value):
        held = []  # so that memory of the first step is not used again by the second
        state = state.map(lambda value: value.detach().requires_grad_())
        for _ in range(2):
            kept.append({})
            state = system.advance(state, context)
            held.append(state)
    first, second = kept
    per_step = sum(size for place, size in second.items() if place not in first)
    return per_step, sum(size for place, size in second.items() if place in first)


def release() -> None:
    """Give freed memory back to the system, where the C library (glibc) would keep it for later."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None:
        trim(0)
