"""Networks whose behaviour is known."""

import torch

import cordsnet
from cordsnet.data import Split
from cordsnet.models import CNN, build, fold


def leaky_readers(bias: float = 0.0) -> tuple[cordsnet.CordsNet, CNN]:
    """A network without recurrence whose classes are two input channels, and the CNN that reads the same way."""
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=2, num_classes=2, image_size=8, width=2)
    cnn = build(model.spec, kind=CNN)
    delta = torch.zeros(2, 2, 3, 3)
    delta[0, 0, 1, 1] = delta[1, 1, 1, 1] = 1.0
    with torch.no_grad():
        for wiring in (model.wiring, cnn.wiring):
            for kernel in (wiring.stem, *wiring.feedforward.values(), *wiring.recurrent.values()):
                kernel.weight = delta
            for link in wiring.links.values():
                link.parametrizations.weight.original0.zero_()
            wiring.readout.weight = torch.eye(2)
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.zero_()
        for value in model.bias.values():
            value.fill_(bias)
    return model.eval(), fold(cnn.eval())


def lit_channels() -> Split:
    """Images whose class is the channel that is lit."""
    labels = torch.arange(20) % 2
    images = torch.zeros(20, 2, 8, 8)
    images[torch.arange(20), labels] = 1.0
    return Split(images, labels)
