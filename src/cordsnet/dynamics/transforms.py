"""Transforms of `torch.func` and forward-mode derivatives, under which values cannot be kept or looked at freely."""

import torch
from torch.autograd import forward_ad


def in_transform() -> bool:
    """True inside `torch.func.grad`, `jvp`, `vjp`, `jacrev`, ... or a level of forward-mode differentiation."""
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


def in_vmap() -> bool:
    """True inside `torch.func.vmap`, also where `jacfwd` or `hessian` use it."""
    functorch = torch._C._functorch
    return any(one.key() == functorch.TransformType.Vmap for one in functorch.get_interpreter_stack() or ())
