"""The fields that specs of networks with a feedforward front end share."""

from dataclasses import dataclass
from functools import lru_cache

from cordsnet._checks import check_type
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.rows import cordsnet_spec
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec, StemSpec
from cordsnet.models.stepped.spec import SteppedSpec


@dataclass(frozen=True)
class BackboneSpec(SteppedSpec):
    """A feedforward network, and a head that evolves in time and reads the mean of every channel of its top areas.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    steps : number of steps for which an image is held before the network is read, where nothing else is said.
    ms_per_step : duration of a step, ms.
    depth : areas of the feedforward network, an even number; it is the feedforward twin of a CordsNet.
    channels : of its stem and first two areas; every further pair of areas has twice as many.
    stem_kernel, stem_stride : of the first convolution; an average pool of stride 2 follows.
    train_backbone : False freezes the feedforward network: its weights are not trained, and its batch norms keep their
        statistics. That is of use once trained weights are in it (`BackboneModel.take`).
    """

    depth: int = 8
    channels: int = 64
    stem_kernel: int = 7
    stem_stride: int = 2
    train_backbone: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("depth", "channels", "stem_stride")
        self.check_odd("stem_kernel")
        check_type(self.train_backbone, bool, "train_backbone", "True or False")
        layout(self.network)  # refuses what cannot be

    @property
    def network(self) -> NetworkSpec:
        """The feedforward network as data."""
        stem = StemSpec(self.channels, self.stem_kernel, self.stem_stride)
        return _network(self.depth, stem, self.in_channels, self.image_size)

    @property
    def features(self) -> int:
        """Length of the vector that the head reads."""
        network = self.network
        return network.area(network.readout[0]).channels

    @property
    def maps(self) -> dict[str, tuple[int, ...]]:
        """Area of the feedforward network -> [C, H, W]."""
        return {name: shape for name, shape in layout(self.network).shapes.items() if name != STEM}

    @property
    def stem(self) -> tuple[int, ...]:
        """[C, H, W] of the stem's maps."""
        return layout(self.network).shapes[STEM]

    @property
    def width(self) -> int:
        """Channels of the first areas."""
        return self.channels

    def with_width(self, width: int) -> "BackboneSpec":
        """The spec with `width` channels in the first areas, and those of the others in proportion."""
        return self.scaled(width, "channels")


@lru_cache(maxsize=64)
def _network(depth: int, stem: StemSpec, in_channels: int, image_size: tuple[int, int]) -> NetworkSpec:
    """The scheme of a CordsNet; its readout, which the head replaces, has one class."""
    return cordsnet_spec("backbone", depth, stem, 1).changed(
        image_size=image_size, in_channels=in_channels, num_classes=1
    )
