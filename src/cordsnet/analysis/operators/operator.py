"""Linear operators known by their products: y = A x between tensors of fixed shapes, and their algebra.

No matrix is formed unless `to_dense` is called. A subclass defines two products, on batches: with the operator and with
its transpose. All operators are real; a complex vector is multiplied as two real ones.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod

import torch
from scipy.sparse.linalg import LinearOperator as ScipyOperator
from torch import Tensor

from cordsnet.analysis.exact import exact

DENSE_UNITS = 20_000
"""Largest number of rows or columns for `to_dense`: 20,000 x 20,000 doubles are 3.2 GB."""


class LinearOperator(ABC):
    """A real linear map.

    Attributes
    ----------
    domain : shape of its input, such as (C, H, W), without a batch axis.
    codomain : shape of its output.
    dtype, device : of both.
    """

    def __init__(
        self, domain: tuple[int, ...], codomain: tuple[int, ...], dtype: torch.dtype, device: torch.device
    ) -> None:
        self.domain, self.codomain = torch.Size(domain), torch.Size(codomain)
        self.dtype, self.device = dtype, indexed_device(device)

    @abstractmethod
    def apply(self, batch: Tensor) -> Tensor:
        """A applied to each of K vectors: [K, *domain] -> [K, *codomain]. Runs without a graph."""

    @abstractmethod
    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A' applied to each of K vectors: [K, *codomain] -> [K, *domain]. Runs without a graph."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the matrix of this operator."""
        return prod(self.codomain), prod(self.domain)

    @property
    def is_square(self) -> bool:
        """True if domain and codomain have the same shape."""
        return self.domain == self.codomain

    @exact()
    def mv(self, vector: Tensor) -> Tensor:
        """A x, for x of shape `domain` or a batch [K, *domain]. Raises ValueError or TypeError for others."""
        return self._product(vector, self.domain, self.apply)

    @exact()
    def rmv(self, vector: Tensor) -> Tensor:
        """A' y, for y of shape `codomain` or a batch [K, *codomain]. Raises ValueError or TypeError for others."""
        return self._product(vector, self.codomain, self.apply_transpose)

    def _product(self, vector: Tensor, shape: torch.Size, apply: Callable[[Tensor], Tensor]) -> Tensor:
        single = vector.shape == shape
        if not single and vector.shape[1:] != shape:
            raise ValueError(
                f"vector must have shape {list(shape)}, with or without a batch axis, got {list(vector.shape)}"
            )
        if vector.is_complex():
            return torch.complex(*(self._product(part, shape, apply) for part in (vector.real, vector.imag)))
        if vector.dtype != self.dtype:
            raise TypeError(f"vector must be {self.dtype} like the operator, got {vector.dtype}; convert it")
        check_device(vector, "vector", self.device, "operator")
        out = self.codomain if shape is self.domain else self.domain
        images = checked_product(apply, vector[None] if single else vector, out)
        return images[0] if single else images

    def random(self, generator: torch.Generator | None = None, count: int | None = None) -> Tensor:
        """Normal random vectors [*domain], or [count, *domain]; the same on every device."""
        shape = self.domain if count is None else (count, *self.domain)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(self.device, self.dtype)

    @exact()
    def to_dense(self) -> Tensor:
        """The matrix [rows, columns]. Raises ValueError above `DENSE_UNITS` rows or columns."""
        rows, columns = self.shape
        if max(rows, columns) > DENSE_UNITS:
            raise ValueError(f"to_dense would form {rows} x {columns} numbers; use products (mv, rmv) instead")
        parts = []
        for start in range(0, columns, 256):
            width = min(256, columns - start)
            eye = torch.zeros(width, columns, dtype=self.dtype, device=self.device)
            eye.diagonal(start).fill_(1)
            images = checked_product(self.apply, eye.view(width, *self.domain), self.codomain)
            parts.append(images.reshape(width, rows))
        return torch.cat(parts).T.contiguous()

    def to_scipy(self) -> ScipyOperator:
        """The operator for SciPy's solvers, on flat arrays."""

        def flat(product: Callable[[Tensor], Tensor], shape: torch.Size) -> Callable[..., object]:
            def call(array: object) -> object:
                vector = torch.as_tensor(array, dtype=self.dtype).to(self.device).reshape(shape)
                return product(vector).reshape(-1).cpu().numpy()

            return call

        dtype = torch.zeros((), dtype=self.dtype).numpy().dtype
        forward, back = flat(self.mv, self.domain), flat(self.rmv, self.codomain)
        return ScipyOperator(self.shape, matvec=forward, rmatvec=back, dtype=dtype)

    @property
    def T(self) -> "LinearOperator":  # noqa: N802  # as tensors call it
        """The transpose."""
        return Transpose(self)

    def __add__(self, other: "LinearOperator") -> "LinearOperator":
        return Sum(self, other)

    def __sub__(self, other: "LinearOperator") -> "LinearOperator":
        return self + (-1.0) * other

    def __matmul__(self, other: "LinearOperator") -> "LinearOperator":
        return Product(self, other)

    def __mul__(self, factor: float) -> "LinearOperator":
        return Scaled(self, factor)

    __rmul__ = __mul__

    def shift(self, shift: float) -> "LinearOperator":
        """A - shift I. Raises ValueError when A is not square."""
        return self - shift * Identity(self)


