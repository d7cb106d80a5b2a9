"""The `cordsnet` command."""

from cordsnet.cli import benchmarking as _benchmarking
from cordsnet.cli import comparing as _comparing
from cordsnet.cli import evaluating as _evaluating
from cordsnet.cli import experiments as _experiments
from cordsnet.cli import listing as _listing
from cordsnet.cli import models as _models
from cordsnet.cli import neural as _neural
from cordsnet.cli import tasks as _tasks
from cordsnet.cli import training as _training  # all fill the table of commands
from cordsnet.cli.main import main
from cordsnet.cli.options import COMMANDS

__all__ = ["COMMANDS", "main"]

del _benchmarking, _comparing, _evaluating, _experiments, _listing, _models, _neural, _tasks, _training
