"""Result of a simulation: named axes, times in ms."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.dynamics.assembly import assemble
from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.joining import joined
from cordsnet.dynamics.plotting import plot_trajectory
from cordsnet.dynamics.recording import OUTPUT, Recorder
from cordsnet.dynamics.state import State
from cordsnet.dynamics.storing import load_trajectory, save_trajectory

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
    final_state : last state of the simulation; pass it as `initial_state` to go on from there.
    clock : how steps relate to ms.
    notes : what was rounded or assumed, in sentences.
    model : name of the model.
    duration_ms : duration of the protocol; None where it is not known, and the last recorded time is taken for it.
    """

    time_ms: Tensor
    rates: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    axes: Mapping[str, tuple[str, ...]]
    final_state: State
    clock: Clock
    notes: tuple[str, ...] = ()
    model: str = ""
    duration_ms: float | None = None

    @property
    def ends_ms(self) -> float:
        """End of the simulation, ms from its start."""
        return float(self.time_ms[-1]) if self.duration_ms is None else self.duration_ms

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
        clock, ends = recorder.clock, recorder.clock.time_ms(recorder.total)
        return cls(time, rates, outputs, axes, final_state, clock, tuple(recorder.notes), duration_ms=ends)

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
            "model": self.model,
            "notes": "; ".join(self.notes),
        }
        return xarray.Dataset(variables, coords={"time": time}, attrs=attributes)

    def to_assembly(
        self, areas: Sequence[str] | None = None, stimuli: Sequence[str] | None = None, onset_ms: float = 0.0
    ) -> "xarray.DataArray":
        """Recorded rates as an `xarray.DataArray` [presentation, neuroid, time_bin], the shape of neural recordings.

        Tools that compare models with recordings (Brain-Score and others) read it; `.isel(time_bin=k)` is the table of
        images x features that thingsvision gives. Every unit is named by its area and place, every bin by its begin
        and end in ms after image onset; its value is the rate at its end.

        Parameters
        ----------
        areas : which areas; None is all that were recorded.
        stimuli : name of every trial; None numbers them.
        onset_ms : when the image appeared, ms from the start of the protocol.

        Raises
        ------
        ValueError, KeyError : other numbers of names than trials; areas that were not recorded.
        """
        chosen = tuple(self.rates) if areas is None else tuple(areas)
        if not chosen:
            raise ValueError("no rates were recorded; pass record='all' to simulate")
        rates = {area: self.rates[area] for area in chosen}
        return assemble(rates, self.axes, self.time_ms.numpy(), self.model, stimuli, onset_ms)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write all of it, its final state included, whole or not at all. Returns the path.

        Parameters
        ----------
        path : ends in `.zarr` for a Zarr folder, or in `.nc` for a netCDF file; both are read by xarray too.
        overwrite : True replaces a trajectory that is there already; nothing else is ever replaced.

        Raises
        ------
        DataError : another ending, something that is there already, or values that no file keeps.
        """
        return save_trajectory(self, path, overwrite)

    @staticmethod
    def load(path: str | Path) -> "Trajectory":
        """Read what `save` wrote, on the CPU, in the precision in which it was recorded. Runs no code of the file.

        Raises DataError when it is missing, damaged, larger than free memory, or something else.
        """
        return Trajectory._of(load_trajectory(path))

    @staticmethod
    def _of(fields: Mapping[str, Any]) -> "Trajectory":
        recorded = {name: Recorded(fields[name]) for name in ("rates", "outputs")}
        return Trajectory(**{**fields, **recorded})

    def plot(self, trial: int | None = None) -> Any:
        """A matplotlib Figure of the mean rate of every area and of every output against time in ms.

        `trial` chooses one; None is the mean over trials. Needs matplotlib (`cordsnet[report]`).
        """
        return plot_trajectory(self, trial)

    def __add__(self, other: "Trajectory") -> "Trajectory":
        """This trajectory and then `other`, whose times are counted on from the end of this one.

        Raises ValueError, naming what differs, unless both are of the same model, clock, signals, trials and shapes.
        The notes say where they were joined, and whether the second went on from the first.
        """
        return self._of(joined(self, other)) if isinstance(other, Trajectory) else NotImplemented

    def __repr__(self) -> str:
        first, last = (f"{time:g}" for time in (self.time_ms[[0, -1]].tolist() if len(self.time_ms) else (0, 0)))
        whose = f" of {_short(self.model, 80)}" if self.model else ""
        notes = f"; notes: {_some([_short(note, 150) for note in self.notes], 4, '; ')}" if self.notes else ""
        return (
            f"<Trajectory{whose}: {len(self.time_ms)} times, {first} to {last} ms, dt {self.dt:g} ms; "
            f"rates: {_shapes(self.rates)}; outputs: {_shapes(self.outputs)}{notes}>"
        )


def _shapes(values: Mapping[str, Tensor]) -> str:
    return _some([_short(f"{name} {list(value.shape)}", 60) for name, value in values.items()], 8, ", ") or "none"


def _some(parts: Sequence[str], most: int, between: str) -> str:
    """Some of the parts, and how many more there are."""
    return between.join([*parts[:most], *([f"and {len(parts) - most} more"] if len(parts) > most else [])])


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _names(value: Tensor, axes: tuple[str, ...] | None) -> tuple[str, ...]:
    return axes if axes is not None else tuple(f"axis{k}" for k in range(value.ndim - 2))


def _to_numpy(value: Tensor) -> np.ndarray:
    """On the CPU; bfloat16, which numpy lacks, as float32."""
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
