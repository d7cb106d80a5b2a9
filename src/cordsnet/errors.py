"""Errors that a caller may want to catch by name; bad arguments are ValueError or TypeError."""

from typing import Any


class DivergedError(ArithmeticError):
    """Rates stopped being finite. Carries the step, the time and the area that failed first."""

    def __init__(self, area: str, step: int, time_ms: float) -> None:
        self.area, self.step, self.time_ms = area, step, time_ms
        super().__init__(
            f"rates of {area!r} stopped being finite at step {step} ({time_ms:g} ms): the network is "
            "unstable; lower the gain of that area's recurrent kernel, the learning rate or dt"
        )

    def __reduce__(self) -> tuple[Any, ...]:  # so that it passes between processes
        return type(self), (self.area, self.step, self.time_ms)


class TrainingDivergedError(ArithmeticError):
    """Loss, gradients or weights stopped being finite in training. Carries the area to blame and the update."""

    def __init__(self, what: str, area: str, update: int, why: str = "") -> None:
        self.what, self.area, self.update = what, area, update
        super().__init__(f"{what} stopped being finite at update {update} through {area!r}{why}")


class NotConvergedError(ArithmeticError):
    """An iteration whose answer is needed to go on did not converge. Carries what, the residual and the tolerance."""

    def __init__(self, what: str, residual: float, tol: float, products: int, why: str) -> None:
        self.what, self.residual, self.tol, self.products, self.why = what, residual, tol, products, why
        super().__init__(
            f"{what} was solved to a relative residual of {residual:.3g}, not {tol:.3g}, in {products} products: {why}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.residual, self.tol, self.products, self.why)


class CheckpointError(ValueError):
    """A file of weights is missing, damaged, or does not fit the model it was given to."""


class RunError(ValueError):
    """A run folder cannot be used as asked."""


class DataError(ValueError):
    """A data set is not where it was looked for, or too much of it is unreadable."""


class InterruptionError(Exception):
    """Training was asked to stop by a signal, and has saved. Carries the signal's number."""

    def __init__(self, message: str, number: int) -> None:
        self.number = number
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.number)
