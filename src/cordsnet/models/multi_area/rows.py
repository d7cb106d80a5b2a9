"""Rows of networks with a visual front end and a prefrontal area."""

from typing import Any

from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.multi_area.spec import MultiAreaSpec
from cordsnet.models.table import MODELS, ModelRow

SOURCE = (
    f"Soo et al., NeurIPS 2024, figure 5 (a CordsNet and a prefrontal network), {PAPER}; Yang et al., Nature "
    "Neuroscience 2019 (the vector area); other front ends are this package's"
)
REMARKS = (
    "The front end is trained with the rest, since it has random weights at first; front_weights='digits' and "
    "train_front='frozen' make it a trained and frozen one, and MultiArea.from_front takes any trained model.",
    "Vector areas read the rates of the step before, whatever the order of updates in the front end is.",
    "Fixed points and Jacobians of rate equations are not there for the whole network, also where the front end is a "
    "CordsNet.",
    "A CordsNet without feedback is run area by area ahead of the vector areas; other front ends step by step.",
)
STEPS = ("The step of the whole network, dt_ms, is the duration of a step of the front end: both are a convention.",)
STATIC = (
    "The feedforward front end sees a held image once and a movie frame by frame. Its batch norms keep their "
    "statistics in training, which are a mean of 0 and a variance of 1 for random weights.",
)


def _row(
    name: str, front: str, clock: str, remarks: tuple[str, ...] = (), smallest: int | None = None, **fields: Any
) -> ModelRow:
    """A front end of the table and a prefrontal area of 64 units; `smallest` is the image size for checks."""
    spec = MultiAreaSpec(name, front, (("num_classes", 10),), **fields)
    small = {k: v for k, v in MODELS[front].tiny.items() if k not in ("image_size", "in_channels")}
    tiny = {
        "image_size": smallest or MODELS[front].tiny["image_size"],
        "front_options": tuple(small.items()),
        "areas": (("pfc", 6, 100.0),),
    }
    return ModelRow(name, "multi_area", spec, SOURCE, clock, tiny=tiny, remarks=(*remarks, *REMARKS))


CORDSNET = _row(
    "cordsnet_pfc_small", "cordsnet_r2_small", "continuous, tau 10 ms (front end) and 100 ms (pfc)", (), 8, dt_ms=5.0
)
CNN = _row("cnn_pfc_small", "cnn_r2_small", "continuous, tau 100 ms in pfc alone", STATIC, 8, dt_ms=5.0)
CORNET_RT = _row(
    "cornet_rt_pfc_small", "cornet_rt_small", "steps of 20 ms by convention", STEPS, image_size=(32, 32), dt_ms=20.0
)
BLT = _row(
    "blt_pfc_small", "blt_ccn23_blt_small", "steps of 10 ms by convention", STEPS, image_size=(32, 32), dt_ms=10.0
)
CONVGRU = _row("convgru_pfc_small", "convgru_small", "steps of 10 ms by convention", STEPS, dt_ms=10.0)
TWO_STREAMS = _row(
    "two_streams_pfc_small",
    "two_streams_small",
    "continuous, tau 10 ms (form), 30 ms (motion) and 100 ms (pfc)",
    ("The vector area reads the highest areas of both streams, one after the other.",),
    8,
    dt_ms=5.0,
)
