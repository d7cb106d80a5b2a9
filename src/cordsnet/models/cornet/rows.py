"""The rows of the CORnets in the table of models."""

from typing import Any

from cordsnet.models.cornet.spec import PAPER, PREPRINT, AreasSpec, CornetRTSpec, CornetSpec, CornetZSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Kubilius et al., NeurIPS 2019, {PAPER}"
SOURCE_2018 = f"Kubilius et al., bioRxiv 2018, {PREPRINT}"
CLOCK_RT = "steps of 20 ms by convention; an area reads the one below a step later"
CLOCK_R = "steps of 20 ms by convention, in which areas are updated bottom to top"
CLOCK_S = "steps of 100 ms by convention, one frame each"

DECODED = "The public code trains on the scores of the last step alone."
PUBLIC = "cordsnet.models.cornet.load_published reads the public weights, which are under the GPL-3."

REMARKS_Z = (
    "The network has no time: its activity is that of the image of the moment, whatever the step of its clock.",
    "Rates are those behind an area's pool; its drive is pooled too, which changes nothing, since pooling and "
    "rectifying can be exchanged.",
    PUBLIC,
)
REMARKS_RT = (
    "At the model's first step V1 alone reads its input: the input paths of the other areas are zero, and not what "
    "they make of a silent area, so that their rates are then the same for every image, and not zero.",
    "From the second step on, every area reads the one below, in a blank too: an image that begins later finds areas "
    "that are active.",
    "20 ms for a step is a convention of this package; published are 5 steps.",
    "Recurrence is within areas: there is no feedback between them.",
    "Groups of a normalisation span maps and positions, so that units act on one another across the whole map.",
    "Maps have any size here; the public code takes images of 224 pixels alone.",
    DECODED,
    "CORnet-RT and CORnet-R have the same names and shapes of weights: a file of one cannot be told from the other.",
    PUBLIC,
)
REMARKS_R = (
    "Names and shapes of weights are those of CORnet-RT; from the second step on, an area reads what the one below has "
    "become in the same step.",
    *REMARKS_RT,
)
REMARKS_S = (
    "Every frame is seen afresh; the network carries nothing from one step to the next.",
    "Brain-Score compares iterations with recordings in bins of its own: V1 from 50 ms after onset (one of 100 ms), V2 "
    "from 70 ms (two of 100 ms), V4 from 90 ms (four of 50 ms), IT from 100 ms (two of 100 ms). "
    "cordsnet.models.cornet.ITERATION_MS holds them; the step of 100 ms is that of IT's bins, by convention.",
    "Areas have their iterations one after the other, so that iterations of two areas with the same number are not of "
    "the same moment; cordsnet.models.cornet.aligned puts them on one axis.",
    "Batch norms belong to one iteration each; their statistics are measured after training, where the public code "
    "keeps running means.",
    PUBLIC,
)


def _rows(
    spec: AreasSpec,
    tiny: dict[str, Any],
    source: str,
    clock: str,
    published: int,
    remarks: tuple[str, ...],
    **small: Any,
) -> tuple[ModelRow, ModelRow]:
    """The rows of a member: as published, and for images of 32 pixels."""
    sizes: dict[str, Any] = {
        "image_size": 32,
        "num_classes": 10,
        "channels": (8, 16, 32, 64),
        "stem_kernel": 3,
        "stem_stride": 1,
    }
    reduced = spec.changed(name=f"{spec.name}_small", **sizes, **small)
    tiny = {"image_size": 16, "num_classes": 3} | tiny
    return (
        ModelRow(spec.name, spec.kind, spec, source, clock, "GPL-3.0", tiny, published, remarks),
        ModelRow(reduced.name, spec.kind, reduced, source, clock, tiny=tiny, remarks=remarks),
    )


RT_TINY = {"channels": (4, 4, 4, 8), "groups": 2}
R_SPEC = CornetRTSpec("cornet_r", unroll="sweep")
Z, Z_SMALL = _rows(CornetZSpec(), {"channels": (3, 4, 4, 6)}, SOURCE_2018, "static", 2_071_656, REMARKS_Z)
RT, RT_SMALL = _rows(CornetRTSpec(), RT_TINY, SOURCE_2018, CLOCK_RT, 5_208_936, REMARKS_RT, groups=4)
R, R_SMALL = _rows(R_SPEC, RT_TINY, SOURCE_2018, CLOCK_R, 5_208_936, REMARKS_R, groups=4)
S, S_SMALL = _rows(
    CornetSpec(),
    {"image_size": 32, "channels": (3, 4, 4, 6), "expansion": 2},
    SOURCE,
    CLOCK_S,
    53_416_616,
    REMARKS_S,
    expansion=2,
)
