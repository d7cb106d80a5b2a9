"""Show a stimulus set to a model and keep its activity in the bins of a recording."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_positive
from cordsnet._progress import tell_progress
from cordsnet.dynamics import Record, simulate
from cordsnet.dynamics.limits import check_room
from cordsnet.errors import DataError
from cordsnet.models import VisionModel
from cordsnet.models.digest import model_digest
from cordsnet.models.preprocessing import Preprocessing
from cordsnet.models.spec import ImageSpec
from cordsnet.neural.activity.bins import BinMap, map_bins
from cordsnet.neural.activity.pictures import Pictures, find_pictures, framed
from cordsnet.neural.activity.shown import evaluating, start_of
from cordsnet.neural.activity.store import FORMAT, ActivityStore, create_store
from cordsnet.stimuli import blank, show

BLOCK_BYTES = 256 * 2**20
"""Activity of a block of images that is held in memory, at most, unless one image takes more."""


MOST_RATIO = 32
"""Most that a picture and the field of a model may differ in size."""


@check_init
@dataclass(frozen=True)
class Viewing:
    """Presentation of pictures to a model.

    Attributes
    ----------
    image_ms : how long a picture stays, ms; None is until the last bin ends.
    latency_ms : how much later than the model the recorded area answers, ms.
    picture_degrees : size of the pictures in the recording, degrees of visual angle.
    model_degrees : size of the field that the model is taken to see, degrees; smaller pictures lie on mid-grey. Both
        are given, or neither, and then a picture fills the field.
    seed : of the private noise of models that have some.
    """

    image_ms: float | None = None
    latency_ms: float = 0.0
    picture_degrees: float | None = None
    model_degrees: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.latency_ms):
            raise ValueError(f"latency_ms must be finite, got {self.latency_ms!r}")
        if (self.picture_degrees is None) != (self.model_degrees is None):
            raise ValueError("picture_degrees and model_degrees are given together, or neither is")
        for name in ("image_ms", "picture_degrees", "model_degrees"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name)
        if self.share is not None and not 1 / MOST_RATIO <= self.share <= MOST_RATIO:
            raise ValueError(
                f"picture_degrees must be from 1/{MOST_RATIO} to {MOST_RATIO} times model_degrees, got "
                f"{self.picture_degrees:g} and {self.model_degrees:g}"
            )

    @property
    def share(self) -> float | None:
        """Side of a picture as a share of the side of the model's field; None fills the field."""
        if self.picture_degrees is None or self.model_degrees is None:
            return None
        return self.picture_degrees / self.model_degrees