def indexed_device(device: str | torch.device) -> torch.device:
    """The device with its index, as tensors carry it: "cuda" becomes the current one, such as "cuda:0"."""
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be one that torch knows, such as 'cpu', got {device!r:.100}") from error
    return device if device.type == "cpu" or device.index is not None else torch.empty(0, device=device).device


def check_device(value: Tensor, name: str, device: torch.device, owner: str) -> None:
    """Raise ValueError unless `value` is on the device of the operator or flow that it is given to."""
    if value.device != device:
        raise ValueError(f"{name} must be on {device} like the {owner}, got {value.device}; move it with .to()")


def checked_product(apply: Callable[[Tensor], Tensor], batch: Tensor, shape: torch.Size) -> Tensor:
    """Images of a batch [K, *domain]. Raises ValueError unless `apply` returns [K, *shape] like the batch."""
    images = apply(batch)
    if not isinstance(images, Tensor) or images.shape != (len(batch), *shape) or images.dtype != batch.dtype:
        got = f"{images.dtype} {list(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(
            f"the operator must return {batch.dtype} {[len(batch), *shape]} for {list(batch.shape)}, got {got}; "
            "correct its apply and apply_transpose"
        )
    return images


def check_square(operator: LinearOperator, name: str = "operator") -> None:
    """Raise TypeError unless this is an operator, and ValueError unless it maps its domain to itself."""
    check_operator(operator, name)
    if not operator.is_square:
        raise ValueError(
            f"{name} must be square, got {list(operator.domain)} -> {list(operator.codomain)}; "
            "for other operators ask for singular values (partial_svd)"
        )


def check_operator(operator: object, name: str = "operator") -> None:
    """Raise TypeError unless this is a `LinearOperator`."""
    if not isinstance(operator, LinearOperator):
        raise TypeError(
            f"{name} must be a LinearOperator, got {type(operator).__name__}; wrap a matrix in MatrixOperator"
        )


class Sum(LinearOperator):
    """A + B."""

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        if (first.domain, first.codomain) != (second.domain, second.codomain):
            raise ValueError(
                f"operators in a sum must have equal shapes, got {list(first.domain)} -> {list(first.codomain)} "
                f"and {list(second.domain)} -> {list(second.codomain)}"
            )
        _check_alike(first, second)
        super().__init__(first.domain, first.codomain, first.dtype, first.device)
        self.first, self.second = first, second

    def apply(self, batch: Tensor) -> Tensor:
        """A x + B x."""
        first, second = (checked_product(one.apply, batch, self.codomain) for one in (self.first, self.second))
        return first + second

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A' y + B' y."""
        one, other = (checked_product(op.apply_transpose, batch, self.domain) for op in (self.first, self.second))
        return one + other


class Product(LinearOperator):
    """A B: first B, then A."""

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if outer.domain != inner.codomain:
            raise ValueError(
                f"the second operator of a product returns {list(inner.codomain)}, the first reads {list(outer.domain)}"
            )
        _check_alike(outer, inner)
        super().__init__(inner.domain, outer.codomain, outer.dtype, outer.device)
        self.outer, self.inner = outer, inner

    def apply(self, batch: Tensor) -> Tensor:
        """A (B x)."""
        return self.outer.apply(checked_product(self.inner.apply, batch, self.inner.codomain))

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """B' (A' y)."""
        return self.inner.apply_transpose(checked_product(self.outer.apply_transpose, batch, self.outer.domain))


class Scaled(LinearOperator):
    """factor x A."""

    def __init__(self, operator: LinearOperator, factor: float) -> None:
        super().__init__(operator.domain, operator.codomain, operator.dtype, operator.device)
        self.operator, self.factor = operator, float(factor)

    def apply(self, batch: Tensor) -> Tensor:
        """factor x A x."""
        return self.factor * self.operator.apply(batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """factor x A' y."""
        return self.factor * self.operator.apply_transpose(batch)


class Transpose(LinearOperator):
    """A'."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.codomain, operator.domain, operator.dtype, operator.device)
        self.operator = operator

    def apply(self, batch: Tensor) -> Tensor:
        """A' x."""
        return self.operator.apply_transpose(batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A y."""
        return self.operator.apply(batch)

    @property
    def T(self) -> LinearOperator:  # noqa: N802
        """The operator itself."""
        return self.operator


class Identity(LinearOperator):
    """I, on the space of a square operator."""

    def __init__(self, like: LinearOperator) -> None:
        check_square(like)
        super().__init__(like.domain, like.codomain, like.dtype, like.device)

    def apply(self, batch: Tensor) -> Tensor:
        """x itself; the transpose is the same."""
        return batch

    apply_transpose = apply


def _check_alike(first: LinearOperator, second: LinearOperator) -> None:
    one, other = (first.dtype, first.device), (second.dtype, second.device)
    if one != other:
        raise TypeError(
            f"operators must share precision and device, got {one[0]} on {one[1]}, {other[0]} on {other[1]}"
        )
