"""ConvLSTMs by name."""

from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec

SOURCE = f"Shi et al., NeurIPS 2015 (cells; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"

SMALL = ConvLSTMSpec(
    "convlstm_small",
    image_size=(16, 16),
    num_classes=10,
    channels=(8, 16),
    strides=(1, 2),
    stem_channels=8,
    stem_kernel=3,
    stem_stride=1,
)

ROWS = (
    ("convlstm", "convlstm", ConvLSTMSpec(), SOURCE, CLOCK, ""),
    ("convlstm_small", "convlstm", SMALL, SOURCE, CLOCK, ""),
)
"""Name, kind, spec, source, clock and licence of the public weights ("" where there are none)."""
