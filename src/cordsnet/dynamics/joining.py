"""Two trajectories as one, the second after the first."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics.clock import DIGITS


def joined(first: Any, second: Any) -> dict[str, Any]:
    """The fields of a trajectory with what `first` recorded and then `second`, times counted on from the first's end.

    Raises ValueError, naming what differs, unless both are of the same model, clock, signals, trials and shapes. Where
    the second did not begin in the step in which the first ended, the notes say so.
    """
    if first.model != second.model and first.model and second.model:
        raise ValueError(f"trajectories of {first.model!r} and {second.model!r} cannot be joined; give one model's")
    if first.clock != second.clock:
        raise ValueError(
            f"trajectories with dt = {first.dt:g} ms ({first.clock.kind}) and {second.dt:g} ms ({second.clock.kind}) "
            "cannot be joined; simulate both with the same step"
        )

    def both(kind: str, one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Join what both recorded, along time. Raises ValueError where they recorded other things."""
        if one.keys() != other.keys():
            raise ValueError(f"{kind} recorded are {sorted(one)} and {sorted(other)}; record the same in both")
        for name, value in one.items():
            if value.shape[1:] != other[name].shape[1:] or first.axes[name] != second.axes[name]:
                raise ValueError(
                    f"{name!r} has the shapes {list(value.shape)} and {list(other[name].shape)}; record the same "
                    "trials and reductions in both"
                )
            if value.dtype != other[name].dtype or value.device != other[name].device:
                raise ValueError(
                    f"{name!r} is {value.dtype} on {value.device} and {other[name].dtype} on {other[name].device}; "
                    "simulate both alike"
                )
        return {name: torch.cat([value, other[name]]) for name, value in one.items()}

    times = [round(first.ends_ms + time, DIGITS) for time in second.time_ms.tolist()]
    began = second.final_state.step - round(second.ends_ms / second.dt)
    notes = list(dict.fromkeys((*first.notes, *second.notes)))
    notes.append(f"two trajectories joined at {first.ends_ms:g} ms")
    if began != first.final_state.step:
        notes.append(
            f"the second did not go on from the first: it began at step {began} and the first ended at step "
            f"{first.final_state.step}; pass initial_state=first.final_state to go on"
        )
    return {
        "time_ms": torch.tensor([*first.time_ms.tolist(), *times], dtype=torch.float64, device="cpu"),
        "rates": both("rates", first.rates, second.rates),
        "outputs": both("outputs", first.outputs, second.outputs),
        "axes": first.axes,
        "final_state": second.final_state,
        "clock": first.clock,
        "notes": tuple(notes),
        "model": first.model or second.model,
        "duration_ms": round(first.ends_ms + second.ends_ms, DIGITS),
    }
