"""Result of a simulation: named axes, times in ms."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.recording import OUTPUT, Recorder
from cordsnet.dynamics.state import State

if TYPE_CHECKING:
    import xarray


class Recorded(dict[str, Tensor]):
    """Name -> values [T, B, ...]; asking for what was not recorded says how to record it."""

    def __missing__(self, name: str) -> Tensor:
        kept = ", ".join(self) or "none"
        raise KeyError(f"{name!r} was not recorded (recorded: {kept}); pass record=[{name!r}]")

    def __reduce__(self) -> tuple[Any, ...]:  # so that torch.load reads it with weights_only=True
        return OrderedDict, (), None, None, iter(self.items())


@dataclass(frozen=True, repr=False)
class Trajectory:
    """A recorded simulation.

    Attributes
    ----------
    time_ms : [T], end of each recorded step, from the start of the protocol.
    rates : area -> [T, B, *shape], or what the reduction left of the shape; other signals under their names.
    outputs : output -> [T, B, ...].
    axes : name of a signal or an output -> names of the axes of its values.
    final_state : where the simulation ended; pass it as `initial_state` to go on from there.
    clock : how steps relate to ms.
    notes : what was rounded, in sentences.
    """

    time_ms: Tensor
    rates: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    axes: Mapping[str, tuple[str, ...]]
    final_state: State
    clock: Clock
    notes: tuple[str, ...] = ()

    @property
    def logits(self) -> Tensor | None:
        """Class scores [T, B, K], the output "scores"; None when they were not recorded."""
        return self.outputs.get("scores")

    @property
    def dt(self) -> float:
        """Duration of a step, ms."""
        return self.clock.dt_ms

    @classmethod
    def from_recorder(cls, recorder: Recorder, final_state: State) -> "Trajectory":
        """Collect what a recorder kept."""
        recorder.check_kept()
        rates = Recorded({name: recorder.result(name) for name in recorder.signals})
        outputs = Recorded({name: recorder.result(OUTPUT + name) for name in recorder.outputs})
        axes = {name: ("time", "trial", *_names(value, recorder.axes[name])) for name, value in rates.items()}
        axes |= {name: ("time", "trial", *recorder.system.outputs[name]) for name in outputs}
        times = [recorder.clock.time_ms(step) for step in recorder.steps]
        time = torch.tensor(times, dtype=torch.float64, device="cpu")
        return cls(time, rates, outputs, axes, final_state, recorder.clock, tuple(recorder.notes))

    def to_xarray(self) -> "xarray.Dataset":
        """Rates and outputs as an `xarray.Dataset` on the CPU, with time in ms as a coordinate.

        The scores are the variable `logits`.
        """
        import xarray

        def names(key: str, shared: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(n if n in shared else f"{key}_{n}" for n in self.axes[key])

        variables = {key: (names(key, ("time", "trial")), _to_numpy(value)) for key, value in self.rates.items()}
        for key, value in self.outputs.items():
            variable = "logits" if key == "scores" else key
            variables[variable] = (names(key, ("time", "trial", "class")), _to_numpy(value))
        time = ("time", self.time_ms.numpy(), {"units": "ms", "long_name": "time from the start of the protocol"})
        attributes = {
            "dt_ms": self.dt,
            "clock": self.clock.kind,
            "rate_units": "arbitrary",
            "notes": "; ".join(self.notes),
        }
        return xarray.Dataset(variables, coords={"time": time}, attrs=attributes)

    def __repr__(self) -> str:
        def shapes(values: Mapping[str, Tensor]) -> str:
            return ", ".join(f"{name} {list(value.shape)}" for name, value in values.items()) or "none"

        times = f"{float(self.time_ms[0]):g} to {float(self.time_ms[-1]):g} ms"
        notes = f", notes: {'; '.join(self.notes)}" if self.notes else ""
        return (
            f"Trajectory({len(self.time_ms)} times, {times}, dt {self.dt:g} ms; rates: {shapes(self.rates)}; "
            f"outputs: {shapes(self.outputs)}{notes})"
        )


def _names(value: Tensor, axes: tuple[str, ...] | None) -> tuple[str, ...]:
    return axes if axes is not None else tuple(f"axis{k}" for k in range(value.ndim - 2))


def _to_numpy(value: Tensor) -> np.ndarray:
    """On the CPU; bfloat16, which numpy lacks, as float32."""
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
