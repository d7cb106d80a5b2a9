"""The `cordsnet` command."""

from cordsnet.cli import analysing as _analysing
from cordsnet.cli import measuring as _measuring
from cordsnet.cli import training as _training  # all fill the table of commands
from cordsnet.cli.main import main
from cordsnet.cli.options import COMMANDS

__all__ = ["COMMANDS", "main"]

del _analysing, _measuring, _training
