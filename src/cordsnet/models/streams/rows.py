"""Rows of networks of several streams."""

from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.streams.spec import TWO, StreamsSpec
from cordsnet.models.table import ModelRow

SOURCE = (
    f"Ungerleider & Mishkin, in Analysis of Visual Behavior, MIT Press 1982 (two streams); Soo et al., NeurIPS 2024 "
    f"(each stream), {PAPER}; the arrangement is this package's"
)
CLOCK = "continuous, tau 10 ms (form) and 30 ms (motion)"
TINY_STREAMS = tuple(
    (name, row, tuple({**dict(options), "width": width}.items()))
    for (name, row, options), width in zip(TWO, (4, 2), strict=True)
)
TWO_STREAMS = ModelRow(
    "two_streams_small",
    "streams",
    StreamsSpec("two_streams_small"),
    SOURCE,
    CLOCK,
    tiny={"image_size": 16, "streams": TINY_STREAMS, "in_channels": 1, "num_classes": 3},
    remarks=(
        "Streams do not hear of one another; scores are the mean of theirs.",
        "The streams are told apart by time constants and channels alone; what each learns is up to the training.",
        "Fixed points and Jacobians of rate equations are not there for several streams at once.",
    ),
)
