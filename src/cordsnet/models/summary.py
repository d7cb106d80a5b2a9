"""Facts that every kind of model gives about itself, in numbers and words."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Facts about a model that its card and its listing are made from.

    Attributes
    ----------
    name, kind : of the model, and row of `KINDS`.
    about : one sentence that says what it is, with its paper, in Markdown.
    areas : area -> shape of its rates without the batch axis, lowest first.
    units, parameters : number of units of all areas, and of parameters of the whole model.
    inputs : name -> shape without the batch axis; images are (channels, height, width).
    num_classes : number of class scores; None where it gives none.
    timing : time step and order of updates, in words.
    tags : words under which the hub lists it.
    """

    name: str
    kind: str
    about: str
    areas: Mapping[str, tuple[int, ...]]
    units: int
    parameters: int
    inputs: Mapping[str, tuple[int, ...]]
    num_classes: int | None
    timing: str
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One paragraph."""
        numbers = [f"{len(self.areas)} areas, {self.units:,} units, {self.parameters:,} parameters"]
        for name, shape in self.inputs.items():
            axes = " (channels x height x width)" if len(shape) == 3 else ""
            numbers.append(f"{name} of {' x '.join(map(str, shape))}{axes}")
        if self.num_classes is not None:
            numbers.append(f"{self.num_classes} classes")
        return f"{self.about} {', '.join(numbers)}; {self.timing}."
