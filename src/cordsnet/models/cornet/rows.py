"""The rows of CORnet-S in the table of models."""

from cordsnet.models.cornet.spec import PAPER, CornetSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Kubilius et al., NeurIPS 2019, {PAPER}"
CLOCK = "steps of 100 ms by convention, one frame each"

TINY = {"image_size": 32, "channels": (3, 4, 4, 6), "expansion": 2, "num_classes": 3}
ROW = ModelRow("cornet_s", "cornet_s", CornetSpec(), SOURCE, CLOCK, "GPL-3.0", TINY)
SMALL = ModelRow(
    "cornet_s_small",
    "cornet_s",
    CornetSpec(
        "cornet_s_small",
        image_size=(32, 32),
        num_classes=10,
        channels=(8, 16, 32, 64),
        expansion=2,
        stem_kernel=3,
        stem_stride=1,
    ),
    SOURCE,
    CLOCK,
    tiny=TINY,
)
