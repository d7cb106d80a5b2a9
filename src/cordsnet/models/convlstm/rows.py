"""The rows of the ConvLSTMs in the table of models."""

from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.stack import rows as stack

SOURCE = f"Shi et al., NeurIPS 2015 (cells; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"
REMARKS = (
    "The paper forecasts frames; the stack, its stem and its readout are this package's own.",
    "Peepholes are one weight per channel: only so do cells have the published sizes. Many ports leave them out "
    "(peephole=None) or have one weight per pixel (peephole='pixel').",
    "The output gate looks at the new cell, as in the paper; the other gates look at the old one.",
    "Peepholes start at zero, and the bias of the forget gate at one.",
)

ROW, SMALL = stack.rows_of(
    ConvLSTMSpec(),
    ConvLSTMSpec("convlstm_small", channels=(8, 16), stem_channels=8, **stack.SMALL),
    SOURCE,
    CLOCK,
    REMARKS,
)
