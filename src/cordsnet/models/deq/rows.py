"""The rows of deep equilibrium models in the table of models."""

from cordsnet.models.cordsnet import rows
from cordsnet.models.deq.conv import PAPER
from cordsnet.models.deq.mdeq import PAPER as MDEQ_PAPER
from cordsnet.models.deq.mdeq_spec import MdeqSpec
from cordsnet.models.deq.spec import DeqConvSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Bai et al., NeurIPS 2019, {PAPER}; Soo et al., NeurIPS 2024, {rows.PAPER}"
CLOCK = "steps of 100 ms by convention, one frame each, solved to equilibrium"
WIRING = {part: getattr(rows.R2_SMALL.spec, part) for part in ("stem", "areas", "connections", "readout")}
TINY = {**rows.TINY, **WIRING, "image_size": 8, "width": 2, "tol": 1e-12, "max_iterations": 60}
"""Two areas for all of them, since every step of a check solves for an equilibrium."""

REMARKS = (
    "It is a deep equilibrium model of our own, with the wiring of a CordsNet, and has no published counterpart.",
    "All areas are solved as one vector; steady_state(cordsnet) finds the same point area by area, at a lower cost.",
    "Iterations of the solver are no time: tau_ms, dt_ms and delays play no part in an equilibrium.",
    "The solver may not converge, above all while a network is trained without a constraint: 'AREA.residual' and a "
    "ConvergenceWarning say so.",
)


def _row(cordsnet: ModelRow) -> ModelRow:
    name = cordsnet.name.replace("cordsnet", "deq_conv")
    spec = DeqConvSpec.of(cordsnet.spec, name)  # type: ignore[arg-type]
    return ModelRow(name, "deq_conv", spec, SOURCE, CLOCK, tiny=TINY, remarks=REMARKS)


R2, R4, R6, R8 = map(_row, (rows.R2, rows.R4, rows.R6, rows.R8))
R2_SMALL, R4_SMALL, R6_SMALL, R8_SMALL = map(_row, (rows.R2_SMALL, rows.R4_SMALL, rows.R6_SMALL, rows.R8_SMALL))

MDEQ_SOURCE = f"Bai et al., NeurIPS 2020, {MDEQ_PAPER}"
MDEQ_TINY = {
    "image_size": 8,
    "in_channels": 1,
    "num_classes": 3,
    "channels": (8, 8),
    "head_channels": (2, 3),
    "features": 6,
    "widening": 1,
    "groups": 2,
    "fused_groups": 2,
    "tol": 1e-12,
    "max_iterations": 80,
    "gradient": "implicit",
}
MDEQ_REMARKS = (
    "The published counts of 11,095,038 (large) and 158,650 (small) leave out the gains of the weight norm, one per "
    "output of the cell's convolutions; here they are counted, and weight_norm=False leaves them out.",
    "18 iterations of Broyden's method may end before the equilibrium is reached; 'SCALE.residual' says how "
    "far from it the solver's result is, and no warning is given.",
    "Gains of some group norms begin at 0.1, so that the untrained cell has an equilibrium that solvers find.",
    "The damped steps of the phantom gradient are taken without gradients too, so that the network answers the same.",
    "Dropout within the cell, which the public code has in training, is left out.",
    "The group norms between the scales have 8 groups, as those of the blocks.",
)
MDEQ_LARGE_SPEC = MdeqSpec()
MDEQ_SMALL_SPEC = MdeqSpec("mdeq_small", channels=(24, 24), head_channels=(8, 16), features=200, has_injection=False)
MDEQ_LARGE, MDEQ_SMALL = (
    ModelRow(spec.name, "mdeq", spec, MDEQ_SOURCE, CLOCK, "none stated", MDEQ_TINY, published, MDEQ_REMARKS)
    for spec, published in ((MDEQ_LARGE_SPEC, 11_099_998), (MDEQ_SMALL_SPEC, 159_034))
)