@check_arguments
def record_activity(
    model: VisionModel,
    pictures: str | Path | NDArray[Any] | Pictures,
    bins_ms: NDArray[Any],
    output: str | Path,
    *,
    areas: Sequence[str] | str = "all",
    viewing: Viewing | None = None,
) -> ActivityStore:
    """Show every picture to a model and write its activity in the bins of a recording to disk.

    Activity is the mean rate over the steps that stand for a bin (`map_bins`). It is computed in blocks of images, so
    that memory does not depend on their number; a call that was interrupted goes on where it stopped.

    Parameters
    ----------
    model : any model of the table that reads images.
    pictures : folder, ZIP archive, or pixels [I, H, W] or [I, H, W, 3] of 8 bits or of floats in 0-1.
    bins_ms : start and end of each bin from image onset, ms [T, 2], as in a `Recording`.
    output : folder to write, whose name ends in .zarr.
    areas : names of areas, or "all".
    viewing : how pictures are shown; None shows them until the last bin ends, filling the field.

    Returns
    -------
    ActivityStore with an array [I, T, U] for each area, in float32.

    Raises
    ------
    ValueError : unknown areas, or bins and durations that cannot be.
    DataError : pictures that cannot be read, a folder that holds something else, or a disk without enough room.
    DivergedError : rates stopped being finite.
    """
    shown = pictures if isinstance(pictures, Pictures) else find_pictures(pictures)
    with evaluating(model):
        plan = _Plan.make(model, shown, bins_ms, areas, viewing or Viewing())
        store = create_store(output, plan.about, plan.units, plan.block)
        done = store.done
        for block, rows in enumerate(plan.blocks):
            tell_progress("activity", rows.start, len(shown))
            if not done[block]:
                store.write(block, rows, plan.activity(rows))
    tell_progress("activity", len(shown), len(shown))
    return store


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of some areas in memory.

    Attributes
    ----------
    values : activity of all units, area by area [I, U, T].
    units : area -> number of its units, in the order of `values`.
    notes : sentences on what was chosen or assumed.
    """

    values: NDArray[np.float32]
    units: dict[str, int]
    notes: tuple[str, ...]


def activity_in_memory(
    model: VisionModel, pictures: Pictures, bins_ms: NDArray[Any], areas: Sequence[str], viewing: Viewing, trials: int
) -> Activity:
    """Activity as `record_activity` writes it, in memory, and for models with noise its mean over `trials` seeds.

    Raises as `record_activity`, and ValueError for activity that does not fit into memory.
    """
    with evaluating(model):
        plan = _Plan.make(model, pictures, bins_ms, areas, viewing)
        shape = len(pictures), sum(plan.units.values()), len(plan.bins.steps)
        check_room(4 * math.prod(shape), f"activity of {', '.join(areas)}", "show fewer images, areas or bins at once")
        values, rounds = np.zeros(shape, np.float32), trials if model.system().has_noise else 1
        for trial in range(rounds):
            seeded = replace(plan, viewing=replace(viewing, seed=viewing.seed + trial))
            for rows in plan.blocks:
                tell_progress("activity", trial * len(pictures) + rows.start, rounds * len(pictures))
                found = list(seeded.activity(rows).values())
                values[rows] += np.concatenate(found, 2).swapaxes(1, 2) / rounds
    tell_progress("activity", rounds * len(pictures), rounds * len(pictures))
    return Activity(values, plan.units, tuple(plan.about["notes"]))


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that activity depends on."""

    model: VisionModel
    pictures: Pictures
    bins: BinMap
    viewing: Viewing
    units: dict[str, int]
    preparation: Preprocessing
    about: dict[str, Any]

    @classmethod
    def make(
        cls, model: VisionModel, pictures: Pictures, bins_ms: NDArray[Any], areas: Sequence[str] | str, viewing: Viewing
    ) -> "_Plan":
        """Find out all of it. Raises DataError for a model without images, ValueError for areas and bins."""
        if "image" not in model.inputs:
            raise DataError(f"the model reads {', '.join(model.inputs)} and no images, so that it can be shown none")
        bins = map_bins(bins_ms, model.clock.dt_ms, latency_ms=viewing.latency_ms)
        if not len(areas):
            raise ValueError("areas must name at least one area, or be 'all', got none")
        names = Record(areas).signals(model.system())
        units = {name: math.prod(signal.shape) for name, signal in names.items()}
        preparation, said = preparation_of(model)
        about = {
            "format": FORMAT,
            "model": str(getattr(model.spec, "name", type(model).__name__)),
            "weights": model_digest(model),
            "areas": list(names),
            "images": list(pictures.names),
            "content": _content(pictures),
            "bins_ms": np.asarray(bins_ms, np.float64).tolist(),
            "viewing": [
                None if viewing.image_ms is None else float(viewing.image_ms),
                float(viewing.latency_ms),
                None if viewing.share is None else float(viewing.share),
                int(viewing.seed),
            ],
            "notes": [*_notes(model, viewing, said), bins.sentence],
        }
        return cls(model, pictures, bins, viewing, units, preparation, about)

    @property
    def block(self) -> int:
        """Images that are shown at once."""
        each = 4 * sum(self.units.values()) * (len(self.bins.used) + len(self.bins.steps))
        return max(1, min(64, BLOCK_BYTES // each, len(self.pictures)))

    @property
    def blocks(self) -> Iterator[slice]:
        """Rows of images of each block."""
        count = len(self.pictures)
        return (slice(k, min(k + self.block, count)) for k in range(0, count, self.block))

    def activity(self, rows: slice) -> dict[str, NDArray[np.float32]]:
        """Area -> activity of some images in all bins [B, T, U]."""
        dt, model = self.bins.dt_ms, self.model
        images = self.images(rows).to(model.like.device, model.like.dtype)
        after = self.bins.total_steps - self.bins.before_steps
        wanted = after if self.viewing.image_ms is None else max(1, round(self.viewing.image_ms / dt))
        on = min(wanted, after)
        protocol = blank(self.bins.before_steps * dt) + show(images, on * dt)
        if on < after:
            protocol = protocol + blank((after - on) * dt)
        times = [step * dt for step in self.bins.used.tolist()]
        record = Record(list(self.units), times_ms=times, outputs=())
        start = start_of(model, np.arange(rows.start, rows.stop), self.viewing.seed)
        found = simulate(model, protocol, record=record, initial_state=start)
        weights = torch.from_numpy(self.bins.weights)
        return {name: _binned(found.rates[name], weights) for name in self.units}

    def images(self, rows: slice) -> Tensor:
        """Pictures as the model reads them [B, C, H, W]."""
        return as_images(self.pictures, rows, self.preparation, self.viewing)


def preparation_of(model: VisionModel) -> tuple[Preprocessing, str]:
    """Preprocessing of a model, known or assumed, and a phrase on which; without classes for tasks."""
    if isinstance(model.spec, ImageSpec):
        return Preprocessing.known_or_assumed(model.metadata, model.spec)
    return Preprocessing.assumed(model.input_shape, ())


def as_images(pictures: Pictures, rows: slice, preparation: Preprocessing, viewing: Viewing) -> Tensor:
    """Some of the pictures at their size in the field of a model, as it reads them [B, C, H, W]."""
    shown = pictures.load(range(rows.start, rows.stop))
    if viewing.share is not None:
        shown = [framed(picture, preparation.size, viewing.share) for picture in shown]
    return preparation(shown)


def _binned(rates: Tensor, weights: Tensor) -> NDArray[np.float32]:
    """Rates at the steps that are read [S, B, *shape] as means over bins [B, T, U]."""
    flat = rates.flatten(2).float().cpu()
    return torch.einsum("ts,sbu->btu", weights, flat).numpy()


def _notes(model: VisionModel, viewing: Viewing, said: str) -> list[str]:
    """Sentences on what was chosen or assumed about how pictures are shown."""
    notes = [f"pictures are {said}"]
    if viewing.share is None:
        notes.append("a picture fills the field of the model, since no sizes in degrees were given")
    else:
        notes.append(f"a picture takes {viewing.share:.3g} of the side of the model's field, by their sizes in degrees")
    if model.clock.kind == "steps":
        notes.append(f"steps of the model last {model.clock.dt_ms:g} ms by convention")
    if model.clock.kind == "static":
        notes.append("the model answers at once and is the same in all bins after onset")
    return notes


def _content(pictures: Pictures) -> str:
    """Digest of an array, or of the names and sizes of files, by which other pictures are noticed."""
    digest = hashlib.blake2b(digest_size=16)
    if pictures.array is not None:
        digest.update(f"{pictures.array.dtype} {pictures.array.shape}".encode())
        digest.update(np.ascontiguousarray(pictures.array).tobytes())
    else:
        digest.update(json.dumps([pictures.files, pictures.sizes()]).encode())
    return digest.hexdigest()
