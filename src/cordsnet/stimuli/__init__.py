"""What is shown when."""

from cordsnet.stimuli.protocol import Protocol, blank, give, movie, show, show_at, together, with_noise
from cordsnet.stimuli.segments import Event

__all__ = ["Event", "Protocol", "blank", "give", "movie", "show", "show_at", "together", "with_noise"]
