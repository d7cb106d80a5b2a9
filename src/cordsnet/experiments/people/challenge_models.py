"""Networks join people and published networks on the challenge set (Maniquet, Op de Beeck & Costantino 2025)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cordsnet._checks import check_count, check_positive
from cordsnet.data.people.maniquet2025 import CATEGORIES
from cordsnet.experiments.claims import Claim, above, at_least, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.people.challenge import check_known
from cordsnet.experiments.people.challenge_data import CONTROL, CONTROL_CLAIM, read_people
from cordsnet.experiments.people.challenge_fits import Joined, measure, published, rows_of
from cordsnet.experiments.people.challenge_trials import GRAIN_MS, ChallengeTimes, ChallengeViewer
from cordsnet.experiments.people.masking_trials import recurrent_pathways
from cordsnet.experiments.people.pictures import reads_pictures
from cordsnet.experiments.reading import after_control
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel

Rows = list[dict[str, Any]]

SMALL_PX = 100
"""Networks that read smaller images cannot see what distinguishes the conditions."""


@dataclass(frozen=True)
class ChallengeModelsOptions:
    """Images, times and read-out.

    Attributes
    ----------
    people : needed: folder of human_and_models.json and images.zip, the answers and images of Maniquet et al. (2025),
        published with https://doi.org/10.1038/s41598-025-20245-w and at
        https://github.com/TimManiquet/recurrent_issues_DNNs, in the form of docs/how_to/compare_models.md.
    photographs : number of photographs of each category, shown in all 17 conditions; 0 is all.
    image_ms : how long an image is shown where grey or a mask follows.
    read_ms : until when the response is averaged, from onset; held images, and masks, stay until then.
    before_ms : grey before the image.
    folds : of the cross-validation by photograph.
    draws : number of samples of people, photographs and networks.
    """

    people: str = ""
    photographs: int = 0
    image_ms: float = 100.0
    read_ms: float = 500.0
    before_ms: float = 100.0
    folds: int = 5
    draws: int = 1000

    def __post_init__(self) -> None:
        check_count(self.photographs, "photographs", 0)
        check_count(self.draws, "draws", 1)
        check_positive(self.before_ms, "before_ms")
        if not 0 < self.image_ms < self.read_ms or self.image_ms % GRAIN_MS or self.read_ms % GRAIN_MS:
            raise ValueError(
                f"image_ms and read_ms must be multiples of {GRAIN_MS:g} ms, the second the longer one, got "
                f"{self.image_ms:g} and {self.read_ms:g}"
            )


SOURCE = "Maniquet, Op de Beeck & Costantino 2025"
CLAIMS = (
    CONTROL_CLAIM,
    Claim(
        "fits_people",
        "Conditions that are hard for people are hard for the model.",
        SOURCE,
        "Pearson correlation over 17 conditions of the accuracy of the model, images held, and of all people",
        above(0.0),
        of="photographs",
    ),
    Claim(
        "reaches_the_ceiling",
        "The model fits people as well as people fit one another.",
        SOURCE,
        "fit of the model less the mean correlation between halves of the people",
        at_least(0.0),
        of="photographs",
    ),
    Claim(
        "fits_as_published_networks",
        "The model fits people as well as the median published network.",
        SOURCE,
        "fit of the model less the median fit of the published networks",
        at_least(0.0),
        of="photographs",
    ),
    Claim(
        "recurrence_predicts_fit_with_the_model",
        "Recurrence predicts the fit to people beyond size, with this model among the published networks.",
        SOURCE,
        "partial correlation of fit with recurrence given log10 parameters, over published networks and this one",
        above(0.0),
        of="networks",
    ),
    Claim(
        "mask_costs",
        "A mask costs the model accuracy.",
        SOURCE,
        "accuracy on brief images followed by grey less that on those followed by a mask, mean over conditions",
        above(0.0),
        of="photographs",
    ),
    Claim(
        "mask_costs_as_people",
        "A mask costs the model most where it costs people most.",
        SOURCE,
        "Pearson correlation over 17 conditions of what a mask costs the model and what it costs people",
        above(0.0),
        of="photographs",
    ),
)

NOTE = (
    "the read-out is a logistic regression on the response of the top area to control images that stay, and reads each "
    "photograph by weights that were not fitted to it, in no condition; the numbers that are stored with the images do "
    "not say how published networks were read, nor how long people saw an image, so that both are ours; masks have the "
    "mean spectrum of control images"
)


@experiment(
    "challenge_models",
    options=ChallengeModelsOptions,
    presets={
        "smoke": Preset(ChallengeModelsOptions(photographs=2, folds=2, draws=200), 0.3, 0.5),
        "desk": Preset(ChallengeModelsOptions(), 3.0, 1.0),
        "paper": Preset(ChallengeModelsOptions(draws=10_000), 600.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_pictures,),
)
def challenge_models(setting: Setting, options: ChallengeModelsOptions) -> Result:
    """Accuracy of models in the conditions of the challenge set, and their fit to people beside published networks."""
    data, images = read_people(options.people, options.photographs)
    check_known(data)
    times = ChallengeTimes(options.image_ms, options.read_ms, options.before_ms)
    tables: dict[str, Rows] = {name: [] for name in ("challenge_models", "fits", "notes")}
    tables["published"] = published(data)
    claims: list[Claim] = []
    for k, (label, model) in enumerate(setting.models.items()):
        setting.tell(label, k, len(setting.models))
        viewer = ChallengeViewer(model.eval(), images, times, options.folds, setting.seed)
        answers = viewer.see()
        size = float(np.log10(sum(parameter.numel() for parameter in model.parameters())))
        joined = Joined(data, answers, size, bool(recurrent_pathways(model)), setting.seed, options.draws)
        decided, unread = after_control(decide(CLAIMS, measure(joined), label), CONTROL, 1 / len(CATEGORIES))
        notes = [{"note": note} for note in (NOTE, *unread, *_about(model, size), *dict.fromkeys(viewer.notes))]
        for name, rows in (rows_of(joined) | {"notes": notes}).items():
            tables[name] += [{"model": label} | row for row in rows]
        claims += decided
    return Result(tables, claims=tuple(claims))


def _about(model: VisionModel, size: float) -> list[str]:
    """Notes on what a small network, or one that no photographs trained, can and cannot show."""
    side = min(model.input_shape[1:])
    known = model.metadata.get("data")
    trained = known.get("name", "") if isinstance(known, dict) else ""
    notes = []
    if side < SMALL_PX:
        notes.append(
            f"it reads {side} px and was trained on {trained or 'nothing'}, so that little about photographs can be "
            f"shown with it; the test would be a network that reads at least 128 px and was trained on ImageNet, "
            "with its weights and a read-out fitted as here"
        )
    if size < 6:
        notes.append(
            f"it has 10^{size:.1f} parameters and the published networks 10^6.2 to 10^8.1, so that a line in log10 "
            "parameters reaches far beyond them and the partial correlation rests on this one network"
        )
    return notes
