"""The rows of the ConvLSTMs in the table of models."""

from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Shi et al., NeurIPS 2015 (cells; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"
REMARKS = (
    "The paper forecasts frames; the stack, its stem and its readout are this package's own.",
    "Peepholes are one weight per channel: only so do cells have the published sizes. Many ports leave them out "
    "(peephole=None) or have one weight per pixel (peephole='pixel').",
    "The output gate looks at the new cell, as in the paper; the other gates look at the old one.",
    "Peepholes start at zero, and the bias of the forget gate at one.",
)

TINY = {"image_size": 16, "stem_channels": 3, "num_classes": 3}
ROW = ModelRow(
    "convlstm", "convlstm", ConvLSTMSpec(), SOURCE, CLOCK, tiny=TINY | {"channels": (3, 4, 4, 4)}, remarks=REMARKS
)
SMALL = ModelRow(
    "convlstm_small",
    "convlstm",
    ConvLSTMSpec(
        "convlstm_small",
        image_size=(16, 16),
        num_classes=10,
        channels=(8, 16),
        strides=(1, 2),
        stem_channels=8,
        stem_kernel=3,
        stem_stride=1,
    ),
    SOURCE,
    CLOCK,
    tiny=TINY | {"channels": (3, 4)},
    remarks=REMARKS,
)
