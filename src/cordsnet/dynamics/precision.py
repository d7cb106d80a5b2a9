"""In which precision convolutions are computed, and in which rates are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments, check_init
from cordsnet.registry import Registry

DTYPES: Registry[torch.dtype] = Registry("precision")
for _dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
    DTYPES.add(str(_dtype).removeprefix("torch."), _dtype)


WITHOUT_DOUBLE = frozenset(("mps",))
"""Kinds of devices without double precision."""


@check_init
@dataclass(frozen=True)
class Precision:
    """Names of precisions: "float64", "float32", "bfloat16" or "float16".

    Gradients in float16 need a scaled loss, as `torch.amp.GradScaler` makes and the stages of training have: those of
    the stem, which are below 1e-7, are lost otherwise.

    Attributes
    ----------
    compute : of the convolutions; None is what `torch.autocast` asks for, or else the model's own.
    rates : of the rates, of their sums and of their gradients; None is the model's own. Rates move by a small share
        of their size in a step, which half precision rounds away near the fixed point.
    """

    compute: str | None = None
    rates: str | None = None

    def __post_init__(self) -> None:
        for name in (self.compute, self.rates):
            if name is not None:
                DTYPES[name]

    def of_convolutions(self, like: Tensor) -> torch.dtype:
        """Precision of the convolutions of a model whose parameters are as `like`."""
        if self.compute is not None:
            return DTYPES[self.compute]
        kind = like.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype

    def of_rates(self, like: Tensor) -> torch.dtype:
        """Precision of the rates of a model whose parameters are as `like`."""
        return like.dtype if self.rates is None else DTYPES[self.rates]


def place_of_doubles(device: torch.device) -> torch.device:
    """The device for numbers in double precision that belong to `device`: itself, or the CPU where it has none."""
    return torch.device("cpu") if device.type in WITHOUT_DOUBLE else device


@check_arguments
def as_precision(precision: "Precision | str | None") -> Precision:
    """A `Precision` from what users write: a Precision, the name of that of the convolutions, or None."""
    return precision if isinstance(precision, Precision) else Precision(compute=precision)


class _Whole:
    """Number of open blocks of `full_precision` in all threads, and the settings before the first."""

    cudnn: ClassVar[Any] = torch.backends.cudnn
    settings: ClassVar[tuple[Any, ...]] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    lock, depth = Lock(), 0
    before: tuple[str, ...] = ()

    @classmethod
    def open(cls) -> None:
        with cls.lock:
            if cls.depth == 0:
                cls.before = tuple(setting.fp32_precision for setting in cls.settings)
                cls._set(("ieee",) * len(cls.settings))
            cls.depth += 1

    @classmethod
    def close(cls) -> None:
        with cls.lock:
            cls.depth -= 1
            if cls.depth == 0:
                cls._set(cls.before)

    @classmethod
    def _set(cls, precisions: tuple[str, ...]) -> None:
        for setting, precision in zip(cls.settings, precisions, strict=True):
            setting.fp32_precision = precision


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 convolutions and products are computed in float32; also a decorator.

    GPUs from Ampere on round the factors of float32 convolutions to 11 bits (TF32) unless told otherwise. Simulation
    and training tolerate this, and leave it to torch's own settings; but no fixed point is found to 1e-5 with it. The
    settings are the process's, so that they hold in the threads of a backward pass too, and are put back when the last
    block has ended.
    """
    _Whole.open()
    try:
        yield
    finally:
        _Whole.close()


def own_precision(like: Tensor) -> torch.autocast:
    """Block in which nothing is cast by a `torch.autocast` around it, on the device of `like`.

    For what measures a model, which has to give the same numbers wherever it is called. Systems must be made inside,
    since `Precision.of_convolutions` asks what holds at that moment.
    """
    return torch.autocast(like.device.type, enabled=False)


def recoverable(dtype: torch.dtype) -> bool:
    """True if phi' can be recovered from rates of this precision, as the compact adjoint does."""
    return torch.finfo(dtype).eps < 1e-4
