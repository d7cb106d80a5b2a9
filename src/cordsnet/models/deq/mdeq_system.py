"""MDEQ bound to the duration of a step: what the engines run."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.deq.mdeq_spec import MdeqSpec
from cordsnet.models.deq.settle import Rates, Step, settle, signals_of
from cordsnet.models.stepped.layers import Conv, Watch
from cordsnet.models.stepped.system import SteppedSystem


class MdeqSystem(SteppedSystem[Tensor]):
    """One step is one frame, solved to the equilibrium of the cell; interventions act in every iteration.

    A drive is the sum of what reaches a scale from all blocks, before its rectification. "scale1 -> scale1" delivers
    what a scale's own block makes; "image -> scale1" what is injected into that block.
    """

    unrolling = "inner"
    spec: MdeqSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.signals = signals_of(self.spec.shapes)
        scales = self.spec.scales
        self.pathways = (f"image -> {scales[0]}", *(f"{source} -> {target}" for target in scales for source in scales))
        for key, gain in model.gains.items():  # kernels are normalised here, once for all iterations
            name = key.replace("-", ".")
            conv = self.layers.convs[name]
            norm = torch.linalg.vector_norm(conv.weight, dim=(1, 2, 3), keepdim=True)
            self.layers.convs[name] = Conv(conv.weight * (gain / norm), None, conv.stride, conv.compute)

    def hold(self, inputs: Inputs) -> Tensor:
        """The injection [1 or B, C, H, W] into the finest scale."""
        maps = self.image(inputs)
        for k in (1, 2, 3) if self.spec.has_injection else (1, 2):
            maps = torch.relu(self._normed(f"stem.conv{k}", f"stem.norm{k}", maps))
        return maps

    def step_of(self, context: Tensor) -> Step:
        """The cell: rates of all scales -> rates of all scales, while `context` is injected."""
        first, scales = self.spec.scales[0], self.spec.scales

        def step(rates: Rates, effects: Effects) -> dict[str, Tensor]:
            injected = effects.pathway(f"image -> {first}", context)
            blocks = {scale: self._block(scale, rates[scale], injected if scale == first else None) for scale in scales}
            return {scale: self._fused(scale, blocks, effects) for scale in scales}

        return step

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """The equilibrium of the frame that is held."""
        begin = state.rates if self.spec.carry_state else {a: torch.zeros_like(r) for a, r in state.rates.items()}
        return state.after(settle(self.step_of(context), begin, self.spec, effects, tell=False))

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] of all scales."""
        rates = state.rates
        maps = self._bottleneck(self.spec.scales[0], rates)
        for below, scale in pairwise(self.spec.scales):
            name = f"head.{below}_{scale}"
            maps = self._bottleneck(scale, rates) + torch.relu(self._normed(f"{name}.conv", f"{name}.norm", maps))
        features = torch.relu(self._normed("head.last.conv", "head.last.norm", maps))
        return {"scores": self.layers.linear["decoder"](features.mean((2, 3)))}

    def _normed(self, conv: str, norm: str, maps: Tensor) -> Tensor:
        return self.layers.norm(norm, self.layers.conv(conv, maps))

    def _block(self, scale: str, rate: Tensor, injected: Tensor | None) -> Tensor:
        """A scale's residual block."""
        name = f"block.{scale}"
        inner = torch.relu(self._normed(f"{name}.conv1", f"{name}.norm1", rate))
        inner = self.layers.conv(f"{name}.conv2", inner)
        inner = self.layers.norm(f"{name}.norm2", inner if injected is None else inner + injected)
        return self.layers.norm(f"{name}.norm3", torch.relu(inner + rate))

    def _fused(self, target: str, blocks: dict[str, Tensor], effects: Effects) -> Tensor:
        """The new rate of a scale, from the blocks of all."""
        drive = effects.pathway(f"{target} -> {target}", blocks[target])
        for source, maps in blocks.items():
            if source != target:
                drive = drive + effects.pathway(f"{source} -> {target}", self._brought(source, target, maps))
        rate = self._normed(f"after.{target}.conv", f"after.{target}.norm", torch.relu(effects.drive(target, drive)))
        return effects.rate(target, rate)

    def _brought(self, source: str, target: str, maps: Tensor) -> Tensor:
        """Maps of one scale at the size of another."""
        name, scales = f"fuse.{source}_{target}", self.spec.scales
        levels = scales.index(target) - scales.index(source)
        for k in range(1, max(levels, 1) + 1):
            maps = self._normed(f"{name}.conv{k}", f"{name}.norm{k}", torch.relu(maps) if k > 1 else maps)
        size = self.spec.shapes[target][1:]
        return maps if levels > 0 else functional.interpolate(maps, size=size, mode="nearest")

    def _bottleneck(self, scale: str, rates: Rates) -> Tensor:
        name, maps = f"head.{scale}", rates[scale]
        inner = torch.relu(self._normed(f"{name}.conv1", f"{name}.norm1", maps))
        inner = torch.relu(self._normed(f"{name}.conv2", f"{name}.norm2", inner))
        skip = self._normed(f"{name}.skip", f"{name}.norm_skip", maps)
        return torch.relu(self._normed(f"{name}.conv3", f"{name}.norm3", inner) + skip)
