"""The command that evaluates a trained network on test images."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cordsnet.cli.early import check_data, check_evaluated
from cordsnet.cli.options import COMMANDS, add_run_options, make_parser, parse
from cordsnet.cli.telling import telling

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.experiments import Evaluation

CHECKPOINT_HELP = (
    "folder of a run, of a finished stage or of a saved model, or NAME@DATA for weights that come with the package"
)


@COMMANDS.register("evaluate")
def evaluate(words: Sequence[str]) -> None:
    """Evaluate a trained network on test images: accuracy, classes, confusions, errors, course in time."""
    parser = make_parser("evaluate")
    parser.add_argument("checkpoint", type=str, metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("--data", type=str, default=None, help="data set or path; default: what it was trained on")
    parser.add_argument("--images", type=int, default=None, help="images to draw from all classes; default: all")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of images, and of noise in the network")
    parser.add_argument("--until_ms", type=float, default=None, help="how long images stay; default: twice as trained")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    for name in ("image_column", "label_column"):
        parser.add_argument(f"--{name}", type=str, default=None, help="of parquet files that --data names")
    add_run_options(parser, "")
    given = parse(parser, words)
    check_evaluated(given.checkpoint)
    check_data(words)

    from cordsnet.data import Reading
    from cordsnet.experiments import evaluate as run_evaluation
    from cordsnet.report.evaluation import write_evaluation

    columns = {name: given[name] for name in ("image_column", "label_column") if given[name] is not None}
    with telling(given) as told:
        found = run_evaluation(
            given.checkpoint,
            given.data,
            images=given.images,
            seed=given.seed,
            until_ms=given.until_ms,
            reading=Reading(**columns) if columns else None,
            device=given.device,
            tell=told.reading,
        )
    page = write_evaluation(found, given.output or default_folder(found.source))
    if given.json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print_evaluation(found, page)


def default_folder(source: str) -> str:
    """Folder for the evaluation of a network: below runs/evaluation, named after the last parts of its path."""
    parts = [part for part in Path(source).parts if part not in (os.sep, "..", "~")]
    return f"runs/evaluation/{'.'.join(parts[-2:])}"


def print_evaluation(found: "Evaluation", page: Path) -> None:
    """Accuracy, the table of classes, when accuracy settles, what is confused most, and the notes."""
    from cordsnet.report.evaluation import class_table, headline, settling
    from cordsnet.report.page import markdown

    print(headline(found))
    print(f"\n{markdown(class_table(found))}")
    print(settling(found))
    wrong = found.confusion.copy()
    wrong[range(len(wrong)), range(len(wrong))] = 0
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), len(wrong))
        names = [one.name for one in found.classes]
        print(f"Confused most: {names[row]}, answered {names[column]}, {wrong[row, column]} times.")
    for one in found.unreadable:
        print(f"note: {one} is left out")
    for note in found.notes:
        print(f"note: {note}")
    print(f"confusion matrix: {page.parent / 'confusion.csv'} and {page.parent / 'figures' / 'confusion.png'}")
    print(f"report: {page}")
