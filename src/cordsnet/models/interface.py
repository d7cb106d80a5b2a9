"""The one interface that every dynamical vision model answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import check_images, check_positive, whole_steps
from cordsnet._typing import Images, Logits
from cordsnet.dynamics import Hold, Precision, Record, State, System, integrate, settle
from cordsnet.models.saving import SavedModel


class VisionModel(SavedModel, ABC):
    """A model that sees and evolves in time.

    Subclasses say what their areas are and how they are bound to a time step (`system`);
    everything else, from streaming to recording, follows from that.
    """

    _spontaneous: tuple[tuple[Any, ...], State] | None = None

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Area -> shape of its rates without the batch axis, lowest area first."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images it reads."""

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of class scores."""

    @property
    @abstractmethod
    def dt_ms(self) -> float:
        """Step used where none is given, ms."""

    @abstractmethod
    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> System[Any]:
        """The model bound to a time step and a precision, with its weights materialised: what the engines run.

        Raises ValueError, naming the culprit, when `dt` cannot represent the network.
        """

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""
        return tuple(self.shapes)

    def check_input(self, images: Tensor) -> None:
        """Raise TypeError or ValueError, naming what came and what would do, unless the model can read `images`."""
        channels, *size = self.input_shape
        check_images(images, channels=channels, size=size, dtype=next(self.parameters()).dtype)

    def spontaneous(self, system: System[Any], stepper: str) -> State:
        """Spontaneous activity of the model under `system`, one trial; computed once and kept while the weights stay.

        A change of weights is noticed by their sums and norms, however it was made.
        """
        with torch.no_grad():
            double = {"dtype": torch.float64}
            sums = [v for p in self.parameters() for v in (p.sum(**double), torch.linalg.vector_norm(p, **double))]
        device = next(self.parameters()).device
        key = (system.dt, stepper, system.identity, device, tuple(torch.stack(sums).tolist()))
        if self._spontaneous is None or self._spontaneous[0] != key:
            self._spontaneous = (key, settle(system))
        return self._spontaneous[1]

    def initial_state(self, batch: int, dt: float | None = None) -> State:
        """The state before anything has happened: all rates zero. For streaming with `step`."""
        if batch < 1:
            raise ValueError(f"batch must be at least 1 trial, got {batch}")
        return self.system(dt).zero_state(batch)

    def step(self, state: State, image: Images | None, dt: float | None = None) -> State:
        """The state one step later, with `image` [B, C, H, W] (None: a blank field) shown meanwhile.

        Materialises the weights at each call; a long stream is faster with `system = model.system()`,
        then `system.hold(image)` per frame and `system.advance(state, held)` per step.
        """
        if image is not None:
            self.check_input(image)
        system = self.system(dt)
        system.check_state(state)
        if image is not None and len(image) != state.batch:
            raise ValueError(
                f"state holds {state.batch} trials but image shows {len(image)}; give as many images as trials"
            )
        return system.advance(state, system.hold(image))

    def readout(self, state: State) -> Logits:
        """Class scores [B, K] at `state`."""
        system = self.system()
        system.check_state(state)
        return system.readout(state)

    def forward(self, images: Images, ms: float = 200.0) -> Logits:
        """Class scores [B, K] after `ms` of a steady image, from spontaneous activity (without gradient there)."""
        self.check_input(images)
        system = self.system()
        check_positive(ms, "ms")
        steps = whole_steps(ms, system.dt, "ms")
        start = self.spontaneous(system, "euler").expand(images.shape[0])
        traj = integrate(system, [Hold(steps, images)], start, Record(times_ms=(ms,)), steps)
        assert traj.logits is not None
        return traj.logits[-1]
