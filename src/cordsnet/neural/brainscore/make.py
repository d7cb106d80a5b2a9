"""A model turned into a subject of Brain-Score: what is fixed about it before a benchmark sees it."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.errors import ArgumentError, DataError, DataWarning
from cordsnet.models import VisionModel
from cordsnet.neural.activity.record import Viewing
from cordsnet.neural.activity.shown import evaluating
from cordsnet.neural.brainscore.model import BrainScoreModel
from cordsnet.neural.brainscore.regions import find_regions
from cordsnet.neural.brainscore.responses import Commitments


@check_arguments
def to_brainscore(
    model: VisionModel,
    *,
    identifier: str | None = None,
    areas: Mapping[str, str | Sequence[str]] | None = None,
    latency_ms: float | Mapping[str, float] = 0.0,
    visual_degrees: float = 8,
    image_ms: float | None = None,
    decision_ms: float | None = None,
    readout: str | Sequence[str] | None = None,
    label_classes: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> BrainScoreModel:
    """Turn a model into what benchmarks of Brain-Score score, with the interface of its `BrainModel`.

    Parameters
    ----------
    model : any model of the table that reads images, with any weights; it is run in evaluation mode.
    identifier : name under which it is scored; None takes that of its spec.
    areas : region -> area or areas that stand for it, such as {"V4": "area1", "IT": "area2"}. None takes areas called
        V1, V2, V4 and IT, or else areas at even steps from the lowest to the highest; a DataWarning says which.
    latency_ms : how much later than the model a region answers, ms; one for all, or one for each region.
    visual_degrees : side of the field that the model sees, degrees. Benchmarks bring their pictures to this size.
    image_ms : how long a picture stays, ms; None is until the last bin or the decision.
    decision_ms : time from onset at which labels and probabilities are read, ms; None is the model's `response_ms`.
    readout : area or areas from whose activity probabilities are learnt; None takes those of IT, or the highest area.
    label_classes : label -> names of the model's classes that stand for it, for labels that are no class.
    seed : of the noise of models that have some; trial k has the seed `seed` + k.

    Raises
    ------
    ArgumentError : areas, regions or times that cannot be.
    DataError : a model that reads no images.

    Source: interface of brainscore_vision 2.4.2, `brainscore_vision/model_interface.py`; Schrimpf et al. 2018, 2020.
    """
    if "image" not in model.inputs:
        raise DataError(f"the model reads {', '.join(model.inputs)} and no images, so that it can be shown none")
    check_positive(visual_degrees, "visual_degrees")
    wanted, notes = model.response_ms if decision_ms is None else decision_ms, list[str]()
    check_positive(wanted, "decision_ms")
    with evaluating(model):
        regions, said = find_regions(model, areas)
        read = regions.get("IT", (model.areas[-1],)) if readout is None else find_regions(model, {"": readout})[0][""]
    end = model.clock.time_ms(model.clock.steps(wanted, "decision_ms", notes))
    if said:
        warnings.warn(said, DataWarning, stacklevel=3)
        notes.append(said)
    fixed = Commitments(
        identifier=identifier or str(getattr(model.spec, "name", type(model).__name__)),
        regions=regions,
        readout=read,
        latency_ms=_latencies(latency_ms, regions),
        degrees=int(visual_degrees) if float(visual_degrees).is_integer() else visual_degrees,
        viewing=Viewing(image_ms=image_ms, seed=check_count(seed, "seed", 0)),
        decision_ms=end,
        label_classes=label_classes,
        notes=tuple(notes),
    )
    return BrainScoreModel(model, fixed)


def _latencies(given: float | Mapping[str, float], regions: Iterable[str]) -> dict[str, float]:
    """Latency of each region, ms."""
    late = given if isinstance(given, Mapping) else dict.fromkeys(regions, given)
    for region in regions:
        if region not in late:
            raise ArgumentError(f"latency_ms must have one time for all or one for each region, got none for {region}")
        if not isinstance(late[region], int | float) or not math.isfinite(late[region]):
            raise ArgumentError(f"latency_ms must be finite numbers of ms, got {late[region]!r}")
    return {region: float(late[region]) for region in regions}
