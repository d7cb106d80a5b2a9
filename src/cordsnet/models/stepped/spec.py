"""The fields that specs of networks of steps share, and their checks."""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from cordsnet._checks import check_positive, is_int
from cordsnet.models.spec import ModelSpec

Spec = TypeVar("Spec", bound="SteppedSpec")


@dataclass(frozen=True)
class SteppedSpec(ModelSpec):
    """A network that evolves in steps, as data. Subclasses add fields, and give `shapes`.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    steps : number of steps for which an image is held before the network is read, where nothing else is said.
    ms_per_step : what one step stands for, ms. It is a convention: the network knows no time.
    """

    name: str = ""
    in_channels: int = 3
    image_size: tuple[int, int] = (224, 224)
    num_classes: int = 1000
    steps: int = 10
    ms_per_step: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in dataclasses.fields(self):
            if isinstance(getattr(self, field.name), list):
                object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        self.check_counts("in_channels", "num_classes", "steps")
        check_positive(self.ms_per_step, "ms_per_step")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> shape of its rates, [C, H, W] or [N], lowest area first."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its areas are")

    def check_counts(self, *names: str, least: int = 1) -> None:
        """Raise ValueError unless these fields are whole numbers of at least `least`, or tuples of them."""
        for name in names:
            value = getattr(self, name)
            if not all(is_int(one, least) for one in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be whole and at least {least}, got {value!r}")

    def check_odd(self, *names: str) -> None:
        """Raise ValueError unless these fields are odd whole numbers, or tuples of them."""
        self.check_counts(*names)
        for name in names:
            value = getattr(self, name)
            if any(one % 2 == 0 for one in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be odd, got {value!r}")

    def check_choice(self, name: str, options: Collection[object]) -> None:
        """Raise ValueError unless a field is one of some options."""
        if getattr(self, name) not in options:
            known = ", ".join(repr(option) for option in options)
            raise ValueError(f"{name} must be one of {known}, got {getattr(self, name)!r}")

    def check_lengths(self, count: int, of: str, *names: str) -> None:
        """Raise ValueError unless these tuples have one number for each of `count` things, which `of` names."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, tuple) or len(value) != count:
                raise ValueError(f"{name} must be {count} whole numbers, for {of}, got {value!r}")

    def scaled(self: Spec, width: int, *names: str) -> Spec:
        """The spec with the channels in these fields multiplied by width / `self.width`.

        Raises ValueError where that is no whole number.
        """
        base, changes = self.width, dict[str, Any]()
        assert base is not None
        for name in names:
            value = getattr(self, name)
            parts = [divmod(one * width, base) for one in (value if isinstance(value, tuple) else (value,))]
            if width < 1 or any(rest for _, rest in parts):
                raise ValueError(f"width = {width} does not scale {name} = {value} to whole numbers; try a multiple")
            channels = tuple(whole for whole, _ in parts)
            changes[name] = channels if isinstance(value, tuple) else channels[0]
        return dataclasses.replace(self, **changes)
