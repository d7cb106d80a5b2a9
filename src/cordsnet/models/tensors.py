"""Tensors from files, our own and those of others. Weights alone are read: no code that a file brings is ever run."""

import pickle
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from cordsnet.errors import CheckpointError

BOXES = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema",
    "ema_state_dict",
    "model_ema",
    "state_dict_ema",
)
"""Entries of a training checkpoint that may hold the weights."""

WRAPPERS = frozenset(
    ("module", "_orig_mod", "model", "net", "network", "state_dict", "encoder", "backbone", "_forward_module")
)
"""Words that wrappers and training scripts put before the names of parameters."""

BOOKKEEPING = frozenset(("n_averaged",))
"""Entries that are no weights: `torch.optim.swa_utils.AveragedModel` counts its updates."""

WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
"""Names that torch.nn.utils.weight_norm gave to gain and direction -> those of torch.nn.utils.parametrizations."""

DAMAGED = (
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""Errors that reading a damaged file of weights may raise."""

PLAIN_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Name -> tensor from safetensors, or from a PyTorch state dict read as weights only.

    A state dict may be an entry of a training checkpoint, such as "state_dict" or "model". Raises CheckpointError when
    the file is missing, damaged, holds anything but tensors, or holds the weights of several networks.
    """
    path = Path(path).expanduser()
    check_file(path, "file of weights")
    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        content = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        raise damaged(path, error) from error
    return _unboxed(content, path)


def parse_safetensors(content: bytes, path: Path) -> dict[str, Tensor]:
    """Name -> tensor from the bytes of a safetensors file. Raises CheckpointError, naming `path`, when damaged."""
    try:
        return load(content)
    except DAMAGED as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> CheckpointError:
    """The error to raise for a file that cannot be read, with its reason."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(
        f"{path} is damaged or is not a file of weights alone ({reason[:120]}); fetch or save it again"
    )


def check_file(path: Path, what: str, advice: str = "check the path") -> None:
    """Raise CheckpointError, saying what is there instead, unless `path` is a file with something in it."""
    if path.is_symlink() and not path.exists():
        raise CheckpointError(f"{path} is a link to {path.readlink()}, which is not there; {advice}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder where a {what} is needed; {advice}")
    if not path.exists():
        raise CheckpointError(f"no {what} at {path}; {advice}")
    if not path.is_file():
        raise CheckpointError(f"{path} is no regular file where a {what} is needed; {advice}")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty where a {what} is needed; fetch or save it again")


def fitted(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file under the names that a model wants.

    Prefixes of wrappers ("module.", "_orig_mod.", "model.", ...) are taken away in any order and number, and the old
    names of weight normalisation become the new ones. Names that fit none of the model's stay as they are. Raises
    CheckpointError when two names of the file mean the same.
    """
    result: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for name, value in found.items():
        plain = _plain(name, wanted)
        if plain.split(".")[-1] in BOOKKEEPING and plain not in wanted:
            continue
        if plain in result:
            raise CheckpointError(f"{path} holds {plain!r} twice, as {origin[plain]!r} and {name!r}; keep one of them")
        result[plain], origin[plain] = value, name
    return result


def check_match(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: str | Path, dtype: torch.dtype | None = None
) -> None:
    """Raise CheckpointError, naming the first culprit, unless names and shapes agree exactly and values can be kept.

    Values must be finite, also in the precision of the model (`dtype` for floats; None takes that of `wanted`).
    """
    if missing := [name for name in wanted if name not in found]:
        raise CheckpointError(f"{path} lacks {_count(missing)}; it belongs to another network")
    if extra := [name for name in found if name not in wanted]:
        raise CheckpointError(
            f"{path} holds {_count(extra)} that the model has no place for; create the model it was saved from"
        )
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            raise CheckpointError(
                f"{path}: {name!r} has shape {list(found[name].shape)} where the model has {list(value.shape)}; "
                "check num_classes, in_channels and image_size"
            )
        _check_values(found[name], name, dtype if dtype and value.is_floating_point() else value.dtype, path)


def _check_values(value: Tensor, name: str, dtype: torch.dtype, path: str | Path) -> None:
    """Refuse values that are not finite, or that would not be the same numbers in `dtype`, but for rounding."""
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        kind = "quantised values" if value.layout == torch.strided and not value.is_meta else "no dense values"
        raise CheckpointError(f"{path}: {name!r} holds {kind}; save the network's plain weights")
    if dtype.is_floating_point != value.is_floating_point() or (dtype == torch.bool) != (value.dtype == torch.bool):
        raise CheckpointError(
            f"{path}: {name!r} holds {value.dtype} where the model has {dtype}, which would not be the same numbers; "
            f"convert it with .to({dtype}) if that is meant"
        )
    if not dtype.is_floating_point:
        return
    plain = value if value.dtype in PLAIN_FLOATS else value.float()
    if not bool(torch.isfinite(plain).all()):
        raise CheckpointError(f"{path}: {name!r} holds NaN or infinite values; the file comes from a diverged run")
    if not bool(torch.isfinite(plain.to(dtype)).all()):
        largest = float(plain.abs().max())
        raise CheckpointError(
            f"{path}: {name!r} holds {largest:.3g}, which is infinite in the model's {dtype}; convert the model with "
            f"model.to({plain.dtype}) first"
        )


def _plain(name: str, wanted: Mapping[str, Tensor]) -> str:
    """The name that the model wants behind a name of a file; `name` itself where there is none."""
    words = name.split(".")
    for k in range(len(words)):
        for tail in (words[k:], [*words[k:-1], WEIGHT_NORM.get(words[-1], words[-1])]):
            if ".".join(tail) in wanted or words[-1] in BOOKKEEPING:
                return ".".join(tail)
        if words[k] not in WRAPPERS:
            break
    return name


def _unboxed(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in the content of a file. Raises CheckpointError when there is none, or more than one."""
    if _is_state_dict(content):
        return dict(content)
    found = dict(_boxed(content))
    if not found:
        inside = type(content).__name__
        if isinstance(content, Mapping):
            culprit = next((k for k, v in content.items() if not (isinstance(k, str) and isinstance(v, Tensor))), None)
            inside += f" with the entry {culprit!r}"
        raise CheckpointError(f"{path} must hold a state dict of named tensors, got {inside}")
    first, *others = found.values()
    if any(not _equal(first, other) for other in others):
        raise CheckpointError(
            f"{path} holds different weights in {' and '.join(map(repr, found))}; save a file with one of them alone"
        )
    return dict(first)


def _boxed(content: Any, depth: int = 4) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """(entry, state dict) of all that are in a checkpoint, under the usual names first, else under any."""
    if not isinstance(content, Mapping) or depth == 0:
        return
    tables = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping)}
    usual = {key: value for key, value in tables.items() if key in BOXES}
    for key, value in (usual or tables).items():
        if value and _is_state_dict(value):
            yield key, value
        else:
            yield from ((f"{key}.{inner}", inside) for inner, inside in _boxed(value, depth - 1))


def _is_state_dict(content: Any) -> bool:
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        value.dtype == other[name].dtype and torch.equal(value, other[name]) for name, value in one.items()
    )


def _count(names: list[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
