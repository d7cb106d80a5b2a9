"""Several areas in a chain: a visual front end of any kind, and vector areas that read it and answer by name."""

from cordsnet.models.multi_area.model import MultiArea
from cordsnet.models.multi_area.spec import MultiAreaSpec

__all__ = ["MultiArea", "MultiAreaSpec"]
