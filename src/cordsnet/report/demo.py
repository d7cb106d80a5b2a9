"""The report of the demonstration: training, then the time course, the second image and noise."""

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from cordsnet.experiments import Result
from cordsnet.report import noise, second_image, time_course
from cordsnet.report.figures import BLUE, SKY, WIDTH, new_figure, smoothed, tidy
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, values_of

EXPLAINED = {
    "cnn": "feedforward CNN with batch normalisation",
    "folded": "the same, batch norms folded into kernels and unit biases",
    "inverse": "linear recurrent network after inverse initialisation",
    "linear": "after linear training",
    "annealed": "after annealing PReLU to ReLU",
    "finetuned": "CordsNet: after fine-tuning",
    "direct": "the same network trained directly from random weights",
}


def summary(result: Result) -> Table:
    """Test accuracy after every stage, and how long it took."""
    rows = [
        (EXPLAINED[str(row["network"])], percent(float(row["test_accuracy"])), f"{float(row['seconds']):.0f}")
        for row in result.rows("accuracy")
    ]
    return Table(("network", "test accuracy", "seconds"), rows)


def sections(result: Result) -> list[Section]:
    """Training first, then what the network does in time."""
    meta = result.meta
    differences = [float(row["score_difference"]) for row in result.rows("accuracy") if "score_difference" in row]
    text = (
        f"{meta['test_images']} test images, none used in training; time constant {meta['tau_ms']:g} ms, step "
        f"{meta['dt_ms']:g} ms; {meta['parameters']:,} parameters. Folding changes no score by more than "
        f"{max(differences):.0e} of the largest. Direct training makes as many updates of the dynamics as linear "
        "training, annealing and fine-tuning together."
    )
    rows = [(str(row["area"]), percent(float(row["unexplained_variance"]))) for row in result.rows("unexplained")]
    return [
        Section("Accuracy after each stage", text, tables=(summary(result),)),
        *time_course.sections(result),
        *second_image.sections(result),
        *noise.sections(result),
        Section(
            "Inverse initialisation",
            "How far each area's settled linear activity is from its CNN target: mean squared error over the variance "
            "of the target, each area fed by the CNN's own activity.",
            tables=(Table(("area", "unexplained variance"), rows),),
        ),
        Section(
            "Loss during training",
            "Every update of every stage. The loss of the inverse stage is its fitting error; those of linear, anneal, "
            "finetune and direct are the objective, without the spontaneous term in the linear stage.",
            loss_curves(result),
            name="losses",
        ),
    ]


def loss_curves(result: Result) -> Figure:
    """Training loss of every stage that trains."""
    columns, stages = 3, values_of(result, "losses", "stage")
    rows = -(-len(stages) // columns)
    figure = new_figure(WIDTH, 1.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, stage in zip(grid.flat, stages, strict=False):
        steps, values = (column(result, "losses", name, stage=stage) for name in ("update", "loss"))
        axes.semilogy(steps, values, color=SKY, linewidth=0.7)
        axes.semilogy(steps, smoothed(values.tolist()), color=BLUE, linewidth=1.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        tidy(axes, "update", "loss", stage)
    for axes in list(grid.flat)[len(stages) :]:
        axes.set_axis_off()
    return figure
