"""Peak memory of the tensors that a computation makes, counted as they come and go."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that operations return within a `with` block, forward and backward.

    Each memory counts once, from the operation that returns it until nothing refers to it any more. What was there
    before the block does not count, nor do the working space within an operation and kernels that are packed for it.
    Unlike resident memory, of which the C library keeps what is freed, a peak does not depend on what came before.

    Attributes
    ----------
    bytes : of tensors that live now.
    peak : the most that lived at once.
    """

    def __init__(self, before: Sequence[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.peak = 0
        self._known: dict[int, Any] = {}
        self._before = {value.untyped_storage()._cdata for value in before}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation and count what it returns."""
        found = func(*args, **(kwargs or {}))
        for value in tree_leaves(found):
            if isinstance(value, Tensor) and not value.is_mkldnn:  # packed weights hide their memory
                self._count(value)
        return found

    def _count(self, value: Tensor) -> None:
        storage = value.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known or key in self._before:
            return
        self._known[key] = weakref.ref(storage, lambda _: self._free(key, size))
        self.bytes += size
        self.peak = max(self.peak, self.bytes)

    def _free(self, key: int, size: int) -> None:
        if self._known.pop(key, None) is not None:
            self.bytes -= size


def peak_bytes(run: Callable[[], object], before: Sequence[Tensor] = ()) -> int:
    """Peak bytes of the tensors that a call makes, without those in `before`."""
    live = LiveTensors(before)
    with live:
        run()
    return live.peak
