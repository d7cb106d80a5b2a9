"""A dynamical portrait of a network: spectra, time constants, attractors, amplification, regime, certificate."""

from cordsnet.experiments.portrait.options import PortraitOptions
from cordsnet.experiments.portrait.run import portrait

__all__ = ["PortraitOptions", "portrait"]
