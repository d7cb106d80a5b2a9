"""Division of a batch among processes and into parts for gradient accumulation."""

from dataclasses import dataclass

from cordsnet._arguments import check_init


@check_init
@dataclass(frozen=True)
class BatchShare:
    """The images of every batch that one process loads.

    Attributes
    ----------
    first : first update to load; later than 0 when a run is resumed.
    parts : number of parts of a batch, each with its own backward pass (gradient accumulation).
    process, processes : index of this process, and how many there are.
    """

    first: int = 0
    parts: int = 1
    process: int = 0
    processes: int = 1

    def images_per_part(self, batch: int) -> int:
        """Images of each part that this process loads. Raises ValueError when `batch` cannot be divided evenly."""
        if batch % (self.parts * self.processes):
            raise ValueError(
                f"batch = {batch} cannot be divided evenly among {self.processes} processes x {self.parts} parts; "
                f"use a multiple of {self.parts * self.processes}"
            )
        return batch // (self.parts * self.processes)
