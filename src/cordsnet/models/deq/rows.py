"""The rows of deep equilibrium models in the table of models."""

from cordsnet.models.cordsnet import rows
from cordsnet.models.deq.conv import PAPER
from cordsnet.models.deq.spec import DeqConvSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Bai et al., NeurIPS 2019, {PAPER}; Soo et al., NeurIPS 2024, {rows.PAPER}"
CLOCK = "steps of 100 ms by convention, one frame each, solved to equilibrium"
TINY = {**rows.TINY, "image_size": 8, "width": 2, "tol": 1e-12, "max_iterations": 60}
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
