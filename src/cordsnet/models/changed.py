"""Networks that other tools have changed: hooks, pruning, parametrisations, tied weights, transforms."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.parametrize import is_parametrized

from cordsnet.dynamics.transforms import in_vmap
from cordsnet.errors import DataWarning
from cordsnet.models.kernels import Normalised
from cordsnet.models.weights import tensor_of

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

NEVER_CALLED = (
    "a hook on {!r} would never be called, since a network in time computes with the module's weights and not with the "
    "module; wrap the network in cordsnet.HookedModel(model, at_ms=...), whose modules are called after the areas, and "
    "remove this hook"
)


def refresh(model: nn.Module) -> None:
    """Bring pruned tensors up to date, as torch does before a forward pass of their module.

    Raises ValueError, naming the module, for any other hook on a module that is never called.
    """
    silent = tuple(f"{part}." for part in getattr(model, "uncalled_modules", ()))
    for name, module in model.named_modules():
        if module is model or not any(getattr(module, kind) for kind in HOOKS):
            continue
        pruning = list(_masks(module))
        for mask in pruning:
            mask(module, ())
        hooks = sum(len(getattr(module, kind)) for kind in HOOKS)
        if hooks > len(pruning) and f"{name}.".startswith(silent):
            raise ValueError(NEVER_CALLED.format(name))


def check_computable(model: nn.Module, like: Tensor) -> None:
    """Raise ValueError, saying what would do, where a network cannot compute: on "meta", or as a replica."""
    if like.is_meta:
        raise ValueError(
            "the model is on the device 'meta', where tensors have shapes and no values; load its weights with "
            "cordsnet.load_model, or make it with create_model outside `with torch.device('meta')`"
        )
    if getattr(model, "_is_replica", False):
        raise ValueError(
            "torch.nn.DataParallel loses the biases of its copies on several GPUs; use "
            "torch.nn.parallel.DistributedDataParallel, or one process for each GPU"
        )
    refuse_vmap()


def refuse_vmap() -> None:
    """Raise ValueError inside `torch.func.vmap`, saying what would do."""
    if in_vmap():
        raise ValueError(
            "torch.func.vmap, and jacfwd and hessian that use it, cannot run a network, whose checks look at values; "
            "give images as one batch [B, C, H, W], loop over networks, and use grad, vjp, jvp or jacrev"
        )


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of a model as a fresh one of its kind has it, each tensor in memory of its own.

    Pruned and parametrised tensors are what they are now, and ties are cut: both are said in a DataWarning, since a
    file cannot keep them.
    """
    refresh(model)
    changed = sorted(_changed(model))
    state: Mapping[str, Tensor] = model.state_dict()
    if changed:
        state = {name: tensor_of(model, name) for name in _names(model)}
        warnings.warn(
            f"{_some(changed)} is pruned or parametrised; its values are saved as they are now, without the mask or "
            "the parametrisation",
            DataWarning,
            stacklevel=4,
        )
    found: dict[str, Tensor] = {}
    places: dict[tuple[int, int], str] = {}
    tied: list[str] = []
    for name, value in state.items():
        value = value.detach()
        place = (value.untyped_storage().data_ptr(), int(value.storage_offset()))
        if value.numel() and not value.is_meta and place in places:
            tied.append(f"{name} = {places[place]}")
            value = value.clone()
        places.setdefault(place, name)
        found[name] = value
    if tied:
        warnings.warn(
            f"tensors that are one in memory are saved one by one ({_some(tied)}); tie them again after loading",
            DataWarning,
            stacklevel=4,
        )
    return found


def _masks(module: nn.Module) -> Iterator[Any]:
    """Hooks of torch.nn.utils.prune, and of the older weight_norm and spectral_norm: they recompute a tensor."""
    for hook in module._forward_pre_hooks.values():
        recomputes = type(hook).__module__ in ("torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm")
        if isinstance(hook, prune.BasePruningMethod) or recomputes:
            yield hook


def _changed(model: nn.Module) -> Iterator[str]:
    """Modules with pruned or parametrised tensors."""
    for name, module in model.named_modules():
        if next(_masks(module), None) is not None or (not isinstance(module, Normalised) and is_parametrized(module)):
            yield name


def _names(model: Any) -> list[str]:
    """Names in the state dict of a fresh model of this kind."""
    with torch.device("meta"):
        return list(type(model).from_described(model.description()).state_dict())


def _some(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
