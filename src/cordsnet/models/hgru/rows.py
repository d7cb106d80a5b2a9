"""The rows of the hGRUs in the table of models."""

from cordsnet.models.hgru.spec import CRBP_PAPER, PAPER, CRBPSpec, HGRUSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Linsley et al., NeurIPS 2018, {PAPER}"
CRBP_SOURCE = f"Linsley et al., NeurIPS 2020, {CRBP_PAPER}"
CLOCK = "steps of 10 ms by convention"

REMARKS = (
    "The text of the paper puts the second gate on the candidate, the public code on the state of the step before; "
    "gate_on chooses, and 'state' is the default.",
    "It starts from zero; the public code draws its initial state at random.",
    "There is a scale for every one of `steps` steps; later steps take the last one.",
    "The kernel between units acts as the mean of itself and its transpose over channels, so that training keeps it "
    "symmetric; it is counted in full.",
    "The stem begins with Gabor filters of this package's own; the public code reads others from a file.",
    "Greek letters begin with the values that the network of 2020 has.",
)
READOUT = "The readout, batch norm, global average and a linear layer, is this package's own; the paper reads two maps."
CRBP_REMARKS = (
    "The public code always normalises by the statistics of the batch, as training mode does here. Evaluation mode "
    "uses statistics that are measured after training, so that trials are independent; they are pooled over all steps.",
    "Two of the four batch norms of the cell, 100 parameters of 25 channels, are never used, as in the public code.",
    "The biases of the gates begin between 1 and 7 and between -7 and -1: the public code computes their logarithm and "
    "does not keep it.",
    "The stem begins with Gabor filters of this package's own; the public code reads others from a file.",
    "The gradient is that of back-propagation through time; the paper's recurrent back-propagation and its penalty are "
    "not part of the model.",
)
AVERAGED = "The readout is the mean over all pixels of what the paper reads of every pixel."

TINY = {"image_size": 8, "channels": 3, "kernel": 3, "stem_kernel": 3, "num_classes": 3}
SIZES = {"image_size": (32, 32), "num_classes": 10, "channels": 16, "kernel": 7, "stem_kernel": 5}
ROW = ModelRow("hgru", "hgru", HGRUSpec(stem_stride=2), SOURCE, CLOCK, tiny=TINY, remarks=(*REMARKS, READOUT))
ROW_2018 = ModelRow(
    "hgru_2018",
    "hgru",
    HGRUSpec("hgru_2018", in_channels=1, image_size=(150, 150), num_classes=2, head="max"),
    SOURCE,
    CLOCK,
    tiny=TINY | {"gate_on": "candidate"},
    remarks=REMARKS,
)
SMALL = ModelRow(
    "hgru_small",
    "hgru",
    HGRUSpec("hgru_small", **SIZES),  # type: ignore[arg-type]
    SOURCE,
    CLOCK,
    tiny=TINY,
    remarks=(*REMARKS, READOUT),
)
CRBP = ModelRow(
    "crbp_hgru",
    "crbp_hgru",
    CRBPSpec(in_channels=1, image_size=(150, 150), num_classes=2, head="pixel"),
    CRBP_SOURCE,
    CLOCK,
    tiny=TINY,
    published=284_227,
    remarks=CRBP_REMARKS,
)
CRBP_SMALL = ModelRow(
    "crbp_hgru_small",
    "crbp_hgru",
    CRBPSpec("crbp_hgru_small", **SIZES),  # type: ignore[arg-type]
    CRBP_SOURCE,
    CLOCK,
    tiny=TINY,
    remarks=(*CRBP_REMARKS, AVERAGED),
)
