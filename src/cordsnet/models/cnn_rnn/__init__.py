"""CNN-RNNs: a feedforward network, and a recurrent network that reads its features in every step."""

from cordsnet.models.cnn_rnn.cells import CELLS
from cordsnet.models.cnn_rnn.model import CNNRNN
from cordsnet.models.cnn_rnn.spec import CNNRNNSpec

__all__ = ["CELLS", "CNNRNN", "CNNRNNSpec"]
