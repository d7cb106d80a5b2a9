"""The version, for those inside; users read `cordsnet.__version__`."""

__version__ = "0.1.0"
