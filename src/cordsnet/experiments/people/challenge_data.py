"""People and photographs of the challenge set (Maniquet, Op de Beeck & Costantino 2025), and the control on models."""

from cordsnet.data.people.images2025 import ChallengeImages, read_challenge_images
from cordsnet.data.people.maniquet2025 import Challenge, read_challenge
from cordsnet.experiments.claims import Claim, above

CONTROL = "control_is_read"
CONTROL_CLAIM = Claim(
    CONTROL,
    "Categories of control images can be read from the top area.",
    "control",
    "accuracy on control images that the read-out was not fitted to, less chance",
    above(0.0),
    of="photographs",
)


def read_people(folder: str, photographs: int) -> tuple[Challenge, ChallengeImages]:
    """Read the answers of people and networks, and so many photographs of each category; 0 is all.

    Raises ValueError where no folder is named, and DataError for files that cannot be read.
    """
    if not folder:
        raise ValueError(
            "people must name the folder of human_and_models.json and images.zip, the answers and images of Maniquet, "
            "Op de Beeck & Costantino (Scientific Reports 2025); got ''"
        )
    return read_challenge(folder), read_challenge_images(folder).first(photographs)
