"""Protocols: stimuli in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.stimuli.protocol import Protocol, blank, give, movie, show, show_at, together, with_noise
    from cordsnet.stimuli.segments import Event

__all__ = ["Event", "Protocol", "blank", "give", "movie", "show", "show_at", "together", "with_noise"]

import_on_demand(__name__)
