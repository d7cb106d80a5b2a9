"""A stack of convolutional GRU cells (Ballas et al. 2016) that reads images."""

from cordsnet.models.convgru.cell import ConvGRUCell
from cordsnet.models.convgru.model import ConvGRU
from cordsnet.models.convgru.spec import ConvGRUSpec

__all__ = ["ConvGRU", "ConvGRUCell", "ConvGRUSpec"]
