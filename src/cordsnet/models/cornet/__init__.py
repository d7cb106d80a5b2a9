"""CORnets (Kubilius et al. 2018, 2019): V1, V2, V4 and IT, feedforward (Z), recurrent (RT and R), or iterating (S)."""

from cordsnet.models.cornet.model import ITERATION_MS, CornetS, aligned
from cordsnet.models.cornet.published import load_published
from cordsnet.models.cornet.rt import CornetRT
from cordsnet.models.cornet.spec import AREAS, CornetRTSpec, CornetSpec, CornetZSpec
from cordsnet.models.cornet.z import CornetZ

__all__ = [
    "AREAS",
    "ITERATION_MS",
    "CornetRT",
    "CornetRTSpec",
    "CornetS",
    "CornetSpec",
    "CornetZ",
    "CornetZSpec",
    "aligned",
    "load_published",
]
