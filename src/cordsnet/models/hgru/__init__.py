"""Horizontal gated recurrent units (Linsley et al. 2018, 2020): one area whose kernels are wide."""

from cordsnet.models.hgru.crbp import CRBPHGRU, CRBPSystem
from cordsnet.models.hgru.gabors import gabors
from cordsnet.models.hgru.model import HGRU, HGRUSystem
from cordsnet.models.hgru.spec import CRBPSpec, HGRUSpec

__all__ = ["CRBPHGRU", "HGRU", "CRBPSpec", "CRBPSystem", "HGRUSpec", "HGRUSystem", "gabors"]
