"""A stack of ConvGRU cells as a vision model."""

from cordsnet.models.convgru.cell import ConvGRUCell
from cordsnet.models.convgru.spec import PAPER, ConvGRUSpec
from cordsnet.models.convgru.system import ConvGRUSystem
from cordsnet.models.stack.model import StackModel


class ConvGRU(StackModel):
    """Areas of ConvGRU cells (Ballas et al. 2016) in the sizes of CORnet-S, with CordsNet's stem and a linear readout.

    The arrangement is this package's own; the cell is that of the paper. Areas are updated bottom to top within a step
    (unrolling "sweep"). `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "convgru"
    spec_type = ConvGRUSpec
    about = (
        f"A stack of convolutional GRU cells ([Ballas et al., ICLR 2016]({PAPER})) with a linear readout of the top; "
        "the arrangement is this package's own."
    )
    system_type = ConvGRUSystem
    spec: ConvGRUSpec

    def make_cell(self, reads: int, shape: tuple[int, ...], stride: int) -> ConvGRUCell:
        """Weights of an area of `shape` [C, H, W]."""
        return ConvGRUCell(reads, shape[0], self.spec.kernel, self.spec.recurrent_kernel, stride)
