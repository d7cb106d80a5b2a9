"""The page, figures and tables of an evaluation."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from cordsnet._files import writable_folder, write_whole
from cordsnet.experiments.evaluation_result import SETTLED, Evaluation
from cordsnet.report.figures import BLUE, HEIGHT, WIDTH, new_figure, tidy
from cordsnet.report.page import Picture, Section, Table, percent, write_page
from cordsnet.training.record import describe_process

PAGE, RECORD, CONFUSION, ANSWERS = "report.html", "record.json", "confusion.csv", "answers.csv"
MOST_NUMBERED = 20
"""Number of classes up to which the figure of the confusion matrix holds numbers and all names."""

FORMULA = "=+-@\t\r"
"""First characters by which spreadsheets take a cell for a formula."""


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> Path:
    """Write everything of an evaluation into a folder, each file whole or not at all.

    `record.json` holds all numbers, notes and the machine, `confusion.csv` the confusion matrix, `answers.csv` the
    answer to each image, `figures/confusion.png` (and PDF) the matrix as a figure; `report.html` shows them
    with the errors.

    Returns the path of the page. Raises RunError when the folder cannot be written to.
    """
    folder = writable_folder(folder)
    write_whole(folder / CONFUSION, _confusion_csv(evaluation))
    write_whole(folder / ANSWERS, _answers_csv(evaluation))
    page = write_page(
        folder / PAGE,
        f"Evaluation of {evaluation.source}",
        headline(evaluation),
        sections(evaluation),
        f"All numbers are in {RECORD}, {CONFUSION} and {ANSWERS} beside this page.",
    )
    content = json.dumps(evaluation.to_dict() | {"process": describe_process()}, indent=1)
    write_whole(folder / RECORD, content.encode())  # last: a folder with it is complete
    return page


def headline(evaluation: Evaluation) -> str:
    """Accuracy with its interval, and when the network was read, in a sentence or two."""
    found = evaluation.accuracy
    when = "" if evaluation.read_ms is None else f", read {evaluation.read_ms:g} ms after onset"
    right = int(evaluation.confusion.trace())
    return (
        f"{percent(found.value)} of {found.n} test images of {evaluation.data} are answered correctly ({right}; "
        f"95 % interval {_interval(found.interval)}){when}. Always answering the most common class would reach "
        f"{percent(evaluation.commonest)}."
    )


def settling(evaluation: Evaluation) -> str:
    """Say when accuracy settles; for a static model, why there is no course."""
    course = evaluation.course
    if course is None or evaluation.read_ms is None:
        return "The model is static: it answers at once, so there is no course in time."
    last = course.time_ms[-1]
    near = f"within {100 * SETTLED:g} percentage points of its value at {last:g} ms"
    said = (
        f"Accuracy has not settled: it is not yet {near} before that"
        if course.settled_ms is None
        else f"From {course.settled_ms:g} ms on, accuracy stays {near}"
    )
    if last == evaluation.read_ms:
        return f"{said}."
    return f"{said}. {percent(course.changed)} of the answers change between {evaluation.read_ms:g} ms and then."


def class_table(evaluation: Evaluation) -> Table:
    """A row for each class: images, correct answers, accuracy with interval, and how often it was answered."""
    rows = [
        (
            row.name,
            f"{row.images:,}",
            f"{row.correct:,}",
            "-" if row.accuracy is None else percent(row.accuracy.value),
            "-" if row.accuracy is None else _interval(row.accuracy.interval),
            f"{row.answered:,}",
        )
        for row in evaluation.classes
    ]
    return Table(("class", "images", "correct", "accuracy", "95 % interval", "answered"), rows)


def sections(evaluation: Evaluation) -> list[Section]:
    """Classes, confusion matrix, course in time, errors, and what was assumed."""
    found = [
        Section(
            "Classes",
            'Intervals are Wilson\'s for a share. "Answered": images of any class that were answered with this one.',
            tables=(class_table(evaluation),),
        ),
        Section(
            "Confusion matrix",
            "Rows are classes, columns answers; colours are shares of a row, numbers are images.",
            confusion_figure(evaluation),
            name="confusion",
        ),
    ]
    if evaluation.course is None:
        found.append(Section("Accuracy over time", settling(evaluation)))
    else:
        text = f"{settling(evaluation)} Dotted: when the network is read. Dashed: always the most common class."
        found.append(Section("Accuracy over time", text, course_figure(evaluation), name="accuracy_over_time"))
    found.append(_errors(evaluation))
    if evaluation.unreadable:
        rows = [(one.file, one.reason) for one in evaluation.unreadable]
        found.append(Section("Left out", "", tables=(Table(("file", "because"), rows, words=True),)))
    notes = [(note,) for note in evaluation.notes]
    if notes:
        found.append(Section("Chosen or assumed", "", tables=(Table(("note",), notes, words=True),)))
    return found


def confusion_figure(evaluation: Evaluation) -> Figure:
    """The confusion matrix; with names of classes and numbers where there are few."""
    counts, names = evaluation.confusion, [row.name for row in evaluation.classes]
    few = len(names) <= MOST_NUMBERED
    size = min(WIDTH, 2.2 + 0.45 * len(names)) if few else WIDTH
    figure = new_figure(size + 1.0, size)
    axes = figure.subplots()
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    drawn = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label="share of the class", fraction=0.046)
    if few:
        labels = [_plain(name) for name in names]
        tilted: dict[str, Any] = (
            {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 3 else {}
        )
        axes.set_xticks(range(len(names)), labels, fontsize=8, **tilted)
        axes.set_yticks(range(len(names)), labels, fontsize=8)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.6 else "0.2"
            axes.text(column, row, f"{count}" if count else "", ha="center", va="center", color=colour, fontsize=8)
    tidy(axes, "answer", "class")
    return figure


def course_figure(evaluation: Evaluation) -> Figure:
    """Accuracy over time while the images stay."""
    course = evaluation.course
    assert course is not None
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    axes.plot(course.time_ms, course.accuracy, color=BLUE)
    axes.axhline(evaluation.commonest, color="0.6", linewidth=0.8, linestyle="--")
    axes.axvline(evaluation.read_ms or 0.0, color="0.4", linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(0, course.time_ms[-1])
    return tidy(axes, "time from onset (ms)", "accuracy (share of test images)").figure  # type: ignore[return-value]


def _errors(evaluation: Evaluation) -> Section:
    """Pictures of the errors, the surest first."""
    wrong = [k for k, answer in enumerate(evaluation.answers) if not answer.is_correct]
    if not wrong:
        return Section("Errors", "There are none.")
    shown = sorted(set(wrong) & set(evaluation.pictures), key=lambda k: -evaluation.answers[k].probability)
    first = "" if len(shown) == len(wrong) else f" {len(shown)} of {len(wrong)} are shown; all are in {ANSWERS}."
    text = (
        "As the network saw them, the surest first. Percentages are the softmax of the scores, which is not "
        f"calibrated.{first}"
    )
    pictures = []
    for k in shown:
        answer = evaluation.answers[k]
        caption = f"{answer.label}, answered {answer.answer} ({percent(answer.probability)})"
        pictures.append(Picture(_png(evaluation.pictures[k]), caption, answer.file))
    return Section("Errors", text, pictures=tuple(pictures))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels[..., :3]).save(stream, "png")
    return stream.getvalue()


def _confusion_csv(evaluation: Evaluation) -> bytes:
    names = [row.name for row in evaluation.classes]
    rows = [["class / answer", *names]]
    rows += [[name, *map(str, counts)] for name, counts in zip(names, evaluation.confusion.tolist(), strict=True)]
    return _csv(rows)


def _answers_csv(evaluation: Evaluation) -> bytes:
    rows = [["file", "class", "answer", "correct", "softmax"]]
    for answer in evaluation.answers:
        right = "yes" if answer.is_correct else "no"
        rows.append([answer.file, answer.label, answer.answer, right, f"{answer.probability:.4f}"])
    return _csv(rows)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows as CSV; a cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    stream = io.StringIO(newline="")
    safe = [[f"'{cell}" if cell[:1] in FORMULA and cell[:1] else cell for cell in row] for row in rows]
    csv.writer(stream).writerows(safe)
    return stream.getvalue().encode()


def _interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def _plain(name: str) -> str:
    """A name as matplotlib draws it literally, and not too long."""
    short = name if len(name) <= 24 else f"{name[:22]}..."
    return short.replace("$", r"\$")
