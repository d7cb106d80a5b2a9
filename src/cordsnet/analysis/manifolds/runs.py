"""Runs of a flow, as the witnesses use them."""

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.flows.flows import Flow


def run(flow: Flow, x: Tensor, ms: float, dt: float) -> Tensor:
    """The states [K, *domain] `ms` later."""
    for _ in range(round(ms / dt)):
        x = flow.step(x, dt)
    return x


def path(flow: Flow, x: Tensor, steps: int, dt: float) -> Tensor:
    """One state [*domain] and those after each step, [steps + 1, *domain]."""
    found = [x]
    for _ in range(steps):
        found.append(flow.step(found[-1][None], dt)[0])
    return torch.stack(found)


def movement(flow: Flow, x: Tensor, ms: float, dt: float) -> Tensor:
    """Largest distance [K] from where they are that states get to within `ms`."""
    start, furthest = x, torch.zeros(len(x), dtype=torch.float64)
    for _ in range(round(ms / dt)):
        x = flow.step(x, dt)
        furthest = torch.maximum(furthest, norms(x - start).cpu())
    return furthest


def norms(x: Tensor) -> Tensor:
    """Norm [K] of each of K states, in double precision."""
    length: Tensor = torch.linalg.vector_norm(x.double().flatten(1), dim=1)
    return length


def chosen(states: Tensor, count: int, seed: int) -> Tensor:
    """Some of the states, drawn at random; all if there are fewer."""
    order = torch.randperm(len(states), generator=seeded_generator(seed))[:count]
    return states[order.sort().values.to(states.device)]


def directions(flow: Flow, count: int, seed: int) -> Tensor:
    """Random directions [count, *domain] of norm one."""
    drawn = torch.randn(count, *flow.domain, generator=seeded_generator(seed), dtype=torch.float64)
    length = norms(drawn).view(-1, *[1] * len(flow.domain))
    return (drawn / length).to(flow.device, flow.dtype)
