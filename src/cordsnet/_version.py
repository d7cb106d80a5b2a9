"""Version of the package, for use inside it; users read `cordsnet.__version__`."""

__version__ = "0.1.0"
