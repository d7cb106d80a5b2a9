"""Plain implementation of the CordsNet algorithm, to which the engines of the package are compared.

It computes like the published CordsNet code: every area encodes the image again at every step, every use of a kernel
recomputes its weight normalisation, spontaneous activity is computed for the whole batch, and autograd keeps all
intermediate tensors. Its results equal those of the package (`tests/benchmarks/test_reference.py`).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

Rates = list[Tensor]


class ReferenceLoop(nn.Module):
    """A CordsNet with the areas of the paper, simulated step by step in the order of the published code."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.depth = model, len(model.areas)
        wiring = model.wiring
        self.kernels = {
            "feedforward": list(wiring.feedforward.values()),
            "recurrent": list(wiring.recurrent.values()),
            "skip": [wiring.links[f"area{k - 2}_to_area{k}"] for k in range(4, self.depth + 1, 2)],
        }

    def encode(self, image: Tensor) -> Tensor:
        """Apply the stem: a convolution, then average pooling."""
        stem = self.model.spec.stem
        maps = self._convolve(self.model.wiring.stem, image, stem.stride)
        return functional.avg_pool2d(maps, stem.pool_kernel, stem.pool_stride, (stem.pool_kernel - 1) // 2)

    def source(self, area: int, rates: Rates, image: Tensor) -> Tensor:
        """Input of area number `area` (from 0). The image is encoded again at every call."""
        encoded = self.encode(image)
        if area == 0:
            return encoded
        if area == 1:
            return torch.relu(rates[0]) + self._convolve(self.model.wiring.links["stem_to_area2"], encoded)
        below = torch.relu(rates[area - 1])
        if area % 2 == 0:
            return below + torch.relu(rates[area - 2])
        return below + self._convolve(self.kernels["skip"][area // 2 - 1], torch.relu(rates[area - 2]), 2)

    def step(self, rates: Rates, image: Tensor, share: float = 0.2) -> Rates:
        """Take one Euler step, in which every area reads the rates before the step. `share` is dt / tau."""
        after = []
        for area, spec in enumerate(self.model.spec.areas):
            drive = self._convolve(self.kernels["recurrent"][area], rates[area]) + self.model.bias[spec.name]
            source = self.source(area, rates, image)
            drive = drive + self._convolve(self.kernels["feedforward"][area], source, spec.stride)
            after.append((1 - share) * rates[area] + share * self.model.activation(drive))
        return after

    def readout(self, rates: Rates) -> Tensor:
        """Class scores [B, K]."""
        pooled = (torch.relu(rates[-1]) + torch.relu(rates[-2])).mean((2, 3))
        readout = self.model.wiring.readout
        assert isinstance(readout.bias, Tensor)
        return functional.linear(pooled, _weight(readout), readout.bias)

    def zero(self, batch: int, like: Tensor) -> Rates:
        """Rates that are all zero."""
        return [like.new_zeros(batch, *shape) for shape in self.model.shapes.values()]

    def infer(self, images: Tensor, steps: int = 100) -> Tensor:
        """Scores [B, K] after `steps` steps of a blank and `steps` steps of the images."""
        rates, blank = self.zero(len(images), images), torch.zeros_like(images)
        for _ in range(steps):
            rates = self.step(rates, blank)
        for _ in range(steps):
            rates = self.step(rates, images)
        return self.readout(rates)

    def loss(self, images: Tensor, labels: Tensor, steps: int = 100, recompute: bool = False) -> Tensor:
        """Training objective of the paper. With `recompute`, only the rates of every step are kept (checkpointing)."""
        rates, blank = self.zero(len(images), images), torch.zeros_like(images)
        with torch.no_grad():
            for _ in range(steps):
                rates = self.step(rates, blank)
        baseline = [value.detach() for value in rates]
        losses, distances = [], []
        for step in range(steps):
            rates = self._advance(rates, images, recompute)
            if step >= steps - 30:
                losses.append(functional.cross_entropy(self.readout(rates), labels))
        for step in range(steps):
            rates = self._advance(rates, blank, recompute)
            if step >= steps - 10:
                by_area = [(now - then).square().mean() for now, then in zip(rates, baseline, strict=True)]
                distances.append(torch.stack(by_area).mean())
        weights = torch.logspace(-3, 0, 30, dtype=images.dtype, device=images.device)
        return (weights * torch.stack(losses)).mean() + 1e-3 * torch.stack(distances).mean()

    def _advance(self, rates: Rates, image: Tensor, recompute: bool) -> Rates:
        if not recompute:
            return self.step(rates, image)
        after: Rates = checkpoint(self.step, rates, image, use_reentrant=False)
        return after

    def _convolve(self, kernel: nn.Module, value: Tensor, stride: int = 1) -> Tensor:
        weight = _weight(kernel)
        return functional.conv2d(value, weight, stride=stride, padding=(weight.shape[-1] - 1) // 2)


def _weight(kernel: Any) -> Tensor:
    """The weight of a kernel, normalised at every use as torch's parametrisation does it."""
    return torch._weight_norm(kernel.direction, kernel.gain, 0)
