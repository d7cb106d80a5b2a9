"""What a simulation returns: named axes, times in ms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cordsnet.dynamics.recording import Recorder
from cordsnet.dynamics.state import State

if TYPE_CHECKING:
    import xarray


class RecordedRates(dict[str, Tensor]):
    """area -> rates [T, B, ...]; asking for an area that was not recorded says how to record it."""

    def __missing__(self, area: str) -> Tensor:
        kept = ", ".join(self) or "none"
        raise KeyError(f"rates of {area!r} were not recorded (recorded: {kept}); pass record=[{area!r}]")


@dataclass(frozen=True)
class Trajectory:
    """A recorded simulation.

    Attributes
    ----------
    time_ms : [T], end of each recorded step, from the start of the protocol.
    rates : area -> [T, B, C, H, W], or what the reduction left of the last three axes.
    logits : [T, B, K], or None when they were not recorded.
    axes : area -> names of the axes of its rates.
    final_state : where the simulation ended; pass it as `initial_state` to go on from there.
    dt : step, ms.
    """

    time_ms: Tensor
    rates: Mapping[str, Tensor]
    logits: Tensor | None
    axes: Mapping[str, tuple[str, ...]]
    final_state: State
    dt: float

    @classmethod
    def from_recorder(cls, recorder: Recorder, final_state: State) -> "Trajectory":
        """Collect what a recorder kept."""
        rates = RecordedRates({area: recorder.result(area) for area in recorder.areas})
        axes = {area: ("time", "trial", *_names(value, recorder.axes)) for area, value in rates.items()}
        time = torch.tensor([step * recorder.dt for step in recorder.steps], dtype=torch.float64)
        logits = recorder.result("") if recorder.logits else None
        return cls(time, rates, logits, axes, final_state, recorder.dt)

    def to_xarray(self) -> "xarray.Dataset":
        """Rates and logits as an `xarray.Dataset` on the CPU, with time in ms as a coordinate."""
        import xarray

        def names(area: str) -> tuple[str, ...]:
            return tuple(n if n in ("time", "trial") else f"{area}_{n}" for n in self.axes[area])

        variables = {area: (names(area), _to_numpy(value)) for area, value in self.rates.items()}
        if self.logits is not None:
            variables["logits"] = (("time", "trial", "class"), _to_numpy(self.logits))
        time = ("time", self.time_ms.numpy(), {"units": "ms", "long_name": "time from the start of the protocol"})
        return xarray.Dataset(variables, coords={"time": time}, attrs={"dt_ms": self.dt, "rate_units": "arbitrary"})


def _names(value: Tensor, axes: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(axes) if axes is not None else tuple(f"axis{k}" for k in range(value.ndim - 2))


def _to_numpy(value: Tensor) -> np.ndarray:
    """On the CPU; bfloat16, which numpy lacks, as float32."""
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
