"""The works that are measured: a row each, and what it is to do one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cordsnet.benchmarks.naive import NaiveLoop
from cordsnet.dynamics import Record, simulate
from cordsnet.models import CordsNet, create_model, layout
from cordsnet.registry import Registry
from cordsnet.stimuli import show
from cordsnet.training.objective import objective

Side = Literal["ours", "reference"]
IMAGE_STEPS, TRAINED_STEPS = 100, 200


@dataclass(frozen=True)
class Work:
    """Something to measure on both sides.

    Attributes
    ----------
    model, batch : the network, and trials at once.
    kind : "inference" (100 + 100 steps) or "training" (100 + 100 + 100 steps and the gradient).
    memory : budget given to our side.
    recompute : whether the reference checkpoints every step.
    """

    name: str
    model: str
    batch: int
    kind: Literal["inference", "training"]
    memory: str | None = None
    recompute: bool = False

    def network(self) -> CordsNet:
        """The network with its random initial weights, which are stable."""
        model = create_model(self.model, num_classes=1000 if "small" not in self.model else 10)
        assert isinstance(model, CordsNet)
        return model

    def prepare(self, side: Side, device: str = "cpu") -> Callable[[], Tensor]:
        """What is timed on one side."""
        model = self.network().to(device)
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(self.batch, *model.input_shape, generator=generator).to(device)
        labels = torch.randint(model.num_classes, (self.batch,), generator=generator).to(device)
        if self.kind == "inference":
            return _inference(model, images, side)
        return self._training(model, images, labels, side)

    def _training(self, model: CordsNet, images: Tensor, labels: Tensor, side: Side) -> Callable[[], Tensor]:
        naive = NaiveLoop(model)

        def run() -> Tensor:
            model.zero_grad()
            if side == "ours":
                loss = objective(model, images, labels, memory=self.memory).total
            else:
                loss = naive.loss(images, labels, recompute=self.recompute)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        return run

    def flops(self) -> float:
        """Floating-point operations of the convolutions that cannot be avoided.

        Inference: 100 steps of all areas' kernels; the first area's drive from a steady image is constant.
        Training: 200 steps forward, and twice as much backward.
        """
        step = step_flops(self.network()) * self.batch
        return IMAGE_STEPS * step if self.kind == "inference" else 3 * TRAINED_STEPS * step


def _inference(model: CordsNet, images: Tensor, side: Side) -> Callable[[], Tensor]:
    naive = NaiveLoop(model)

    @torch.no_grad()
    def run() -> Tensor:
        if side == "reference":
            return naive.infer(images)
        logits = simulate(model, show(images, 200), record=Record(times_ms=(200,))).logits
        assert logits is not None
        return logits[-1]

    return run


def step_flops(model: CordsNet) -> float:
    """Of one step and one trial: recurrent kernels, and feedforward and skip kernels that read other areas."""
    sizes = layout(model.spec)
    total = 0.0
    for area in model.spec.areas:
        _, height, width = sizes.shapes[area.name]
        reads = sizes.inputs[area.name][0]
        from_areas = [link for link in model.spec.into(area.name) if link.source in model.areas]
        total += 2 * area.channels**2 * (area.recurrent_kernel or 0) ** 2 * height * width
        if from_areas:
            total += 2 * area.channels * reads * area.kernel**2 * height * width
        for link in from_areas:
            if link.kernel is not None:
                out, rows, columns = sizes.landing[link.name]
                total += 2 * out * sizes.shapes[link.source][0] * link.kernel**2 * rows * columns
    return total


WORKS: Registry[Work] = Registry("work")
for _work in (
    Work("r2_b4_inference", "cordsnet_r2", 4, "inference"),
    Work("r8_b4_inference", "cordsnet_r8", 4, "inference"),
    Work("small_training", "cordsnet_r2_small", 64, "training"),
    Work("r2_b2_training", "cordsnet_r2", 2, "training"),
    Work("r8_b1_training", "cordsnet_r8", 1, "training"),
    Work("r8_b1_memory_256mb", "cordsnet_r8", 1, "training", memory="256MB"),
    Work("r8_b1_recomputed", "cordsnet_r8", 1, "training", memory="256MB", recompute=True),
):
    WORKS.add(_work.name, _work)
