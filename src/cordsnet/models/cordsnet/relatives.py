"""Rows of networks that differ from a CordsNet in one respect: how time runs, or where recurrence is."""

import dataclasses

from cordsnet.models.cordsnet import rows
from cordsnet.models.cordsnet.discrete import DiscreteSpec
from cordsnet.models.cordsnet.spec import NetworkSpec
from cordsnet.models.table import ModelRow

STEPPED = (
    "There is no public code under this name: it is the CordsNet whose step is its time constant, with the same "
    "weights and the same fixed points. It starts from zero rates, and not from spontaneous activity.",
    'norm="bn_per_step" has a batch norm per area and step in the place of biases, and takes that of the last step in '
    "later ones. Show an image from the first step on, as in training.",
    "Steady states and analyses are there with norm=None alone. Jacobians are those of the map from step to step "
    '(of="target"): a fixed point is stable where all eigenvalues have absolute values below 1.',
)
TOP = (
    "Only the highest area has a recurrent kernel; all areas are leaky, with the same time constant.",
    "It is trained directly: an area without recurrence has no counterpart in the feedforward twin, so that the staged "
    "recipes, which begin with one, refuse it.",
)


def _discrete(row: ModelRow) -> ModelRow:
    """The network whose step is its time constant."""
    name = row.name.replace("cordsnet", "dtcnn")
    assert isinstance(row.spec, NetworkSpec)
    fields = {field.name: getattr(row.spec, field.name) for field in dataclasses.fields(NetworkSpec)}
    fields |= {"name": name, "dt_ms": row.spec.tau_ms}
    return ModelRow(name, "dtcnn", DiscreteSpec(**fields), row.source, CLOCK, tiny=rows.TINY, remarks=STEPPED)


def _top(row: ModelRow) -> ModelRow:
    """The network whose highest area alone is recurrent."""
    name = row.name.replace("cordsnet", "cordsnet_top")
    spec = row.spec.changed(name=name, recurrent="top")
    return ModelRow(name, "cordsnet", spec, row.source, row.clock, tiny=rows.TINY, remarks=TOP)


CLOCK = "steps of 10 ms by convention"
NATIVE = rows.R2, rows.R4, rows.R6, rows.R8
SMALL = rows.R2_SMALL, rows.R4_SMALL, rows.R6_SMALL, rows.R8_SMALL

DTCNN_R2, DTCNN_R4, DTCNN_R6, DTCNN_R8 = map(_discrete, NATIVE)
DTCNN_R2_SMALL, DTCNN_R4_SMALL, DTCNN_R6_SMALL, DTCNN_R8_SMALL = map(_discrete, SMALL)
TOP_R2, TOP_R4, TOP_R6, TOP_R8 = map(_top, NATIVE)
TOP_R2_SMALL, TOP_R4_SMALL, TOP_R6_SMALL, TOP_R8_SMALL = map(_top, SMALL)
