"""Errors that a caller may want to catch by class. Wrong arguments raise ValueError or TypeError instead."""

from typing import Any


class ArgumentError(TypeError, ValueError):
    """An argument is of another type than its annotation says; caught by either of the names that people write."""


class DivergedError(ArithmeticError):
    """Rates became infinite or NaN in a simulation.

    Attributes
    ----------
    area : area whose rates stopped being finite first.
    step, time_ms : step at which that happened, and its time in ms.
    """

    def __init__(self, area: str, step: int, time_ms: float) -> None:
        self.area, self.step, self.time_ms = area, step, time_ms
        super().__init__(
            f"rates of {area!r} stopped being finite at step {step} ({time_ms:g} ms): the network is "
            "unstable; lower the gain of that area's recurrent kernel, the learning rate or dt"
        )

    def __reduce__(self) -> tuple[Any, ...]:  # pickled when it passes between processes
        return type(self), (self.area, self.step, self.time_ms)


class TrainingDivergedError(ArithmeticError):
    """Loss, gradients or weights became infinite or NaN in training.

    Attributes
    ----------
    what : the numbers that stopped being finite: the loss, the gradients or the weights.
    area : area in which it happened first.
    update : number of the update at which it was found.
    """

    def __init__(self, what: str, area: str, update: int, why: str = "") -> None:
        self.what, self.area, self.update = what, area, update
        super().__init__(f"{what} stopped being finite at update {update} through {area!r}{why}")


class NotConvergedError(ArithmeticError):
    """An iterative solver did not converge, and there is no result to continue with.

    Attributes
    ----------
    what : what was solved for.
    residual, tol : relative residual that was reached, and the one that was asked for.
    products : number of operator products that were computed.
    why : reason why the solver stopped.
    """

    def __init__(self, what: str, residual: float, tol: float, products: int, why: str) -> None:
        self.what, self.residual, self.tol, self.products, self.why = what, residual, tol, products, why
        super().__init__(
            f"{what} was solved to a relative residual of {residual:.3g}, not {tol:.3g}, in {products} products: {why}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.residual, self.tol, self.products, self.why)


class CheckpointError(ValueError):
    """A file of weights is missing or damaged, or does not match the model it is loaded into."""


class RunError(ValueError):
    """A run cannot start or continue in the given folder or with the given resources."""


class DataError(ValueError):
    """A data set cannot be found, or too many of its images are unreadable."""


class DataWarning(UserWarning):
    """Something about a user's data that is likely to surprise: images left out, an unexpected range of values."""


class InterruptionError(Exception):
    """A signal asked training to stop, and training has saved its state.

    Attributes
    ----------
    number : number of the signal.
    """

    def __init__(self, message: str, number: int) -> None:
        self.number = number
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.number)


class ConvergenceWarning(UserWarning):
    """A solver within a model stopped before it converged, and the result is used all the same."""
