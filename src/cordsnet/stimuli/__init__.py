"""What is shown when."""

from cordsnet.stimuli.protocol import Protocol, blank, movie, show, with_noise

__all__ = ["Protocol", "blank", "movie", "show", "with_noise"]
