"""Which part of which batches is drawn here, where several processes share every batch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Of the batches of a run.

    Attributes
    ----------
    first : update to begin with.
    parts : into which a batch is cut, one backward pass each (gradient accumulation).
    process, processes : which of how many draws it.
    """

    first: int = 0
    parts: int = 1
    process: int = 0
    processes: int = 1

    def of(self, batch: int) -> int:
        """Images of each part of a batch that are drawn here. Raises ValueError when they cannot be shared evenly."""
        if batch % (self.parts * self.processes):
            raise ValueError(
                f"batch = {batch} cannot be shared evenly by {self.processes} processes in {self.parts} parts; "
                f"use a multiple of {self.parts * self.processes}"
            )
        return batch // (self.parts * self.processes)
