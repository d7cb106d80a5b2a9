"""The rows of the BLT networks in the table of models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from cordsnet.models.blt import ccn23, rcnnsat, spoerer2017, sync
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.table import ModelRow

B = {"lateral": False, "top_down": False}
BL = {"lateral": True, "top_down": False}
BT = {"lateral": False, "top_down": True}
BLT = {"lateral": True, "top_down": True}


@dataclass(frozen=True)
class Family:
    """Networks of one published definition.

    Attributes
    ----------
    prefix : of the names of all rows.
    base : spec of which each member is a change.
    members : end of a row's name -> (changes of the spec, parameters of the published network or None).
    source, remarks, tiny : as of a row.
    licence : of the public code, for members with a published network; "" without public weights.
    """

    prefix: str
    base: BLTSpec
    members: Mapping[str, tuple[dict[str, Any], int | None]]
    source: str
    remarks: tuple[str, ...]
    tiny: Mapping[str, Any]
    licence: str = ""

    def rows(self) -> Iterator[ModelRow]:
        """A row for every member."""
        for member, (changes, published) in self.members.items():
            spec = self.base.changed(name=f"{self.prefix}_{member}", **changes)
            clock = "static" if spec.is_static else f"steps of {spec.ms_per_step:g} ms by convention"
            licence = self.licence if published else ""
            yield ModelRow(spec.name, spec.kind, spec, self.source, clock, licence, self.tiny, published, self.remarks)


CCN23 = Family(
    "blt_ccn23",
    ccn23.CCN23Spec(),
    {
        "b": (B, 2_602_980),
        "bl": (BL, 5_998_564),
        "bt": (BT, 4_151_268),
        "blt": (BLT, 7_546_852),
        "blt_128": (BLT | {"image_size": (128, 128), "kernel": 5}, 21_605_860),
        "blt_small": (
            {"image_size": (32, 32), "num_classes": 10, "retina_channels": 8, "channels": (8, 16, 24, 32)},
            None,
        ),
    },
    f"KietzmannLab, CCN 2023, public code, {ccn23.PAPER}",
    (
        "Scores are log probabilities of classes, as in the public code; their cross-entropy is its negative "
        "log-likelihood.",
        "As in the public code, V1 hears nothing from itself or from V2, although it has weights for both: its rates "
        "are constant while an image is held. v1_recurrent=True lets it hear.",
        "The public code trains without a bias of the readout; for such weights, give classifier_bias=False.",
        "The public code fails for batches of one image; this one does not.",
        "The public code's option norm=None, without layer norms, is left out.",
        "Its loss is the sum over all steps; the loss 'every_step' takes all steps into account.",
        "Its authors' weights are at OSF PW238.",
    ),
    {"image_size": 8, "channels": (3, 4, 4, 5), "retina_channels": 2, "num_classes": 3},
    "MIT (public code)",
)

_STATIC: dict[str, Any] = {"lateral": False, "steps": 1}
RCNNSAT = Family(
    "rcnnsat",
    rcnnsat.RCNNSatSpec(),
    {
        "b": (_STATIC, 11_037_768),
        "b_k": (_STATIC | {"kernels": (11, 7, 5, 5, 5, 5, 3)}, 39_796_040),
        "b_f": (_STATIC | {"channels": (192, 256, 384, 512, 1024, 2048, 4096)}, 40_006_824),
        "b_d": (_STATIC | {"depth": 2}, 28_819_848),
        "bl": ({}, 28_870_920),
        "bl_small": (
            {"image_size": (32, 32), "num_classes": 10, "channels": (16, 24, 32, 48), "kernels": (5, 3, 3, 1)},
            None,
        ),
    },
    f"Spoerer et al., PLOS Computational Biology 2020, {rcnnsat.PAPER}",
    (
        "Images for the public weights have pixels from -1 to 1.",
        "Every area has a batch norm for each step; steps beyond the last, at which the public code ends, use those of "
        "the last.",
        "Scores are those before the softmax; cumulative=True adds them up over the steps.",
        "Public weights are those of TensorFlow (OSF mz9hw): load_published reads their arrays, but no HDF5.",
        "Kernels are drawn by He's rule, in the public code by Glorot's.",
    ),
    {"image_size": 8, "channels": (3, 4, 5), "kernels": (5, 3, 1), "num_classes": 3},
    "MIT (public code)",
)

SYNC = Family(
    "blt_sync",
    sync.SyncSpec(),
    {
        "b": (B, 4_471_464),
        "bl": (BL, 10_002_600),
        "bt": (BT, 8_416_936),
        "blt": (BLT, 13_948_072),
        "blt_small": (
            {
                "image_size": (32, 32),
                "num_classes": 10,
                "channels": (8, 8, 16, 16, 32, 32),
                "groups": 4,
                "stem_kernel": 3,
                "stem_stride": 1,
            },
            None,
        ),
    },
    f"BLT_recurrent_models, archived training code, {sync.PAPER}",
    (
        "Scores say nothing before the image has reached the highest area: they are the biases of the readout.",
        "An area that the image has not reached has a drive of zero, and no other area hears from it.",
        "Connections that skip an area (b2, b3, t2, t3) and the feedforward control b_pm are left out.",
        "Names of weights are not those of the public code, whose weights cannot be loaded.",
    ),
    {
        "image_size": 8,
        "channels": (4, 4, 6),
        "strides": (1, 1, 2),
        "groups": 2,
        "stem_kernel": 3,
        "stem_stride": 1,
        "num_classes": 3,
    },
)

SPOERER2017 = Family(
    "blt_spoerer2017",
    spoerer2017.Spoerer2017Spec(),
    {
        "b": (B, 9_898),
        "b_f": (B | {"channels": (64, 64)}, 38_218),
        "b_k": (B | {"kernel": 5}, 26_794),
        "bl": (BL, 28_394),
        "bt": (BT, 19_146),
        "blt": (BLT, 37_642),
    },
    f"Spoerer, McClure & Kriegeskorte, Frontiers in Psychology 2017, {spoerer2017.PAPER}",
    (
        "Every convolution has a bias; those of lateral and top-down connections act from the first step on.",
        "The constants of the response normalisation are options; their values here are this package's choice.",
        "Scores are those before a softmax, for images with one label.",
    ),
    {"image_size": 8, "channels": (3, 4), "num_classes": 3},
)

ROWS = SimpleNamespace(**{row.name: row for one in (CCN23, RCNNSAT, SYNC, SPOERER2017) for row in one.rows()})
"""Name -> row."""
