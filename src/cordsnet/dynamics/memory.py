"""Budgets of memory: how users write them, and how long a block they allow."""

import ctypes
import re
import sys

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

WORKSPACE = 2.5
"""Courses of the largest area that the adjoint takes beside those of all areas: gradients of the courses that are read.
Measured on R8, batch 1: peak memory grows by 5.0 MB per step of a block, of which 3.0 MB are the rates."""

KERNEL_COPIES = 3
"""Copies of the kernels that a gradient needs: laid out for the adjoint, their gradient from the block at hand, and the
sum of those before."""


def parse_bytes(memory: int | str) -> int:
    """Number of bytes in "2GB", "256 MB", "1.5GiB" or a whole number. Raises ValueError for anything else."""
    if isinstance(memory, int) and memory > 0:
        return memory
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([KMG]?I?B)\s*", str(memory).upper())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"memory must be a number of bytes or a text such as '2GB' or '256MB', got {memory!r}")
    return int(float(match[1]) * UNITS[match[2]])


def block_length(steps: int, state: int, largest_area: int, kernels: int, budget: int) -> int:
    """Longest block, in steps, with which the gradient of `steps` steps fits in `budget` bytes.

    Kept: one state at every block boundary, the gradients of the kernels, and within one block all courses and the
    adjoint's workspace.

    Parameters
    ----------
    steps : of the whole run.
    state, largest_area : bytes of the rates of all areas, and of the largest one.
    kernels : bytes of all kernels.
    budget : bytes.

    Raises
    ------
    ValueError : no block length fits; says how much would.
    """
    per_step = state + WORKSPACE * largest_area
    fixed = KERNEL_COPIES * kernels
    needs = {length: fixed + -(-steps // length) * state + length * per_step for length in range(1, steps + 1)}
    fitting = [length for length, need in needs.items() if need <= budget]
    if not fitting:
        least = min(needs.values())
        raise ValueError(f"memory = {budget} bytes is too small for this run, which needs {least:.0f}; lower the batch")
    return max(fitting)


def release() -> None:
    """Give freed memory back to the system, where the C library (glibc) would keep it for later."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None:
        trim(0)
