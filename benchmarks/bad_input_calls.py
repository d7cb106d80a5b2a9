"""Good calls of the public functions and classes of cordsnet, one argument of which `bad_input.py` replaces."""

from collections.abc import Callable
from typing import Any

import bad_input_analysis
import bad_input_networks
import bad_input_neural
import bad_input_recordings
import bad_input_tasks
import bad_input_training

PARTS = (
    bad_input_networks,
    bad_input_analysis,
    bad_input_training,
    bad_input_neural,
    bad_input_recordings,
    bad_input_tasks,
)

GOOD: dict[str, Callable[[], dict[str, Any]]] = {name: row for part in PARTS for name, row in part.GOOD.items()}

USE: dict[str, Callable[[Any], Any]] = {name: row for part in PARTS for name, row in part.USE.items()}
"""Name -> use of a result, so that an argument which is kept for later is tried as well."""
