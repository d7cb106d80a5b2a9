"""The rows of the ConvGRUs in the table of models."""

from cordsnet.models.convgru.spec import PAPER, ConvGRUSpec
from cordsnet.models.stack import rows as stack

SOURCE = f"Ballas et al., ICLR 2016 (cells; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"
REMARKS = (
    "In the paper the cells read the maps of a trained convolutional network, frame by frame; the stack, its stem and "
    "its readout are this package's own, in the sizes of its ConvLSTM.",
    "The reset gate acts on the rate before the recurrent kernel does, and the update gate weights the candidate, as "
    "in the paper; torch.nn.GRUCell has both the other way round.",
    "Gates and candidate have biases, which the paper's equations leave out.",
)

ROW, SMALL = stack.rows_of(
    ConvGRUSpec(),
    ConvGRUSpec("convgru_small", channels=(8, 16), stem_channels=8, **stack.SMALL),
    SOURCE,
    CLOCK,
    REMARKS,
)
