"""Networks with bottom-up (B), lateral (L) and top-down (T) connections: four published definitions."""

from cordsnet.models.blt.ccn23 import CCN23, CCN23Spec
from cordsnet.models.blt.published import load_published
from cordsnet.models.blt.rcnnsat import RCNNSat, RCNNSatSpec
from cordsnet.models.blt.spoerer2017 import Spoerer2017, Spoerer2017Spec
from cordsnet.models.blt.sync import BLTSync, SyncSpec

__all__ = [
    "CCN23",
    "BLTSync",
    "CCN23Spec",
    "RCNNSat",
    "RCNNSatSpec",
    "Spoerer2017",
    "Spoerer2017Spec",
    "SyncSpec",
    "load_published",
]
