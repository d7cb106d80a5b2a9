"""Tasks that need time, their controls, and the claims that they decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cordsnet.experiments.claims import Claim, above, at_most, below, between
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.questions.movie_forecasts import next_frame
from cordsnet.experiments.questions.movie_source import Content, Order, name_of, trial_ms
from cordsnet.training import LastStep, Loss

ASKED = "reviewer: tasks with temporal structure"
MOTION = "Dunnhofer & Kar 2026, objects that show by motion alone"


@dataclass(frozen=True)
class Task:
    """Movies that a network is trained on, and the orders of their frames in which it is tested."""

    content: Content
    trained: Order
    tested: tuple[Order, ...]
    task: Literal["answer", "next frame"] = "answer"

    @property
    def data(self) -> str:
        """Name of the source of its movies."""
        return name_of(self.content, self.trained)

    def loss(self, model: Any) -> Loss:
        """The loss with which a model is trained."""
        return LastStep(ms=trial_ms(model)) if self.task == "answer" else next_frame(model)


IN_TIME = (
    Task("digits", "in order", ("in order", "shuffled")),
    Task("digits", "shuffled", ("in order", "shuffled")),
    Task("dots", "in order", ("in order", "shuffled")),
    Task("digits", "in order", (), "next frame"),
)
"""Tasks of networks that evolve in time."""
AT_ONCE = (Task("digits", "one frame", ("in order",)), Task("dots", "one frame", ("in order",)))
"""Those of networks that answer at once: they are trained on single frames, and read all frames one by one."""

Point = tuple[str, str, str, str]
"""(content, order in training, order in the test, what is read)."""
SENSE, CLASS, SHUFFLED = (
    ("digits", "in order", "in order", "sense"),
    ("digits", "in order", "in order", "class"),
    "shuffled",
)
FOUND: Mapping[str, Point] = {
    "direction": SENSE,
    "order_matters": ("digits", "in order", SHUFFLED, "sense"),
    "no_order_to_learn": ("digits", SHUFFLED, SHUFFLED, "sense"),
    "class_from_motion": ("dots", "in order", "in order", "class"),
    "one_frame_direction": ("digits", "one frame", "in order", "sense"),
    "one_frame_class": ("digits", "one frame", "in order", "class"),
    "one_frame_motion": ("dots", "one frame", "in order", "class"),
}
"""Claim about an accuracy -> the accuracy."""
LESS: Mapping[str, tuple[Point, Point]] = {
    "class_stays": (CLASS, ("digits", "in order", SHUFFLED, "class")),
    "class_without_order": (CLASS, ("digits", SHUFFLED, SHUFFLED, "class")),
}
"""Claim about a difference of accuracies -> the two."""

BESIDE = {"next_frame": "last frame again", "next_frame_motion": "without motion"}
"""Claim about a forecast -> the forecast that it is compared with."""

SENSES = "share of movies whose direction is thought more likely than its opposite, "
CLASSES_READ = "share of digits read correctly, "
CLAIMS = (
    Claim("direction", "A network that evolves in time tells the direction of a drifting digit from the opposite one.",
          ASKED, f"{SENSES}frames in order", above(0.5), of="digits"),
    Claim("order_matters", "With its frames shuffled, a movie tells that network no direction from the opposite one.",
          ASKED, f"{SENSES}frames shuffled in the test", between(0.4, 0.6), of="digits"),
    Claim("class_stays", "Shuffled frames cost that network nothing in reading the digit.", ASKED,
          "share of digits read correctly from frames in order less that from shuffled ones", at_most(0.05),
          of="digits"),
    Claim("no_order_to_learn", "A network trained on shuffled frames cannot tell directions from opposite ones.", ASKED,
          f"{SENSES}frames shuffled in training and test", between(0.4, 0.6), of="digits"),
    Claim("class_without_order", "A network trained on shuffled frames reads digits as well as one trained in order.",
          ASKED, "share of digits read correctly when trained and tested in order less that when shuffled in both",
          at_most(0.1), of="digits"),
    Claim("class_from_motion", "A network that evolves in time reads digits that show by the motion of dots alone.",
          MOTION, f"{CLASSES_READ}random dots that move to the right within it and to the left around it", above(0.1),
          of="digits"),
    Claim("next_frame", "A network that evolves in time predicts the next frame better than the frame before does.",
          ASKED, "mean squared error of the network over that of the frame before", below(1.0), of="digits"),
    Claim("next_frame_motion", "It predicts the next frame better than can be done without motion.", ASKED,
          "mean squared error of the network over that of the mean of all frames that may follow the one before",
          below(1.0), of="digits"),
    Claim("one_frame_direction", "A network that sees frames one by one cannot tell directions from opposite ones.",
          ASKED, f"{SENSES}scores averaged over frames", between(0.4, 0.6), of="digits"),
    Claim("one_frame_class", "That network reads the drifting digit.", ASKED,
          f"{CLASSES_READ}scores averaged over frames", above(0.1), of="digits"),
    Claim("one_frame_motion", "A network that sees frames one by one cannot read digits that show by motion alone.",
          MOTION, f"{CLASSES_READ}scores averaged over frames of moving dots", at_most(0.15), of="digits"),
)  # fmt: skip


def tasks_of(model: Any) -> tuple[Task, ...]:
    """Tasks that a model is trained on."""
    return IN_TIME if is_dynamical(model) else AT_ONCE


def claims_of(model: Any) -> tuple[Claim, ...]:
    """Claims about models that evolve in time, or about those that answer at once."""
    return tuple(claim for claim in CLAIMS if is_dynamical(model) != claim.name.startswith("one_frame"))
