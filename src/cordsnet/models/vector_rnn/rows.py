"""Rows of the networks that read vectors."""

from typing import get_args

from cordsnet.models.table import ModelRow
from cordsnet.models.vector_rnn.spec import Recurrence, VectorSpec

SOURCE = "Yang et al., Nature Neuroscience 2019, https://doi.org/10.1038/s41593-018-0310-2"
SOURCES: dict[str, str] = {
    "dense": SOURCE,
    "lowrank": "Mastrogiuseppe & Ostojic, Neuron 2018, https://doi.org/10.1016/j.neuron.2018.07.003",
    "sparse": "Song et al., PLoS Computational Biology 2016, https://doi.org/10.1371/journal.pcbi.1004792",
    "conv": SOURCE,
}
CLOCK = "continuous, tau 100 ms"
TINY = {
    "vector_size": 3,
    "outputs": (("choice", "option", 3), ("report", "coordinate", 2)),
    "units": 12,
    "rank": 3,
    "density": 0.3,
    "channels": 2,
    "side": 3,
    "gain": 0.5,
}
REMARKS = (
    "It reads vectors and no images, so what needs images refuses it.",
    "The equation is that of rates, -r + phi(W r), and not that of currents, -v + W phi(v), of other libraries.",
    "Noise is scaled so that linear units fluctuate alike at every dt; at dt 20 ms it is 5 % weaker than in the paper.",
)
MORE: dict[str, tuple[str, ...]] = {
    "dense": (),
    "lowrank": ("W is drawn at random with the gain of a dense one; the paper's solutions start from a weaker W.",),
    "sparse": (
        "Places of the entries that are not zero are drawn from the seed; the product is computed as a dense one.",
    ),
    "conv": ("The vector enters a map by a dense matrix, and outputs read every unit of it; neither is in the paper.",),
}


def _row(recurrence: Recurrence) -> ModelRow:
    name = f"vector_rnn_{recurrence}"
    spec = VectorSpec(name, recurrence=recurrence)
    return ModelRow(
        name, "vector_rnn", spec, SOURCES[recurrence], CLOCK, tiny=TINY, remarks=(*REMARKS, *MORE[recurrence])
    )


def _small(row: ModelRow) -> ModelRow:
    name = f"{row.name}_small"
    spec = row.spec.changed(name=name, units=64, rank=4, channels=4)
    return ModelRow(name, "vector_rnn", spec, row.source, CLOCK, tiny=TINY, remarks=row.remarks)


DENSE, LOWRANK, SPARSE, CONV = (_row(recurrence) for recurrence in get_args(Recurrence))
DENSE_SMALL, LOWRANK_SMALL, SPARSE_SMALL, CONV_SMALL = map(_small, (DENSE, LOWRANK, SPARSE, CONV))
