"""The table of experiments. A row is imported when it is asked for, so that names are checked at once."""

from typing import Any

from cordsnet.registry import Registry

EXPERIMENTS: Registry[Any] = Registry("experiment")
"""Name -> `Experiment`."""

for _name in ("demo", "inverse_init", "noise", "precision", "second_image", "steppers", "table1", "time_course"):
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.{_name}:{_name}")
EXPERIMENTS.add_lazy("portrait", "cordsnet.experiments.portrait.run:portrait")

EFFECTS: tuple[str, ...] = (
    "adaptation",
    "attribution",
    "latency",
    "mixtures",
    "speed",
    "serial_presentation",
    "summation",
    "readout_zones",
)  # fmt: skip
"""Effects that a model of the ventral stream is asked for."""
for _name in EFFECTS:
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.effects.{_name}:{_name}")

QUESTIONS: tuple[str, ...] = (
    "adversarial",
    "degraded",
    "coarse_steps",
    "coarse_training",
    "dense_networks",
    "gradient_rules",
    "spontaneous_or_decay",
    "temporal_tasks",
    "hard_images",
)  # fmt: skip
"""Questions of reviewers and readers of the paper."""
for _name in QUESTIONS:
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.questions.{_name}:{_name}")

COGNITION: tuple[str, ...] = ("dynamical_regimes", "expressivity", "held_attractors", "pixel_tasks")
"""Experiments in which networks learn cognitive tasks."""
for _name in COGNITION:
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.cognition.{_name}:{_name}")

ABLATIONS = (
    "spontaneous_weight",
    "log_weights",
    "weight_decay",
    "fewer_steps",
    "loss_terms",
    "top_area",
    "contraction",
)
for _name in ABLATIONS:
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.ablations.table:ROWS.{_name}")

STORED = (
    "challenge",
    "masking_people",
)
"""Experiments that measure stored answers of people, and take no models."""

MEETING: tuple[str, ...] = (
    "challenge_models",
    "masking_models",
    "reaction_time",
)  # fmt: skip
"""Experiments in which models meet stored answers of people, whose folder is an option."""

for _name in (*STORED, *MEETING):
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.people.{_name}:{_name}")

RECORDINGS: tuple[str, ...] = ("neural_decoding", "neural_scores", "neural_straightening", "neural_between")
"""Experiments on recordings of neurons, whose files are an option; the first takes no models."""

for _name in RECORDINGS:
    EXPERIMENTS.add_lazy(_name, f"cordsnet.experiments.recordings.{_name}:{_name}")

TRAINED = (
    "coarse_training",
    "demo",
    "dense_networks",
    "gradient_rules",
    "inverse_init",
    "spontaneous_or_decay",
    "table1",
    "temporal_tasks",
    *COGNITION,
    *ABLATIONS,
)
"""Experiments that train their own networks; the others measure models that are given."""

GROUPS = {
    "On trained networks": tuple(
        name for name in EXPERIMENTS if name not in (*MEETING, *STORED, *RECORDINGS, *TRAINED)
    ),
    "On trained networks, beside people (--people FOLDER)": MEETING,
    "On stored answers of people (--people FOLDER)": STORED,
    "On recordings of neurons (--recording FILE)": RECORDINGS,
    "On networks that they train themselves": TRAINED,
}
"""Need of experiments, in words -> their names."""

REVIEWERS = {
    "r1": ("robustness: worse images and attacks", ("degraded", "adversarial")),
    "r2": ("time: do hard images take longer, do ambiguous ones oscillate", ("hard_images", "mixtures")),
    "r3": (
        "the dynamical system: fewer coarse steps, better solvers, other attractors",
        ("coarse_steps", "steppers", "portrait"),
    ),
}
"""Questions of reviewers of Soo et al. (2024) in three groups: name -> what they are about, and the experiments.

The groups are this package's: what the figures of the authors' reply to the reviewers show is not known to it.
"""

FIGURES = {
    "fig3": ("time_course", "second_image", "noise"),
    "fig4a": ("portrait",),
    "fig4b": ("latency", "speed"),
    "fig4c": ("mixtures",),
    **{name: experiments for name, (_, experiments) in REVIEWERS.items()},
    "reviewers": tuple(one for _, experiments in REVIEWERS.values() for one in experiments),
}
"""Figure of Soo et al. (2024), or the questions of its reviewers -> the experiments that measure it on given models."""

SINGLE_FIGURES = {
    "fig1": "dynamical_regimes",
    "fig1b": "held_attractors",
    "fig5": "pixel_tasks",
    "figs2": "expressivity",
    "figs3": "expressivity",
    "tables5": "dense_networks",
    "fig6": "neural_scores",
}
"""Figure or table of Soo et al. (2024), or of its supplement -> the one experiment for it, with options of its own."""

SHOWN = ("cordsnet_r2_small@digits", "cnn_r2_small@digits")
"""Models of a figure where none are named: those that come with the package."""


def about_figure(name: str) -> str:
    """Say what a name of `FIGURES` stands for."""
    if name in REVIEWERS:
        return (
            f"Questions that reviewers of Soo et al. (2024) asked about {REVIEWERS[name][0]}. The group is this "
            "package's, and no figure of the authors' reply."
        )
    if name == "reviewers":
        together = f"{', '.join(REVIEWERS)} together, which are this package's groups"
        return f"Questions that reviewers of Soo et al. (2024) asked: {together}."
    return f"Figure {name.removeprefix('fig').upper()} of Soo et al. (2024), on models of your choice."


def needs_files(name: str) -> str:
    """Say why an experiment of `MEETING` or `RECORDINGS` is not among those that are compared."""
    what, option = "a folder of people's answers", "--people FOLDER"
    if name in RECORDINGS:
        images = "--frames" if name == "neural_straightening" else "--pictures"
        what, option = "a recording", f"--recording FILE {images} FOLDER"
    return f"experiment {name!r} needs {what}; leave it out, and run 'cordsnet experiment {name} MODEL... {option}'"
