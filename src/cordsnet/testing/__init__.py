"""One suite of checks that every model passes: those of the package, and your own.

>>> from cordsnet.testing import check_model
>>> check_model(my_model)  # doctest: +SKIP
"""

from cordsnet.testing import contract, interventions, running, storing  # noqa: F401  # each enters its checks
from cordsnet.testing.check import CHECKS, ContractError, broken_rules, check_model
from cordsnet.testing.rows import RowCheck, check_row, check_rows
from cordsnet.testing.subject import Subject

__all__ = ["CHECKS", "ContractError", "RowCheck", "Subject", "broken_rules", "check_model", "check_row", "check_rows"]
