"""Scores of pixels and Gabor filters, which stand beside those of models."""

from typing import Any

from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.recording import Recording
from cordsnet.neural.scoring.features import gabor_features, over_time, pixel_features
from cordsnet.neural.scoring.score import score
from cordsnet.neural.scoring.scores import Scores
from cordsnet.neural.scoring.splits import Splits


@check_arguments
def image_baselines(
    images: NDArray[Any],
    recording: Recording | NDArray[Any],
    mapping: Any = None,
    *,
    splits: Splits | None = None,
    image_deg: float | None = None,
    side_px: int | None = None,
) -> dict[str, Scores]:
    """Score pixels ("pixels") and Gabor energy ("gabor") of the images, with a mapping for each bin.

    Parameters
    ----------
    images : images [I, C, H, W] or [I, H, W] in the order of the recording.
    recording, mapping, splits : as for `score`; give the splits of the model that stands beside.
    image_deg : height of an image in degrees, for wavelengths of 0.5, 1 and 2 degrees; None takes 4, 8 and 16 px.
    side_px : side to which pixels are reduced, px; None keeps their size.

    Raises
    ------
    ValueError : images that are not those of the recording, or that Gabor filters do not fit.
    """
    count, bins = (
        (len(recording.images), len(recording.bins_ms)) if isinstance(recording, Recording) else recording.shape[:2]
    )
    if len(images) != count:
        raise DataError(f"images must be the {count} of recording, in its order, got {len(images)}")
    features = {
        "pixels": pixel_features(images, side_px=side_px),
        "gabor": gabor_features(images, image_deg=image_deg),
    }
    return {
        name: score(over_time(values, bins), recording, mapping, splits=splits, bins="each")
        for name, values in features.items()
    }
