"""The rows of the ConvLSTMs in the table of models."""

from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Shi et al., NeurIPS 2015 (cells; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"

TINY = {"image_size": 16, "stem_channels": 3, "num_classes": 3}
ROW = ModelRow("convlstm", "convlstm", ConvLSTMSpec(), SOURCE, CLOCK, tiny=TINY | {"channels": (3, 4, 4, 4)})
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
)
