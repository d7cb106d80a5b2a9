"""Bounds: what would run for ever or not fit into memory is refused with its size."""

from pathlib import Path

import torch

MAX_STEPS = 10_000_000
"""Steps of a simulation unless `max_steps` says otherwise: 5.5 hours of network time at 2 ms, far beyond any trial."""

LARGE = 100 * 2**20
"""Bytes below which free memory is not looked up."""


def check_steps(steps: int, dt: float, most: int = MAX_STEPS) -> None:
    """Raise ValueError, with the number, when a simulation has more steps than `most`."""
    if steps > most:
        raise ValueError(
            f"{steps * dt:.3g} ms in steps of dt = {dt:g} ms are {steps:.3g} steps, more than max_steps = {most:,}; "
            "use a larger dt or a shorter time, or pass max_steps to simulate"
        )


def check_room(size: int, what: str, advice: str, device: torch.device | str = "cpu") -> None:
    """Raise ValueError, with the sizes, when `size` bytes are more than what is free on `device`."""
    if size < LARGE:
        return
    free = free_bytes(torch.device(device))
    if free is not None and size > free:
        raise ValueError(f"{what} takes {in_words(size)}, and {in_words(free)} are free on {device}; {advice}")


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be had on a device; None where the system does not say."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    if device.type != "cpu":
        return None
    known = [size for size in (_available(), _left_of_group()) if size is not None]
    return min(known, default=None)


def in_words(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB" if size < 1e6 else f"{size:.2g} TB"


def _available() -> int | None:
    """Memory that Linux can give without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None


def _left_of_group() -> int | None:
    """Memory that is left of the limit of this process's control group, as containers and Slurm set it."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else None
