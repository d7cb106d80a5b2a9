"""Cells of vectors that a feedforward network feeds: a row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet.dynamics import Effects

CellName: TypeAlias = Literal["lstm", "rnn", "ctrnn", "readout"]

Update: TypeAlias = Callable[[str, Tensor, Mapping[str, Tensor], float, Effects], dict[str, Tensor]]
"""Area, what arrives at its gates [gates, B, N], signals before, the share of a step, effects -> signals after."""


@dataclass(frozen=True)
class Cell:
    """A recurrent cell.

    Attributes
    ----------
    update : one step.
    area : name of the area that it makes.
    gates : vectors of N numbers that arrive in a step.
    biases : 2 where the recurrent matrix has a bias of its own, as in `torch.nn.LSTM` and `torch.nn.RNN`.
    continuous : True for a differential equation with a time constant.
    signals : signals that are carried beside the rate.
    is_output : True where the rates are the class scores, without a decoder.
    """

    update: Update
    area: str = "memory"
    gates: int = 1
    biases: int = 2
    continuous: bool = False
    signals: tuple[str, ...] = ()
    is_output: bool = False


def _lstm(area: str, gates: Tensor, before: Mapping[str, Tensor], share: float, effects: Effects) -> dict[str, Tensor]:
    """c' = f . c + i . tanh(g), h' = o . tanh(c'), with the gates in the order i, f, g, o."""
    into, kept, candidate, out = gates.unbind()
    candidate = torch.tanh(effects.drive(area, candidate))
    cell = torch.addcmul(torch.sigmoid(kept) * before[f"{area}.cell"], torch.sigmoid(into), candidate)
    return {area: effects.rate(area, torch.sigmoid(out) * torch.tanh(cell)), f"{area}.cell": cell}


def _tanh(area: str, gates: Tensor, before: Mapping[str, Tensor], share: float, effects: Effects) -> dict[str, Tensor]:
    return {area: effects.rate(area, torch.tanh(effects.drive(area, gates[0])))}


def _leaky(area: str, gates: Tensor, before: Mapping[str, Tensor], share: float, effects: Effects) -> dict[str, Tensor]:
    target = torch.relu(effects.drive(area, gates[0]))
    return {area: effects.rate(area, torch.lerp(before[area], target, share))}


def _linear(
    area: str, gates: Tensor, before: Mapping[str, Tensor], share: float, effects: Effects
) -> dict[str, Tensor]:
    return {area: effects.rate(area, torch.lerp(before[area], effects.drive(area, gates[0]), share))}


CELLS: Mapping[str, Cell] = {
    "lstm": Cell(_lstm, gates=4, signals=("cell",)),
    "rnn": Cell(_tanh),
    "ctrnn": Cell(_leaky, biases=1, continuous=True),
    "readout": Cell(_linear, "readout", biases=1, continuous=True, is_output=True),
}
"""Name -> cell. "lstm" is that of `torch.nn.LSTM`; "rnn" is that of `torch.nn.RNN` with tanh; "ctrnn" is
tau dr/dt = -r + relu(W r + V f + b); "readout" is tau dr/dt = -r + W r + V f + b, whose rates are the class scores."""
