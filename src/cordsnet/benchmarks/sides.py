"""The two sides of every kind of workload: with the engines of the package, and with the reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet.benchmarks.peers import PeerWorkload, prepare_peer
from cordsnet.benchmarks.reference import ReferenceLoop
from cordsnet.benchmarks.spectra import SpectrumWorkload, solve
from cordsnet.benchmarks.workloads import IMAGE_STEPS, AnyWorkload, Workload
from cordsnet.dynamics import Record, WarmStart, simulate, steady_state
from cordsnet.models import VisionModel
from cordsnet.registry import Registry
from cordsnet.stimuli import show
from cordsnet.training.objective import objective

Side: TypeAlias = Literal["ours", "reference"]

SPONTANEOUS_RESIDUAL = 1e-5
"""Relative residual to which training solves for spontaneous activity; the default of the training stages."""

UPDATE = 1e-3
"""Learning rate of the update at the end of a training step, so that weights differ between steps."""


@dataclass(frozen=True)
class RunResult:
    """Result of one run.

    Attributes
    ----------
    value : tensor on which both sides must agree.
    applications : number of applications of recurrent operators, if counted.
    residual : largest relative residual of an iterative solver; None if it found less than asked for.
    """

    value: Tensor
    applications: int | None = None
    residual: float | None = None


Run: TypeAlias = Callable[[], RunResult]


def prepare(workload: AnyWorkload, side: Side, batch: int, device: str = "cpu") -> Run:
    """Prepare one side of a workload with `batch` trials, as a function that can be called repeatedly."""
    if isinstance(workload, SpectrumWorkload):
        return _spectrum(workload, side, device)
    if isinstance(workload, PeerWorkload):
        value_of = prepare_peer(workload, side, batch, device)
        return lambda: RunResult(value_of())
    return _network(workload, side, batch, device)


def _spectrum(workload: SpectrumWorkload, side: Side, device: str) -> Run:
    run = solve(workload, side, device)

    def leading() -> RunResult:
        """Compare the modulus of the first eigenvalue, since a reference method may not find all of them."""
        found = run()
        missing = len(found.values) < workload.k
        return RunResult(found.values[:1].abs(), found.products, None if missing else float(found.residuals.max()))

    return leading


def _network(workload: Workload, side: Side, batch: int, device: str) -> Run:
    model = workload.network().to(device)
    if side == "reference":  # the memory format of the published code
        model = model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, *model.input_shape, generator=generator).to(device)
    labels = torch.randint(model.num_classes, (batch,), generator=generator).to(device)
    make = SIDES[f"{workload.kind}, {side}"]
    run, lower = make(workload, model, images, labels), workload.precision != "float32"

    def in_precision() -> RunResult:
        with torch.autocast(device, getattr(torch, workload.precision), enabled=lower):
            return run()

    return in_precision


Maker: TypeAlias = Callable[[Workload, VisionModel, Tensor, Tensor], Run]
SIDES: Registry[Maker] = Registry("kind and side of workload")


@SIDES.register("inference, ours")
def _our_inference(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    def run() -> RunResult:
        logits = simulate(model, show(images, 200), record=Record(times_ms=(200,))).logits
        assert logits is not None
        return RunResult(logits[-1])

    return run


@SIDES.register("inference, reference")
def _reference_inference(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    reference = ReferenceLoop(model)

    @torch.no_grad()
    def run() -> RunResult:
        return RunResult(reference.infer(images))

    return run


@SIDES.register("training, ours")
def _our_training(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    warm = WarmStart(SPONTANEOUS_RESIDUAL)
    return _training(model, lambda: objective(model, images, labels, memory=workload.memory, spontaneous=warm).total)


@SIDES.register("training, reference")
def _reference_training(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    reference = ReferenceLoop(model)
    return _training(model, lambda: reference.loss(images, labels, recompute=workload.recompute))


def _training(model: VisionModel, loss_of: Callable[[], Tensor]) -> Run:
    optimiser = torch.optim.SGD(model.parameters(), lr=UPDATE)

    def run() -> RunResult:
        optimiser.zero_grad()
        loss = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return RunResult(loss.detach())

    return run


@SIDES.register("steady_state, ours")
def _our_steady_state(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    def run() -> RunResult:
        found = steady_state(model, images, tol=SPONTANEOUS_RESIDUAL)
        assert found.converged
        return RunResult(found.logits, sum(found.evaluations.values()))

    return run


@SIDES.register("steady_state, reference")
def _reference_steady_state(workload: Workload, model: VisionModel, images: Tensor, labels: Tensor) -> Run:
    """Take Euler steps until the relative residual of every area is below the tolerance."""
    reference = ReferenceLoop(model)

    @torch.no_grad()
    def run() -> RunResult:
        """Take Euler steps until the rates are steady."""
        share, rates = model.dt_ms / model.spec.tau_ms, reference.zero(len(images), images)
        for steps in range(1, 50 * IMAGE_STEPS):
            after = reference.step(rates, images, share)
            residual = max(_residual(then, now, share) for then, now in zip(rates, after, strict=True))
            rates = after
            if residual <= SPONTANEOUS_RESIDUAL:
                return RunResult(reference.readout(rates), steps * len(rates))
        raise ArithmeticError("the reference did not reach a steady state, so there is nothing to compare with")

    return run


def _residual(before: Tensor, after: Tensor, share: float) -> float:
    """Largest |phi(drive) - r| / |phi(drive)| over trials, computed from the rates before and after a step."""
    target = before + (after - before) / share
    return float(((target - before).flatten(1).norm(dim=1) / target.flatten(1).norm(dim=1)).max())
