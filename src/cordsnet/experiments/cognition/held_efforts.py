"""Trainings that go from short to long delays, and how the networks are asked afterwards for what they hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cordsnet.experiments.cognition.grown_attractors import QUESTIONS, Question
from cordsnet.tasks import Task, create_task
from cordsnet.tasks.recipe import Effort, Lesson

FRAME_MS = 40.0
"""Duration of a frame and step of the networks, 0.4 time constants."""

CYCLE_DT_MS, CYCLE_TURNS = 10.0, 4.0
"""Step with which a cycle is followed, whose orbit is taken as straight between steps, and turns that it is given."""


def _uniform(low: float, high: float) -> tuple[str, float, float]:
    return "uniform", low, high


TANH: Mapping[str, Any] = {"activation": "tanh", "gain": 1.0, "noise": 0.1}
"""Units that saturate, drawn where activity neither grows nor fades, with twice the usual noise on rates."""

RELU: Mapping[str, Any] = {"activation": "relu", "gain": 1.4, "noise": 0.06}
"""Units that do not saturate, so that a line stays one: tanh units came to hold a few places along it."""

WEAK: Mapping[str, Any] = {"gain": 0.8}
"""Few kernels on small maps: at a gain of 1 one of four such networks had two stable points before it was trained."""

FINE = tuple((float(low), float(low + apart)) for apart in (2, 4, 8) for low in range(10, 35 - apart))
"""Pairs of frequencies, Hz, near enough to one another that a few memories do not do for all."""


@dataclass(frozen=True)
class Held:
    """Training of networks on a task so that they hold what it asks, and the question that they are asked.

    Attributes
    ----------
    settings : of the task, in the last stage and in tests.
    effort : updates and lessons.
    question : what is expected, and where it is looked for.
    fields : changed fields of the spec of every network.
    maps : further ones of convolutional networks.
    """

    settings: Mapping[str, Any]
    effort: Effort
    question: Question
    fields: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, Any] = field(default_factory=dict)

    def task(self, name: str) -> Task:
        """The task with long delays."""
        return create_task(name, frame_ms=FRAME_MS, **self.settings)


F1 = {"fixation": 40.0, "f1": 200.0, "f2": 200.0, "decision": 160.0}
TARGET = {"fixation": 40.0, "stimulus": 160.0}
CUE = {"fixation": 40.0, "cue": 160.0}
"""Durations that stay the same in all stages, ms."""


def _lesson(name: str, updates: int, lr: float, timing: Mapping[str, Any]) -> Lesson:
    """A lesson with other delays."""
    return Lesson(name, {"timing": dict(timing)}, updates, lr=lr)


def _asked(name: str, **changed: Any) -> Question:
    """The question of the short trials, in the equation of the network in place of its steps of training."""
    known = QUESTIONS[name]
    how = {"stepper": "rk4", **changed}
    return Question(known.kind, known.period, known.condition, known.split, **how)


HELD: Mapping[str, Held] = {
    "flip_flop": Held(
        {"timing": {"hold": 2000.0}},
        Effort(500, 64, 1e-2),
        Question("points", "hold", "first", stepper="rk4", settings={"rate_hz": 1e-9, "timing": {"hold": 600.0}}),
        TANH,
        WEAK,
    ),
    "parametric_memory": Held(
        {"pairs": FINE, "noise": 0.02, "timing": F1 | {"delay": _uniform(200.0, 2800.0)}},
        Effort(500, 64, 5e-3, lessons=(_lesson("short", 250, 1e-2, F1 | {"delay": _uniform(120.0, 600.0)}),)),
        _asked("parametric_memory"),
        RELU,
        {"gain": 1.1, "noise": 0.1},
    ),
    "delayed_saccade": Held(
        {"timing": TARGET | {"delay": _uniform(400.0, 2800.0), "go": _uniform(400.0, 1200.0)}},
        Effort(400, 64, 2e-3, lessons=(
            _lesson("short", 200, 1e-2, TARGET | {"delay": _uniform(120.0, 400.0), "go": _uniform(400.0, 800.0)}),
            _lesson("middle", 200, 5e-3, TARGET | {"delay": _uniform(200.0, 800.0), "go": _uniform(400.0, 1600.0)}),
            _lesson("long", 300, 3e-3, TARGET | {"delay": _uniform(200.0, 1600.0), "go": _uniform(400.0, 1600.0)}),
        )),
        _asked("delayed_saccade"),
        TANH,
        WEAK,
    ),
    "sequence": Held(
        {
            "speed_deg_s": 360.0,
            "timing": CUE | {"delay": _uniform(120.0, 400.0), "go": _uniform(1200.0, 2000.0)},
        },
        Effort(500, 64, 5e-3, lessons=(
            _lesson("short", 300, 1e-2, CUE | {"delay": _uniform(120.0, 200.0), "go": 800.0}),
        )),
        _asked("sequence", dt_ms=CYCLE_DT_MS, turns=CYCLE_TURNS),
        TANH,
        WEAK,
    ),
}  # fmt: skip
"""Task -> training and question of all networks of a few units."""

LARGE_MODEL = "vector_rnn_lowrank"
"""Row of the table of models of the large networks, whose step costs little."""

UNITS: Mapping[str, Any] = {"units": 10_240, "rank": 6}

LARGE: Mapping[str, Held] = {
    "flip_flop": Held(
        {"bits": 1, "timing": {"hold": 1200.0}},
        Effort(300, 16, 6e-4),
        HELD["flip_flop"].question,
        {**TANH, **UNITS},
    ),
}
"""Task -> training of a network of at least 10,000 units. It reads out many units by small weights, and so has to learn
in small steps; three bits were not learnt in 200 updates."""
