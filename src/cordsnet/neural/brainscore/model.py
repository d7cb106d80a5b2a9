"""A model as an experimental subject of Brain-Score: it looks at stimuli, is recorded from, and does tasks."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError
from cordsnet.models import VisionModel
from cordsnet.models.interface import SCORES
from cordsnet.neural.activity.bins import map_bins
from cordsnet.neural.activity.record import preparation_of
from cordsnet.neural.brainscore.assemblies import assembly
from cordsnet.neural.brainscore.behaviour import Labelling, Reader, labelling
from cordsnet.neural.brainscore.responses import Commitments, activity, features, probabilities
from cordsnet.neural.brainscore.stimuli import Stimuli, as_stimuli

TASKS = ("passive", "label", "probabilities")


@dataclass(frozen=True, eq=False)
class _Recording:
    """Region and time bins [T, 2] that are recorded."""

    region: str
    bins: NDArray[Any]


class BrainScoreModel:
    """A model with the interface `BrainModel` of Brain-Score; made by `to_brainscore`.

    The benchmark calls `start_recording` or `start_task`, and then `look_at`, which answers what was started last.

    Attributes
    ----------
    model : the model.
    commitments : its fixed settings.
    """

    def __init__(self, model: VisionModel, commitments: Commitments) -> None:
        self.model, self.commitments = model, commitments
        self._doing: _Recording | Labelling | Reader | Literal["passive"] | None = None

    @property
    def identifier(self) -> str:
        """Name under which the model is scored."""
        return self.commitments.identifier

    def visual_degrees(self) -> float:
        """Side of the field that the model sees, degrees of visual angle."""
        return self.commitments.degrees

    def start_recording(self, recording_target: Any, time_bins: Any) -> None:
        """Record from a region in time bins at the next `look_at`.

        Parameters
        ----------
        recording_target : name of a region.
        time_bins : start and end of each bin, ms from stimulus onset. A bin has the mean over the steps of the model
            that end after its start and no later than its end, `latency_ms` earlier (`map_bins`).

        Raises
        ------
        ArgumentError : a region without areas, or bins that are no pairs of times.
        DataError : no bin sees the stimulus.
        """
        region = _name(recording_target)
        if region not in self.commitments.regions:
            known = ", ".join(self.commitments.regions)
            raise ArgumentError(f"recording_target {region!r} has no areas; name some with areas= (regions: {known})")
        bins = _as_bins(time_bins)
        map_bins(bins, self.model.dt_ms, latency_ms=self.commitments.latency_ms[region])
        self._doing = _Recording(region, bins)

    def start_task(
        self,
        task: Any,
        fitting_stimuli: Any = None,
        *,
        number_of_trials: int = 1,
        aggregation: str = "mean",
        require_variance: bool = False,
    ) -> None:
        """Do a task at the next `look_at`.

        Parameters
        ----------
        task : "passive" ends a task, and goes on with a recording; "label" chooses a label by the class scores at
            `decision_ms`; "probabilities" learns labels from the activity of the readout at `decision_ms`.
        fitting_stimuli : for "label", "imagenet" or a list of labels; for "probabilities", a StimulusSet with the
            column image_label.
        number_of_trials : trials that are averaged while labels are learnt, for models with noise.
        aggregation : "mean" or "max", by which several classes stand for one label.
        require_variance : must be False, see `look_at`.

        Raises ArgumentError or DataError for other tasks, labels or stimuli.
        """
        name = _name(task)
        _refuse_variance(require_variance)
        if name == "passive":
            self._doing = self._doing if isinstance(self._doing, _Recording) else "passive"
        elif name == "label":
            if SCORES not in self.model.outputs:
                has = ", ".join(self.model.outputs)
                raise ArgumentError(f"task 'label' needs a model with class scores; outputs of this one are {has}")
            classes = preparation_of(self.model)[0].classes
            self._doing = labelling(fitting_stimuli, aggregation, classes, self.commitments.label_classes)
        elif name == "probabilities":
            shown = as_stimuli(fitting_stimuli, "fitting_stimuli")
            self._doing = Reader.fit(features(self.model, self.commitments, shown, number_of_trials), shown.labels)
        else:
            raise ArgumentError(f"task must be one of {', '.join(TASKS)}, got {name!r}")

    def look_at(self, stimuli: Any, number_of_trials: int = 1, require_variance: bool = False) -> Any:
        """Show stimuli, and return what was started.

        Parameters
        ----------
        stimuli : a StimulusSet, or a list of files. Pictures fill the field of the model unless a column `degrees`
            says their size.
        number_of_trials : trials that are averaged, for models with noise; others answer the same each time.
        require_variance : must be False: trials are averaged and never handed out one by one.

        Returns
        -------
        Recording: a NeuroidAssembly [presentation, neuroid, time_bin]; one bin has no axis, as Brain-Score's own models
        have it. Label: a BehavioralAssembly [choice, presentation] with one choice, the order that its metrics need.
        Probabilities: one [presentation, choice]. Passive, where nothing is recorded: None. Without Brain-Score the
        same as xarray.DataArray. `attrs["notes"]` says what was chosen or assumed.

        Raises
        ------
        ArgumentError : nothing was started.
        DataError : stimuli that cannot be shown.
        """
        _refuse_variance(require_variance)
        check_count(number_of_trials, "number_of_trials", 1)
        if self._doing is None:
            raise ArgumentError("nothing was started; call start_recording(region, time_bins) or start_task first")
        shown = as_stimuli(stimuli)
        if self._doing == "passive":
            return None
        coords = {name: ("presentation", values) for name, values in shown.columns.items()}
        notes = self.commitments.of_behaviour
        if isinstance(self._doing, _Recording):
            return self._recorded(self._doing, shown, number_of_trials, coords)
        if isinstance(self._doing, Labelling):
            chosen = self._doing(probabilities(self.model, self.commitments, shown, number_of_trials))
            coords["label"] = ("presentation", chosen)
            return assembly("BehavioralAssembly", chosen[None], ("choice", "presentation"), coords, notes)
        found = self._doing(features(self.model, self.commitments, shown, number_of_trials))
        coords["choice"] = ("choice", np.array(self._doing.labels, object))
        return assembly("BehavioralAssembly", found, ("presentation", "choice"), coords, notes)

    def _recorded(self, doing: _Recording, stimuli: Stimuli, trials: int, coords: dict[str, Any]) -> Any:
        """Assembly of the activity of a region."""
        areas = self.commitments.regions[doing.region]
        latency = self.commitments.latency_ms[doing.region]
        found = activity(self.model, self.commitments, stimuli, areas, doing.bins, latency, trials)
        values, units, notes = found.values, found.units, found.notes
        layer = np.repeat(np.array(list(units), object), list(units.values()))
        number = np.concatenate([np.arange(count) for count in units.values()])
        coords["neuroid_id"] = ("neuroid", np.array([f"{a}.{k}" for a, k in zip(layer, number, strict=True)], object))
        coords["neuroid_num"], coords["layer"] = ("neuroid", number), ("neuroid", layer)
        coords["region"] = ("neuroid", np.full(len(layer), doing.region, object))
        coords["model"] = ("neuroid", np.full(len(layer), self.identifier, object))
        starts, ends = doing.bins.T
        if len(doing.bins) > 1:
            coords["time_bin_start"], coords["time_bin_end"] = ("time_bin", starts), ("time_bin", ends)
            return assembly("NeuroidAssembly", values, ("presentation", "neuroid", "time_bin"), coords, notes)
        coords["time_bin_start"], coords["time_bin_end"] = starts[0], ends[0]
        return assembly("NeuroidAssembly", values[:, :, 0], ("presentation", "neuroid"), coords, notes)


def _name(given: Any) -> str:
    """Name of a task or region, which are texts, or members of an Enum in older versions of Brain-Score."""
    return str(getattr(given, "name", given))


def _refuse_variance(require_variance: bool) -> None:
    if require_variance:
        raise ArgumentError("require_variance must be False: trials are averaged; show the stimuli with other seeds")


def _as_bins(given: Any) -> NDArray[Any]:
    """Bins [T, 2] from pairs, which may be tuples within arrays of objects."""
    try:
        pairs = [tuple(one.item() if isinstance(one, np.ndarray) and not one.ndim else one) for one in given]
        found = np.array(pairs)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"time_bins must be pairs of start and end in ms, got {given!r:.80}") from error
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        raise ArgumentError(f"time_bins must be pairs of start and end in ms, got {given!r:.80}")
    if (wrong := np.flatnonzero(found[:, 1] <= found[:, 0])).size:
        raise ArgumentError(f"time_bins must end after they start, got {tuple(found[wrong[0]].tolist())}")
    if abs(found).max() < 1:
        said = f"{found.tolist()!s:.60}, which looks like seconds; multiply by 1000"
        raise ArgumentError(f"time_bins must be in ms, got {said}")
    return found
