"""A stack of convolutional LSTM cells (Shi et al. 2015) that reads images."""

from cordsnet.models.convlstm.cell import ConvLSTMCell
from cordsnet.models.convlstm.model import ConvLSTM
from cordsnet.models.convlstm.spec import ConvLSTMSpec

__all__ = ["ConvLSTM", "ConvLSTMCell", "ConvLSTMSpec"]
