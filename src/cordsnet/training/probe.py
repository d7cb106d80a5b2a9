"""A linear probe: how well classes can be read from the rates of an area."""

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split, VisionData
from cordsnet.errors import RunError
from cordsnet.models import VisionModel
from cordsnet.models.interface import IMAGE
from cordsnet.training.evaluate import BATCH
from cordsnet.training.loss import Bound
from cordsnet.training.readings import chosen_area, rates_at_ends
from cordsnet.training.sources import LabelledImages

PROBED = 2000
"""Images of training, and of testing, at most."""

ITERATIONS = 1000
"""Of the solver of the logistic regression, at most."""


@check_arguments
def linear_probe(model: VisionModel, data: VisionData, images: int = PROBED, area: str | None = None) -> float:
    """Accuracy of a linear classifier of an area's rates on test images.

    Rates are averaged over space and taken `model.response_ms` after image onset. A logistic regression (L2 penalty of
    weight 1) is fitted to those of training images, each standardised; the model is not changed.

    Parameters
    ----------
    model : any model that reads images.
    data : labelled images.
    images : number of training images, and of test images, drawn from all classes; all where there are fewer.
    area : its name; None is the top area.

    Raises
    ------
    RunError : training images are streamed, so that none can be drawn from all classes.
    """
    if not isinstance(data.train, Split):
        raise RunError(f"{data.name!r} streams its images, and a linear probe wants {images} at once; download it")
    was_training = model.training
    model.eval()
    area = chosen_area(model, area)
    (fitted, labels), (tested, wanted) = (
        _features(model, split.take(images), area) for split in (data.train, data.test)
    )
    model.train(was_training)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    classifier.fit(fitted.numpy(), labels.numpy())
    return float(classifier.score(tested.numpy(), wanted.numpy()))


@torch.no_grad()
def _features(model: VisionModel, split: Split, area: str) -> tuple[Tensor, Tensor]:
    """Pooled rates [N, C] in double precision, and labels [N]."""
    bound, found, labels = Bound.of(model), [], []
    for shown, classes in split.to(model).batches(BATCH):
        rates = rates_at_ends(bound, {IMAGE: shown}, model.response_ms, area, "channels")
        found.append(rates[-1].double().cpu())
        labels.append(classes.cpu())
    return torch.cat(found), torch.cat(labels)


def probe_report(model: VisionModel, source: object, area: str | None) -> dict[str, float]:
    """`probe_accuracy` on labelled images that are held; nothing for other data."""
    if isinstance(source, LabelledImages) and isinstance(source.data.train, Split):
        return {"probe_accuracy": linear_probe(model, source.data, area=area)}
    return {}
