"""A stack of ConvLSTM cells as a vision model."""

from cordsnet.models.convlstm.cell import ConvLSTMCell
from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.convlstm.system import ConvLSTMSystem
from cordsnet.models.stack.model import StackModel


class ConvLSTM(StackModel):
    """Areas of ConvLSTM cells (Shi et al. 2015) in the sizes of CORnet-S, with CordsNet's stem and a linear readout.

    The arrangement is this package's own; the cell is that of the paper. Areas are updated bottom to top within a step
    (unrolling "sweep"). `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "convlstm"
    spec_type = ConvLSTMSpec
    about = (
        f"A stack of convolutional LSTM cells ([Shi et al., NeurIPS 2015]({PAPER})) with a linear readout of the top; "
        "the arrangement is this package's own."
    )
    system_type = ConvLSTMSystem
    spec: ConvLSTMSpec

    def make_cell(self, reads: int, shape: tuple[int, ...], stride: int) -> ConvLSTMCell:
        """Weights of an area of `shape` [C, H, W]."""
        spec = self.spec
        return ConvLSTMCell(
            reads, shape[0], spec.kernel, spec.recurrent_kernel, spec.peephole, size=shape[1:], stride=stride
        )
