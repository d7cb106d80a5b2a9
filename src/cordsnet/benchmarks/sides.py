"""What is timed: each kind of work as our engines do it, and as the plain loop does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet.benchmarks.naive import NaiveLoop
from cordsnet.benchmarks.spectra import SpectrumWork, solve
from cordsnet.benchmarks.works import IMAGE_STEPS, Work
from cordsnet.dynamics import Record, WarmStart, simulate, steady_state
from cordsnet.models import CordsNet
from cordsnet.registry import Registry
from cordsnet.stimuli import show
from cordsnet.training.objective import objective

Side: TypeAlias = Literal["ours", "reference"]

SPONTANEOUS_RESIDUAL = 1e-5
"""To which spontaneous activity is solved for in training: the default of the training stages."""

UPDATE = 1e-3
"""Learning rate of the update that ends a training step, so that weights change from step to step."""


@dataclass(frozen=True)
class Done:
    """What one run gave.

    Attributes
    ----------
    value : that both sides must agree on.
    applications : how often recurrent operators were applied, where that is counted.
    residual : of what an iteration found, the largest relative one.
    """

    value: Tensor
    applications: int | None = None
    residual: float | None = None


Run: TypeAlias = Callable[[], Done]


def prepare(work: Work | SpectrumWork, side: Side, batch: int, device: str = "cpu") -> Run:
    """One side of a work, ready to be run again and again; `batch` trials instead of the work's own."""
    return _spectrum(work, side, device) if isinstance(work, SpectrumWork) else _network(work, side, batch, device)


def _spectrum(work: SpectrumWork, side: Side, device: str) -> Run:
    run = solve(work, side, device)

    def leading() -> Done:
        """The modulus of the first eigenvalue, since a rival may not find all of them."""
        found = run()
        missing = len(found.values) < work.k
        return Done(found.values[:1].abs(), found.products, None if missing else float(found.residuals.max()))

    return leading


def _network(work: Work, side: Side, batch: int, device: str) -> Run:
    model = work.network().to(device)
    if side == "reference":  # as the public code lays its kernels out
        model = model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, *model.input_shape, generator=generator).to(device)
    labels = torch.randint(model.num_classes, (batch,), generator=generator).to(device)
    make = SIDES[f"{work.kind}, {side}"]
    run, lower = make(work, model, images, labels), work.precision != "float32"

    def in_precision() -> Done:
        with torch.autocast(device, getattr(torch, work.precision), enabled=lower):
            return run()

    return in_precision


Maker: TypeAlias = Callable[[Work, CordsNet, Tensor, Tensor], Run]
SIDES: Registry[Maker] = Registry("kind and side of work")


@SIDES.register("inference, ours")
def _our_inference(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    def run() -> Done:
        logits = simulate(model, show(images, 200), record=Record(times_ms=(200,))).logits
        assert logits is not None
        return Done(logits[-1])

    return run


@SIDES.register("inference, reference")
def _reference_inference(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    naive = NaiveLoop(model)

    @torch.no_grad()
    def run() -> Done:
        return Done(naive.infer(images))

    return run


@SIDES.register("training, ours")
def _our_training(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    warm = WarmStart(SPONTANEOUS_RESIDUAL)
    return _training(model, lambda: objective(model, images, labels, memory=work.memory, spontaneous=warm).total)


@SIDES.register("training, reference")
def _reference_training(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    naive = NaiveLoop(model)
    return _training(model, lambda: naive.loss(images, labels, recompute=work.recompute))


def _training(model: CordsNet, loss_of: Callable[[], Tensor]) -> Run:
    optimiser = torch.optim.SGD(model.parameters(), lr=UPDATE)

    def run() -> Done:
        optimiser.zero_grad()
        loss = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return Done(loss.detach())

    return run


@SIDES.register("steady_state, ours")
def _our_steady_state(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    def run() -> Done:
        found = steady_state(model, images, tol=SPONTANEOUS_RESIDUAL)
        assert found.converged
        return Done(found.logits, sum(found.evaluations.values()))

    return run


@SIDES.register("steady_state, reference")
def _reference_steady_state(work: Work, model: CordsNet, images: Tensor, labels: Tensor) -> Run:
    """Euler steps until every area moves by no more than the tolerance, per time constant."""
    naive = NaiveLoop(model)

    @torch.no_grad()
    def run() -> Done:
        share, rates = model.dt_ms / model.spec.tau_ms, naive.zero(len(images), images)
        for steps in range(1, 50 * IMAGE_STEPS):
            after = naive.step(rates, images, share)
            moved = max(_residual(then, now, share) for then, now in zip(rates, after, strict=True))
            rates = after
            if moved <= SPONTANEOUS_RESIDUAL:
                return Done(naive.readout(rates), steps * len(rates))
        raise ArithmeticError("the network did not settle, so there is nothing to compare with")

    return run


def _residual(before: Tensor, after: Tensor, share: float) -> float:
    """Largest over trials of |phi(drive) - r| / |phi(drive)|, from the rates before and after a step."""
    target = before + (after - before) / share
    return float(((target - before).flatten(1).norm(dim=1) / target.flatten(1).norm(dim=1)).max())
