"""Several seeds trained as one batched model, beside the engine one seed after another.

Run as `python -m cordsnet.benchmarks.batched 4`. One update of the network of `digits`, as processor seconds of one
thread: a plain Euler loop over kernels computed once, its seeds one by one, side by side as groups of one convolution,
or under `torch.func.vmap`; all give the loss of the engine.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn import functional

from cordsnet.models import CordsNet, create_model
from cordsnet.training import Objective, objective

BATCH, STEPS, READ, BACK, SHARE = 64, 100, 30, 10, 0.2
POOL = (3, 2, 1)
"""Kernel, stride and padding of the stem of `cordsnet_r2_small`."""

Weights: TypeAlias = dict[str, Tensor]


def weights_of(model: CordsNet) -> Weights:
    """Everything that is trained, kernels normalised."""
    wiring: Any = model.wiring
    found = {"stem": wiring.stem, "skip": wiring.links["stem_to_area2"], "out": wiring.readout}
    found |= {f"feed{k}": wiring.feedforward[f"area{k}"] for k in (1, 2)}
    found |= {f"own{k}": wiring.recurrent[f"area{k}"] for k in (1, 2)}
    weights = {name: module.weight.detach().clone() for name, module in found.items()}
    biases = {f"bias{k}": model.bias[f"area{k}"].detach().clone() for k in (1, 2)}
    return weights | biases | {"out_bias": wiring.readout.bias.detach().clone()}


def plain_loss(weights: Weights, images: Tensor, labels: Tensor, seeds: int = 1) -> Tensor:
    """The objective, summed over seeds whose weights lie one after another along the output channels."""

    def conv(name: str, value: Tensor) -> Tensor:
        kernel = weights[name]
        return functional.conv2d(value, kernel, padding=kernel.shape[-1] // 2, groups=seeds)

    def step(first: Tensor, second: Tensor, seen: Tensor | float, skip: Tensor | float) -> tuple[Tensor, Tensor]:
        drive1 = conv("own1", first) + seen + weights["bias1"]
        drive2 = conv("own2", second) + conv("feed2", torch.relu(first) + skip) + weights["bias2"]
        return torch.lerp(first, torch.relu(drive1), SHARE), torch.lerp(second, torch.relu(drive2), SHARE)

    encoded = functional.avg_pool2d(conv("stem", images.repeat(1, seeds, 1, 1)), *POOL)
    seen, skip = conv("feed1", encoded), conv("skip", encoded)
    rates = torch.zeros_like(seen[:1]), torch.zeros_like(seen[:1])
    with torch.no_grad():
        for _ in range(STEPS):
            rates = step(*rates, 0.0, 0.0)
    baseline = rates
    rates = rates[0].expand_as(seen), rates[1].expand_as(seen)
    entropies, apart = [], []
    for k in range(STEPS):
        rates = step(*rates, seen, skip)
        if k >= STEPS - READ:
            pooled = (torch.relu(rates[0]) + torch.relu(rates[1])).mean((2, 3)).reshape(BATCH, seeds, -1)
            scores = torch.einsum("bsc,skc->bsk", pooled, weights["out"].reshape(seeds, -1, pooled.shape[-1]))
            scores = scores + weights["out_bias"].reshape(seeds, -1)
            entropies.append(functional.cross_entropy(scores.flatten(0, 1), labels.repeat_interleave(seeds)))
    for k in range(STEPS):
        rates = step(*rates, 0.0, 0.0)
        if k >= STEPS - BACK:
            apart += [(now - then).square().mean() / 2 for now, then in zip(rates, baseline, strict=True)]
    classification = (torch.logspace(-3, 0, READ) * torch.stack(entropies)).mean()
    return seeds * (classification + 1e-3 * torch.stack(apart).sum() / BACK)


def sides(seeds: int) -> dict[str, Callable[[], float]]:
    """Name -> one update of all seeds; gives the sum of their losses."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(BATCH, 1, 16, 16, generator=generator), torch.arange(BATCH) % 10
    made = [create_model("cordsnet_r2_small", in_channels=1, num_classes=10, seed=seed) for seed in range(seeds)]
    models = [model for model in made if isinstance(model, CordsNet)]
    each = [weights_of(model) for model in models]
    joined = {name: torch.cat([weights[name] for weights in each]) for name in each[0]}
    stacked = {name: torch.stack([weights[name] for weights in each]) for name in each[0]}
    gradient = grad_and_value(plain_loss)

    def engine(model: CordsNet) -> float:
        total = objective(model, images, labels, Objective()).total
        torch.autograd.backward(total)
        return float(total.detach())

    return {
        "engine, one by one": lambda: sum(engine(model) for model in models),
        "plain, one by one": lambda: sum(float(gradient(weights, images, labels)[1]) for weights in each),
        "grouped": lambda: float(gradient(joined, images, labels, seeds)[1]),
        "vmap": lambda: float(vmap(gradient, (0, None, None))(stacked, images, labels)[1].sum()),
    }


def measure(seeds: int, repeats: int = 3) -> dict[str, tuple[float, float]]:
    """Name -> (summed loss, least processor seconds per seed)."""
    calls = sides(seeds)
    losses, least = {name: call() for name, call in calls.items()}, dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            started = time.process_time()
            call()
            least[name] = min(least[name], (time.process_time() - started) / seeds)
    return {name: (losses[name], least[name]) for name in calls}


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # or the plain loops would pay for fading rates, which the engine does not
    for name, (loss, seconds) in measure(int(sys.argv[1])).items():
        print(f"{name:<20}{loss:>10.6f}{seconds:>8.3f} s per seed")
