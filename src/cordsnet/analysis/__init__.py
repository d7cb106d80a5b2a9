"""Networks as dynamical systems: what they do when they are left to themselves."""

from cordsnet.analysis.regimes import Regime, RegimeEvidence, RegimeReport, classify_regime
from cordsnet.analysis.thresholds import RegimeSettings

__all__ = ["Regime", "RegimeEvidence", "RegimeReport", "RegimeSettings", "classify_regime"]
