"""A model that is shown images, or trained on them for one update, as a workload of its own, without a reference."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.benchmarks.calls import Calls
from cordsnet.benchmarks.measure import first_run_that_fits, peak, timed
from cordsnet.dynamics import Record, full_precision, simulate
from cordsnet.models import MODELS, ModelSpec, VisionModel, build
from cordsnet.models.deq import is_equilibrium_model, solver_trajectory
from cordsnet.stimuli import show
from cordsnet.training import Answer, Batch, Optimisation, Train
from cordsnet.training.cost import flop_counter
from cordsnet.training.stages.train import TrainedModule

ModelKind: TypeAlias = Literal["inference", "training"]

CLASSES = 10
"""Number of classes of all models."""

UPDATE = Optimisation("adamw", 1e-3, "constant")
"""Update of weights at the end of a training step."""


@dataclass(frozen=True)
class ModelWorkload:
    """A model with random weights that is shown random images for its own response time, or trained on them.

    Attributes
    ----------
    model : name of a row of the table of models.
    kind : "inference", a forward pass that keeps the last scores; or "training", the loss of those scores
        (`cordsnet.training.Answer`), its gradient and an update of AdamW.
    batch : number of images.
    size : height and width of the images, px.
    """

    model: str
    kind: ModelKind
    batch: int
    size: int

    def spec(self) -> ModelSpec:
        """The network as data. Raises ValueError, saying why, for a size that it cannot read."""
        return MODELS[self.model].spec.changed(image_size=self.size, num_classes=CLASSES)

    def network(self, device: str) -> VisionModel:
        """The network with random weights."""
        model: VisionModel = build(self.spec(), 0, MODELS[self.model].kind).to(device)
        return model.train(self.kind == "training")

    def images(self, model: VisionModel, batch: int) -> Tensor:
        """Random images [batch, C, H, W] for a model."""
        return torch.randn(batch, *model.input_shape, generator=torch.Generator().manual_seed(1)).to(model.like.device)

    def prepare(self, batch: int, device: str) -> Callable[[], Tensor]:
        """Prepare `batch` images as a function that can be called repeatedly; it gives the last scores, or the loss."""
        model = self.network(device)
        images = self.images(model, batch)
        return _forward(model, images) if self.kind == "inference" else _update(model, images)


def _forward(model: VisionModel, images: Tensor) -> Callable[[], Tensor]:
    protocol, record = show(images, model.response_ms), Record(times_ms=(model.response_ms,))

    def run() -> Tensor:
        scores = simulate(model, protocol, record=record).logits
        assert scores is not None
        return scores[-1]

    return run


def _update(model: VisionModel, images: Tensor) -> Callable[[], Tensor]:
    module = TrainedModule(model, Train(loss=Answer(), optimisation=UPDATE))
    optimiser = UPDATE.build(list(module.trained_parameters()))["optimizer"]
    labels = (torch.arange(len(images)) % CLASSES).to(images.device)
    batch = Batch({"image": images}, {"scores": labels})

    def run() -> Tensor:
        optimiser.zero_grad()
        loss = module.loss_of(batch).total
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss.detach()

    return run


@full_precision()
def measure_model(work: ModelWorkload, repeats: int, device: str) -> dict[str, Any]:
    """Measure a workload in this process, which has done nothing else.

    Returns plain data: `batch`, half of what was asked for or less where it did not fit into memory; seconds of the
    first run, `first`, and of the later ones, `seconds`; `peak_bytes` of the first run above the idle process; `flops`
    of a run; `floor_seconds`, those of its products and convolutions alone; `iterations` of every image, for models
    that solve a frame (None where the solver did not reach its tolerance); and `notes`, the warnings that were given.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _wake(device)
        run, batch, idle, first, _ = first_run_that_fits(lambda batch: work.prepare(batch, device), work.batch, device)
        above = peak(device) - idle
        seconds = [timed(run, device)[0] for _ in range(repeats)]
        with flop_counter() as counter, Calls() as calls:
            run()
        return {
            "batch": batch,
            "first": first,
            "seconds": seconds,
            "peak_bytes": above,
            "flops": float(counter.get_total_flops()),
            "floor_seconds": min(calls.floor_seconds(batch, device), *seconds),
            "iterations": _iterations(work, batch, device),
            "notes": list(dict.fromkeys(" ".join(str(w.message).split()) for w in told if _is_said(w.category))),
        }


def _wake(device: str) -> None:
    """Convolve and multiply once, with gradients: some 15 MB that libraries then keep are not counted as a model's."""
    maps, kernel = (torch.zeros(shape, device=device, requires_grad=True) for shape in ((2, 8, 8, 8), (8, 8, 3, 3)))
    convolved = functional.conv2d(maps, kernel, padding=1).flatten(1)
    (convolved @ convolved.T).sum().backward()  # type: ignore[no-untyped-call]


def _is_said(category: type[Warning]) -> bool:
    return issubclass(category, UserWarning)


def _iterations(work: ModelWorkload, batch: int, device: str) -> list[int | None] | None:
    """Evaluations of the solver for each image; None for models without one, and in training."""
    if work.kind == "training":
        return None
    model = work.network(device)
    return list(solver_trajectory(model, work.images(model, batch)).iterations) if is_equilibrium_model(model) else None
