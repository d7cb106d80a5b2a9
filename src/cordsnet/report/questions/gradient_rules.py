"""Figure and table of gradient rules."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.figures import BLUE, GREEN, ORANGE, VERMILION, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table, percent

STATES = {"untrained": ORANGE, "trained": BLUE}
COSTS = {"kept_ratio": ("kept for the backward pass", GREEN), "peak_ratio": ("peak of all tensors", VERMILION),
         "seconds_ratio": ("time", BLUE)}  # fmt: skip


def summary(result: Result) -> Table:
    """One row per rule."""
    rows = [
        (
            str(row["rule"]),
            *(_number(row, f"cosine_{state}", 6) for state in STATES),
            percent(float(row.get("settled_trained", float("nan")))),
            percent(float(row.get("accuracy", float("nan")))),
            *(_number(row, name, 2) for name in COSTS),
            str(row["networks"]),
        )
        for row in result.rows("rules")
    ]
    heads = ("rule", "cosine, untrained", "cosine, trained", "settled", "accuracy", "kept / BPTT", "peak / BPTT",
             "time / BPTT", "networks")  # fmt: skip
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """The figure, the table, and all gradients."""
    options = result.meta["options"]
    text = (
        f"{options['model']} on {options['data']}; the error at the end of an image of {options['image_ms']:g} ms. "
        "Left: cosine of the angle to the gradient of back-propagation through time (BPTT) on "
        f"{options['images']} training images, at random weights and where BPTT has led. Middle: test accuracy after "
        f"{options['updates']} updates from the same weights; dotted: mean of BPTT. Right: memory and time of an "
        "update as a ratio to BPTT, at the trained weights. Points: networks, n = "
        f"{options['seeds']} seeds; crosses and bars: means. Peaks are of all tensors that live at once, without the "
        "working space of convolutions; passes without gradients run in blocks of time, which count. For blocks that "
        "are run again it is not counted what autograd keeps. Settled: share of trials whose last step changed them "
        "by less than the rule's tol."
    )
    return [
        Section("Gradient rules", text, figure(result), (summary(result),), "gradient_rules"),
        Section("Each gradient", "", tables=(as_table(result.rows("gradients")),)),
    ]


def figure(result: Result) -> Figure:
    """Cosines, accuracy and costs of all rules."""
    rows = result.rows("rules")
    names = [str(row["rule"]) for row in rows]
    drawn = new_figure(height=3.4)
    cosines, scores, costs = drawn.subplots(1, 3, sharey=True)
    for k, (state, colour) in enumerate(STATES.items()):
        mine = result.rows("gradients", state=state)
        places = [names.index(str(row["rule"])) + 0.2 * (k - 0.5) for row in mine]
        cosines.plot([float(row["cosine"]) for row in mine], places, "os"[k], color=colour, mfc="white", label=state)
        means = [float(row.get(f"cosine_{state}", float("nan"))) for row in rows]
        cosines.plot(means, [y + 0.2 * (k - 0.5) for y in range(len(names))], "x", color=colour)
    networks = [row for row in result.rows("networks", status="finished") if "train.test_accuracy" in row]
    places = [names.index(str(row["rule"])) for row in networks]
    scores.plot([float(row["train.test_accuracy"]) for row in networks], places, "o", color=BLUE, mfc="white")
    means = [float(row.get("accuracy", float("nan"))) for row in rows]
    scores.plot(means, range(len(names)), "x", color=BLUE)
    scores.axvline(means[names.index("bptt")], color="0.6", linewidth=0.8, linestyle=":")
    for k, (name, (label, colour)) in enumerate(COSTS.items()):
        values = [float(row.get(name, 0.0)) for row in rows]
        costs.barh([y + 0.25 * (k - 1) for y in range(len(names))], values, 0.25, color=colour, label=label)
    costs.axvline(1, color="0.6", linewidth=0.8, linestyle=":")
    cosines.set_yticks(range(len(names)), names)
    cosines.invert_yaxis()
    scores.set_xlim(0, 1.02)
    for axes in (cosines, costs):
        axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    tidy(cosines, "cosine with BPTT", "")
    tidy(scores, "test accuracy", "")
    tidy(costs, "ratio to BPTT", "")
    return drawn


def _number(row: object, name: str, digits: int) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    return "-" if value is None else f"{float(value):.{digits}f}"
