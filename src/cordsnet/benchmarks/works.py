"""The works that are measured: a row each, and the operations that each cannot avoid."""

from dataclasses import dataclass
from typing import Literal

from cordsnet.benchmarks.spectra import SpectrumWork
from cordsnet.models import CordsNet, create_model, layout
from cordsnet.registry import Registry

IMAGE_STEPS, TRAINED_STEPS = 100, 200

Kind = Literal["inference", "training", "steady_state"]


@dataclass(frozen=True)
class Work:
    """Something to measure on both sides.

    Attributes
    ----------
    model, batch : the network, and trials at once.
    kind : "inference" (100 + 100 steps), "training" (100 + 100 + 100 steps, the gradient and an update), or
        "steady_state" (to a relative residual of 1e-5; the reference takes Euler steps).
    memory : budget given to our side.
    recompute : whether the reference checkpoints every step.
    precision : of the convolutions on both sides; the reference runs under autocast.
    device : the only kind of device on which it is measured unless it is named; None is any.
    """

    name: str
    model: str
    batch: int
    kind: Kind
    memory: str | None = None
    recompute: bool = False
    precision: str = "float32"
    device: str | None = None

    def network(self) -> CordsNet:
        """The network with its random initial weights, which are stable."""
        model = create_model(self.model, num_classes=1000 if "small" not in self.model else 10)
        assert isinstance(model, CordsNet)
        return model

    def flops(self) -> float | None:
        """Floating-point operations of the convolutions that cannot be avoided; None where that is unknown.

        Inference: 100 steps of all areas' kernels; the first area's drive from a steady image is constant.
        Training: 200 steps forward, and twice as much backward.
        """
        step = step_flops(self.network()) * self.batch
        return {"inference": IMAGE_STEPS * step, "training": 3 * TRAINED_STEPS * step}.get(self.kind)

    def asks_of_reference(self) -> tuple[object, ...]:
        """What the reference side depends on; works with the same share one measurement."""
        return self.model, self.batch, self.kind, self.recompute, self.precision


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


_ALL: tuple[Work | SpectrumWork, ...] = (
    Work("r2_b4_inference", "cordsnet_r2", 4, "inference"),
    Work("r8_b4_inference", "cordsnet_r8", 4, "inference"),
    Work("steady_state", "cordsnet_r2", 2, "steady_state"),
    Work("small_training", "cordsnet_r2_small", 64, "training"),
    Work("r2_b2_training", "cordsnet_r2", 2, "training"),
    Work("r2_b2_training_bf16", "cordsnet_r2", 2, "training", precision="bfloat16"),
    Work("r8_b1_training", "cordsnet_r8", 1, "training"),
    Work("r8_b1_memory", "cordsnet_r8", 1, "training"),
    Work("r8_b1_memory_256mb", "cordsnet_r8", 1, "training", memory="256MB"),
    Work("r8_b1_recomputed", "cordsnet_r8", 1, "training", memory="256MB", recompute=True),
    Work("r8_b64_training_bf16", "cordsnet_r8", 64, "training", precision="bfloat16", device="cuda"),
    SpectrumWork("spectrum_28", 64, 28, "arpack", tol=1e-4),
    SpectrumWork("spectrum_28_arnoldi", 64, 28, "arnoldi", tol=1e-4),
    SpectrumWork("spectrum_56", 64, 56, "arpack", tol=1e-3),
)
WORKS: Registry[Work | SpectrumWork] = Registry("work")
for _work in _ALL:
    WORKS.add(_work.name, _work)
