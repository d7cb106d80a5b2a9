"""RCNN (Liang & Hu 2015): recurrent convolutional layers that iterate on a frame, one after the other or together."""

from cordsnet.models.rcnn.model import RCNN
from cordsnet.models.rcnn.spec import AREAS, RCNNSpec

__all__ = ["AREAS", "RCNN", "RCNNSpec"]
