"""The `cordsnet` command."""

from cordsnet.cli import measuring as _measuring
from cordsnet.cli import training as _training  # both fill the table of commands
from cordsnet.cli.main import main
from cordsnet.cli.options import COMMANDS

__all__ = ["COMMANDS", "main"]

del _measuring, _training
