"""A dynamical portrait of a network: spectra, time constants, attractors, amplification, regime, certificate."""

from cordsnet.experiments.portrait.areas import AreaPortrait
from cordsnet.experiments.portrait.network import Portrait, Tell, portrait
from cordsnet.experiments.portrait.settings import PortraitSettings

__all__ = ["AreaPortrait", "Portrait", "PortraitSettings", "Tell", "portrait"]
