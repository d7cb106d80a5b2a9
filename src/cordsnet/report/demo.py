"""The report of the demonstration."""

from pathlib import Path

from cordsnet.dynamics import SPONTANEOUS_MS
from cordsnet.experiments.demo import ACCURACY_KEYS, TRAINED_MS, DemoResult
from cordsnet.report import figures
from cordsnet.report.page import Section, Table, write_page

EXPLAINED = {
    "cnn": "feedforward CNN with batch normalisation",
    "folded": "the same, batch norms folded into kernels and unit biases",
    "inverse": "linear recurrent network after inverse initialisation",
    "linear": "after linear training",
    "annealed": "after annealing PReLU to ReLU",
    "finetuned": "CordsNet: after fine-tuning",
    "direct": "the same network trained directly from random weights",
}


def write_demo_report(result: DemoResult, output: str | Path) -> Path:
    """Write `output/report.html`. Returns its path."""
    summary = result.summary
    minutes = summary["seconds"] / 60
    versions, machine = summary["versions"], summary["machine"]
    footer = (
        f"cordsnet {versions['cordsnet']}, torch {versions['torch']}, Python {versions['python']}, "
        f"{machine['cores']} cores ({machine['processor']}); recipe {summary['recipe']}, seed {summary['seed']}; "
        f"{minutes:.1f} minutes of training and measuring. All numbers are in summary.json beside this page."
    )
    introduction = (
        "A convolutional recurrent network that is a continuous-time dynamical system, trained on scans of handwritten "
        f"digits through the stages of Soo et al. (NeurIPS 2024), and what it does in time. {summary['test_images']} "
        f"test images, none used in training; time constant {summary['tau_ms']:g} ms, step {summary['dt_ms']:g} ms; "
        f"{summary['parameters']:,} parameters."
    )
    sections = [_accuracy(result), *_behaviour(result), *_training(result)]
    title = "CordsNet on handwritten digits"
    return write_page(Path(output) / "report.html", title, introduction, sections, footer)


def _accuracy(result: DemoResult) -> Section:
    accuracy, seconds = result.summary["accuracy"], result.summary["seconds_by_part"]
    rows = [
        (EXPLAINED[key], f"{100 * accuracy[key]:.1f} %", f"{seconds[stage]:.0f}")
        for key, stage in ACCURACY_KEYS.items()
    ]
    text = (
        f"Class scores of CordsNet are read {TRAINED_MS:g} ms after image onset. Folding changes no score by more than "
        f"{result.summary['fold_score_difference']:.0e} of the largest. Direct training makes as many updates of the "
        "dynamics as linear training, annealing and fine-tuning together."
    )
    return Section("Accuracy after each stage", text, tables=(Table(("network", "test accuracy", "seconds"), rows),))


def _behaviour(result: DemoResult) -> list[Section]:
    summary, course = result.summary, result.course
    lag = ", ".join(f"{area} {ms:.0f} ms" for area, ms in summary["half_rise_ms"].items())
    return [
        Section(
            "Accuracy over time",
            f"From {TRAINED_MS:g} ms to {course.offset_ms:g} ms of the image accuracy falls by at most "
            f"{100 * summary['hold_drop']:.1f} points. A second image after {TRAINED_MS:g} ms of blank is read "
            f"{_points(summary['second_image_drop'])} the first. Dotted: chance.",
            figures.accuracy_over_time(course, TRAINED_MS, chance=1 / summary["classes"]),
            name="accuracy_over_time",
        ),
        Section(
            "Mean rate of each area",
            f"Upper areas lag behind lower ones. Half of the response is reached at: {lag}. Before the image the "
            f"network is at spontaneous activity ({SPONTANEOUS_MS:g} ms without input from zero rates).",
            figures.mean_rates(course, summary["half_rise_ms"], TRAINED_MS),
            name="mean_rates",
        ),
        Section(
            "Return to baseline",
            "Distance of all rates from spontaneous activity after the image has gone, over that at offset: "
            f"{summary['baseline_distance']:.1e} after {course.second_onset_ms - course.offset_ms:g} ms. Spontaneous "
            f"activity is what the network reaches in {SPONTANEOUS_MS:g} ms from zero rates, where it has not quite "
            "settled itself; that sets the floor.",
            figures.baseline_distance(course),
            name="baseline_distance",
        ),
        Section(
            "Feature maps over time",
            "Three test images and, for each area, the channel whose map varies most; one colour scale per area, "
            f"from 0 to its largest rate. The image is shown from 0 to {TRAINED_MS:g} ms.",
            figures.feature_maps(result.examples),
            name="feature_maps",
        ),
        Section(
            "Noise redrawn at every step",
            "Leaky integration averages noise that changes from step to step. A fairer rival than the CNN on one "
            "frame is the CNN with its scores averaged over all the frames that CordsNet saw.",
            figures.noise_robustness(result.noise, frames=round(TRAINED_MS / summary["dt_ms"])),
            name="noise",
        ),
    ]


def _training(result: DemoResult) -> list[Section]:
    unexplained = result.summary["inverse_unexplained_variance"]
    rows = [(area, f"{100 * value:.1f} %") for area, value in unexplained.items()]
    return [
        Section(
            "Inverse initialisation",
            "How far each area's settled linear activity is from its CNN target: mean squared error over the "
            "variance of the target, each area fed by the CNN's own activity.",
            tables=(Table(("area", "unexplained variance"), rows),),
        ),
        Section(
            "Loss during training",
            "Every update of every stage. The loss of the inverse stage is its fitting error; those of linear, anneal, "
            "finetune and direct are the objective, without the spontaneous term in the linear stage.",
            figures.loss_curves(result.losses),
            name="losses",
        ),
    ]


def _points(drop: float) -> str:
    if abs(drop) < 5e-4:
        return "exactly as well as"
    return f"{100 * abs(drop):.1f} points {'worse' if drop > 0 else 'better'} than"
