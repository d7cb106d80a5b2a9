"""A CNN-transformer bound to the duration of a step: what the engines run."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Effects, Precision, Signal, State
from cordsnet.models.backbone.system import BackboneSystem
from cordsnet.models.cnn_transformer.spec import CNNTransformerSpec
from cordsnet.models.stepped.layers import Watch


class Token(NamedTuple):
    """The present token [1 or B, units], and its query, key and value in the first block [1 or B, 3 x units]."""

    token: Tensor
    attended: Tensor


class CNNTransformerSystem(BackboneSystem[Token]):
    """In every step a token joins the memory of every block, the oldest one leaves it, and the block attends to all.

    The rate of a block is what it makes of the present token. "BLOCK.keys" and "BLOCK.values" [memory, units] are its
    memory, newest first; "block1.filled" [memory] is 1 for entries that hold a token. Interventions: the drive of a
    block is its output; "block1 -> block1" delivers what attention brings, without bias; "block1 -> block2" delivers
    the token.
    """

    spec: CNNTransformerSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.blocks, spec = self.spec.layers, self.spec
        first = self.blocks[0]
        self.ways = {top: f"{top} -> {first}" for top in self.tops}
        between = [f"{below} -> {block}" for below, block in pairwise(self.blocks)]
        self.pathways = (
            *self.pathways,
            *self.ways.values(),
            *between,
            *(f"{block} -> {block}" for block in self.blocks),
        )
        memory, axes = (spec.memory, spec.units), ("age", "unit")
        kept = [Signal(block, memory, kind, axes) for block in self.blocks for kind in ("keys", "values")]
        self.signals = (*self.signals, *kept, Signal(first, (spec.memory,), "filled", ("age",)))
        self.filled = f"{first}.filled"
        tensor = self.layers.tensor
        self.embed = tensor("embed.weight"), tensor("embed.bias")
        self.age = {block: tensor(f"age.{block}") for block in self.blocks}
        self.project = {block: tensor(f"blocks.{block}.project.weight") for block in self.blocks}
        self.project_bias = {block: tensor(f"blocks.{block}.project.bias") for block in self.blocks}

    def feed(self, rates: Mapping[str, Tensor], effects: Effects) -> Token:
        """The token that features make."""
        weight, bias = self.embed
        parts = [functional.linear(rates[top].mean((2, 3)), weight) for top in self.ways]
        brought = [effects.pathway(name, part) for name, part in zip(self.ways.values(), parts, strict=True)]
        token = torch.stack(brought).sum(0) + bias
        return Token(token, self._attended(self.blocks[0], token))

    def head(self, state: State, fed: Token, effects: Effects) -> dict[str, Tensor]:
        """All blocks, the lowest first."""
        filled = _shifted(state.values[self.filled], self.like.new_ones(1))
        empty = torch.zeros_like(filled).masked_fill(filled < 0.5, -math.inf)[:, None]
        found, token, attended = {self.filled: filled}, fed.token, fed.attended
        for below, block in zip(("", *self.blocks), self.blocks, strict=False):
            if below:
                token = effects.pathway(f"{below} -> {block}", token)
                attended = self._attended(block, token)
            query, *new = attended.chunk(3, -1)
            keys, values = (
                _shifted(state.values[f"{block}.{kind}"], one)
                for kind, one in zip(("keys", "values"), new, strict=True)
            )
            mixed = self._mixed(query, keys, values, empty + self.age[block])
            brought = effects.pathway(f"{block} -> {block}", functional.linear(mixed, self.project[block]))
            token = self._expanded(block, token + brought + self.project_bias[block])
            token = effects.rate(block, effects.drive(block, token))
            found |= {block: token, f"{block}.keys": keys, f"{block}.values": values}
        return found

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] of the present token."""
        token = self.layers.norm("norm", state.values[self.blocks[-1]])
        return {"scores": self.layers.linear["decoder"](token)}

    def _attended(self, block: str, token: Tensor) -> Tensor:
        """Query, key and value of a token, stacked [B, 3 x units]."""
        return self.layers.linear[f"blocks.{block}.attend"](self.layers.norm(f"blocks.{block}.norm_attend", token))

    def _mixed(self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Values of the memory [B, memory, units] in the shares that their keys ask for, [B, units]."""
        heads, memory = self.spec.heads, self.spec.memory
        keys, values = (kept.view(len(kept), memory, heads, -1).transpose(1, 2) for kept in (keys, values))
        asked = query.view(len(query), heads, 1, -1) / math.sqrt(keys.shape[-1])
        shares = torch.softmax(asked @ keys.transpose(2, 3) + bias[:, :, None], -1)
        return (shares @ values).flatten(1)

    def _expanded(self, block: str, token: Tensor) -> Tensor:
        linear, name = self.layers.linear, f"blocks.{block}"
        hidden = functional.gelu(linear[f"{name}.expand"](self.layers.norm(f"{name}.norm_expand", token)))
        return token + linear[f"{name}.contract"](hidden)


def _shifted(memory: Tensor, new: Tensor) -> Tensor:
    """The memory [B, M, ...] with a new entry [1 or B, ...] in front, without its last one."""
    new = new.expand(len(memory), *memory.shape[2:])
    return torch.cat((new[:, None], memory[:, :-1]), 1)
