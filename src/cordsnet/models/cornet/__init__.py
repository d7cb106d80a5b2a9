"""CORnet-S (Kubilius et al. 2018, 2019): four areas that iterate, one after the other, on every frame."""

from cordsnet.models.cornet.model import ITERATION_MS, CornetS, aligned
from cordsnet.models.cornet.published import load_published
from cordsnet.models.cornet.spec import AREAS, CornetSpec

__all__ = ["AREAS", "ITERATION_MS", "CornetS", "CornetSpec", "aligned", "load_published"]
