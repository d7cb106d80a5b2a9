"""The rows of the CordsNets and of their feedforward twins in the table of models."""

from cordsnet._arguments import check_arguments
from cordsnet.models.cordsnet.spec import STEM, AreaSpec, ConnectionSpec, NetworkSpec, StemSpec
from cordsnet.models.spec import square
from cordsnet.models.table import ModelRow

PAPER = "https://openreview.net/forum?id=ZZ94aLbMOK"
SOURCE = f"Soo et al., NeurIPS 2024, {PAPER}"

MAX_DEPTH = 40

PAPER_STEM = StemSpec(channels=64)
TINY = {"image_size": 16, "width": 4, "in_channels": 1, "num_classes": 3}
SMALL_STEM = StemSpec(channels=16, kernel=3, stride=1)


@check_arguments
def cordsnet_spec(name: str, depth: int, stem: StemSpec, image_size: int) -> NetworkSpec:
    """The CordsNet scheme for any even depth (Soo et al. 2024, section 3 and appendix).

    Areas come in pairs. Odd areas read the two areas below them and, from area 3 on, halve the map and
    double the channels; even areas read the one below plus a skip from three below through a kernel.
    """
    if depth < 2 or depth % 2:
        raise ValueError(f"depth must be an even number of areas, at least 2, got {depth}")
    if depth > MAX_DEPTH:
        raise ValueError(f"depth must be at most {MAX_DEPTH} areas, since channels double with every pair, got {depth}")
    names = [STEM, *(f"area{k}" for k in range(1, depth + 1))]
    areas = [
        AreaSpec(names[k], stem.channels * 2 ** ((k - 1) // 2), stride=2 if k > 2 and k % 2 else 1)
        for k in range(1, depth + 1)
    ]
    links = [ConnectionSpec(names[k - 1], names[k]) for k in range(1, depth + 1)]
    links += [ConnectionSpec(names[k - 2], names[k]) for k in range(3, depth + 1, 2)]
    links += [ConnectionSpec(STEM, "area2", kernel=3)]
    links += [ConnectionSpec(names[k - 2], names[k], kernel=1, stride=2) for k in range(4, depth + 1, 2)]
    return NetworkSpec(name, stem, tuple(areas), tuple(links), readout=tuple(names[-2:]), image_size=square(image_size))


PUBLISHED = {2: 661_520, 4: 1_451_152, 6: 3_777_936, 8: 12_475_280}
"""Depth -> parameters of the public network for 1,000 classes, gains of its weight norms included."""

TWIN_REMARK = (
    "The public class holds a bias per unit too, which it never uses; it is left out here, and the batch norms are kept"
)


def _row(name: str, depth: int, stem: StemSpec, image_size: int) -> ModelRow:
    spec, published = cordsnet_spec(name, depth, stem, image_size), PUBLISHED[depth] if stem is PAPER_STEM else None
    clock = f"continuous, tau {spec.tau_ms:g} ms"
    return ModelRow(name, "cordsnet", spec, SOURCE, clock, "none stated", TINY, published)


def _twin(row: ModelRow) -> ModelRow:
    """The feedforward network with the same kernels."""
    name = row.name.replace("cordsnet", "cnn")
    return ModelRow(name, "cnn", row.spec.changed(name=name), SOURCE, "static", tiny=TINY, remarks=(TWIN_REMARK,))


R2, R4, R6, R8 = (_row(f"cordsnet_r{depth}", depth, PAPER_STEM, 224) for depth in (2, 4, 6, 8))
R2_SMALL = _row("cordsnet_r2_small", 2, SMALL_STEM, 16)
R4_SMALL, R6_SMALL, R8_SMALL = (_row(f"cordsnet_r{depth}_small", depth, SMALL_STEM, 32) for depth in (4, 6, 8))
CNN_R2, CNN_R4, CNN_R6, CNN_R8 = map(_twin, (R2, R4, R6, R8))
CNN_R2_SMALL, CNN_R4_SMALL, CNN_R6_SMALL, CNN_R8_SMALL = map(_twin, (R2_SMALL, R4_SMALL, R6_SMALL, R8_SMALL))
