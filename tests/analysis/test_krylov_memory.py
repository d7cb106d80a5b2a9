"""How many state vectors an eigenvalue solve holds at once, counted from the storages that live at each operation."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cordsnet.analysis import ConvOperator, eigenvalues


class Living(TorchDispatchMode):
    """Bytes of the storages that operations made and that have not been freed, and their peak."""

    def __init__(self, least):
        super().__init__()
        self.least, self.sizes, self.now, self.peak = least, {}, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            if isinstance(one, torch.Tensor) and one.layout == torch.strided:
                self.count(one.untyped_storage())
        return result

    def count(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if size < self.least or key in self.sizes:
            return
        self.sizes[key] = size
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self.free, key)

    def free(self, key):
        self.now -= self.sizes.pop(key, 0)


def test_eight_eigenvalues_take_fewer_than_forty_state_vectors():
    draw = torch.Generator().manual_seed(0)
    op = ConvOperator(torch.randn(16, 16, 3, 3, generator=draw) / 12, (28, 28))  # 12,544 units, so it is filtered
    vector = op.shape[0] * 4
    with Living(vector // 2) as living:
        found = eigenvalues(op, 8, "LM", tol=1e-4)
    assert found.converged
    assert 24 <= living.peak / vector < 40


def test_the_count_includes_every_live_vector():
    with Living(1000) as living:
        kept = torch.zeros(1000)
        for _ in range(5):
            torch.ones(2000).sum()
        more = torch.ones(500)
    assert living.now == 4 * (kept.numel() + more.numel())
    assert living.peak == 4 * (1000 + 2000)
