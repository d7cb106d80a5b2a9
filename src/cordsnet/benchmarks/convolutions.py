"""The convolutions that a step of a network computes."""

from dataclasses import dataclass

from cordsnet.models import VisionModel, layout


@dataclass(frozen=True)
class Convolution:
    """A zero-padded convolution that every step computes.

    Attributes
    ----------
    inputs, outputs : channels.
    kernel, stride : of the convolution.
    size : (H, W) of the maps that it reads.
    target : (H, W) of the maps that it returns.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    size: tuple[int, int]
    target: tuple[int, int]

    @property
    def flops(self) -> float:
        """Operations for one trial."""
        return 2.0 * self.inputs * self.outputs * self.kernel**2 * self.target[0] * self.target[1]


def convolutions(model: VisionModel) -> list[Convolution]:
    """Recurrent kernels, and feedforward and skip kernels that read other areas; images are encoded once."""
    sizes, found = layout(model.spec), []
    for area in model.spec.areas:
        _, height, width = sizes.shapes[area.name]
        own, reads = (height, width), sizes.inputs[area.name]
        from_areas = [link for link in model.spec.into(area.name) if link.source in model.areas]
        if area.recurrent_kernel:
            found.append(Convolution(area.channels, area.channels, area.recurrent_kernel, 1, own, own))
        if from_areas:
            found.append(Convolution(reads[0], area.channels, area.kernel, area.stride, reads[1:], own))
        for link in from_areas:
            if link.kernel is not None:
                source, landing = sizes.shapes[link.source], sizes.landing[link.name]
                found.append(Convolution(source[0], landing[0], link.kernel, link.stride, source[1:], landing[1:]))
    return found
