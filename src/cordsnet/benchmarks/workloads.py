"""The workloads of `cordsnet bench`, and the number of operations that each needs at least."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cordsnet.benchmarks.convolutions import convolutions
from cordsnet.benchmarks.peers import PeerWorkload
from cordsnet.benchmarks.spectra import SpectrumWorkload
from cordsnet.models import VisionModel, create_model
from cordsnet.registry import Registry

IMAGE_STEPS, TRAINED_STEPS = 100, 200

Kind = Literal["inference", "training", "steady_state"]


@dataclass(frozen=True)
class Workload:
    """A computation with a network that is measured on both sides.

    Attributes
    ----------
    name : name of the workload.
    model, batch : name of the network, and number of trials run at once.
    kind : "inference" (100 + 100 steps), "training" (100 + 100 + 100 steps, the gradient and an update), or
        "steady_state" (to a relative residual of 1e-5; the reference takes Euler steps).
    memory : memory budget of our side, such as "256MB"; None sets none.
    recompute : True if the reference checkpoints every step.
    precision : precision of the convolutions on both sides; below float32 both run under autocast.
    device : device on which the workload is measured when no workload is named; None is any device.
    """

    name: str
    model: str
    batch: int
    kind: Kind
    memory: str | None = None
    recompute: bool = False
    precision: str = "float32"
    device: str | None = None

    def network(self) -> VisionModel:
        """Create the network with its initial random weights, with which its dynamics are stable."""
        model: VisionModel = create_model(self.model, num_classes=1000 if "small" not in self.model else 10)
        return model

    def flops(self) -> float | None:
        """Smallest number of floating-point operations of the convolutions; None where it is unknown.

        Inference needs 100 steps of the kernels of all areas; the drive from a steady image is constant and not
        counted. Training needs 200 steps forward, and twice as many operations backward.
        """
        step = step_flops(self.network()) * self.batch
        return {"inference": IMAGE_STEPS * step, "training": 3 * TRAINED_STEPS * step}.get(self.kind)

    def steps(self) -> tuple[int, int] | None:
        """Steps forward, and steps of which a gradient is taken, that `flops` counts; None where unknown."""
        return {"inference": (IMAGE_STEPS, 0), "training": (TRAINED_STEPS, TRAINED_STEPS)}.get(self.kind)

    def reference_key(self) -> tuple[object, ...]:
        """Key of the reference's measurement; workloads with the same key share it."""
        return self.model, self.batch, self.kind, self.recompute, self.precision


def step_flops(model: VisionModel) -> float:
    """Operations of one step and trial: recurrent kernels, and feedforward and skip kernels that read other areas."""
    return sum(one.flops for one in convolutions(model))


AnyWorkload: TypeAlias = Workload | SpectrumWorkload | PeerWorkload

_ALL: tuple[AnyWorkload, ...] = (
    Workload("r2_b4_inference", "cordsnet_r2", 4, "inference"),
    Workload("r8_b4_inference", "cordsnet_r8", 4, "inference"),
    Workload("steady_state", "cordsnet_r2", 2, "steady_state"),
    Workload("small_training", "cordsnet_r2_small", 64, "training"),
    Workload("r2_b2_training", "cordsnet_r2", 2, "training"),
    Workload("r2_b2_training_bf16", "cordsnet_r2", 2, "training", precision="bfloat16"),
    Workload("r8_b1_training", "cordsnet_r8", 1, "training"),
    Workload("r8_b1_memory", "cordsnet_r8", 1, "training"),
    Workload("r8_b1_memory_256mb", "cordsnet_r8", 1, "training", memory="256MB"),
    Workload("r8_b1_recomputed", "cordsnet_r8", 1, "training", memory="256MB", recompute=True),
    Workload("r8_b64_training_bf16", "cordsnet_r8", 64, "training", precision="bfloat16", device="cuda"),
    SpectrumWorkload("spectrum_28", 64, 28, "arpack", tol=1e-4),
    SpectrumWorkload("spectrum_28_arnoldi", 64, 28, "arnoldi", tol=1e-4),
    SpectrumWorkload("spectrum_56", 64, 56, "arpack", tol=1e-3),
    PeerWorkload("convlstm_inference", steps=10, image_size=64),
    PeerWorkload("convlstm_training", steps=10, image_size=64, training=True),
    PeerWorkload("convlstm_100_steps_64mb", 100, 64, training=True, memory="64MB", batch=16, model="convlstm_small"),
)
WORKLOADS: Registry[AnyWorkload] = Registry("workload")
for _workload in _ALL:
    WORKLOADS.add(_workload.name, _workload)
