"""The command that finds how much later than a model a recorded area answers."""

import dataclasses
import functools
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cordsnet.cli.early import check_options, check_subjects
from cordsnet.cli.experiments import MODELS_HELP, described_fields, listed
from cordsnet.cli.neural.measures import check_pictures, models_first, with_file
from cordsnet.cli.options import add_json, make_parser, parse, print_json
from cordsnet.cli.telling import says_progress, telling

if TYPE_CHECKING:  # slow to import
    from cordsnet.experiments.recordings.latency import LatencyChoice

UNUSED = {"latency_ms", "splits", "keep"}
"""Options of `neural_scores` that have no meaning here."""

LATENCIES_MS = (0.0, 25.0, 50.0, 75.0, 100.0, 125.0, 150.0)
ABOUT = (
    "Find how much later than a model the recorded area answers: centred r for a grid of latencies, on images that "
    "neural score does not score when it is given the same --seed and --choose_share."
)


@dataclasses.dataclass(frozen=True)
class _Grid:
    """The one option that holds several values."""

    latencies_ms: tuple[float, ...] = LATENCIES_MS


def calibrate(words: Sequence[str]) -> None:
    """Find the latency, ms from model to recording, that predicts best: FILE --pictures FOLDER MODEL..."""
    words = models_first(with_file("calibrate", words))
    if words != ["--help"]:
        check_pictures(words)
        check_subjects(words)
    check_options("neural calibrate FILE", words, "experiments")
    from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions  # slow, so after the checks

    parser = make_parser("neural calibrate FILE", ABOUT)
    parser.add_argument("models", nargs="+", type=str, metavar="MODEL", help=MODELS_HELP)
    parser.add_argument("--latencies_ms", type=tuple[float, ...], default=LATENCIES_MS, help="latencies, such as 0,25")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0, help="of the division of images, and of the bootstrap")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    add_json(parser)
    parser.add_class_arguments(NeuralScoresOptions, as_group=False, skip=UNUSED)
    described = described_fields(NeuralScoresOptions)
    for action in parser._actions:
        action.help = described.get(action.dest, action.help)
    options = parse(parser, listed(words, _Grid))
    found = _measure(options)
    if options.json:
        arrays = ("latencies_ms", "r", "interval")
        print_json(
            {
                k: dataclasses.asdict(one)
                | {a: getattr(one, a).tolist() for a in arrays}
                | {"told_apart": one.told_apart}
                for k, one in found.items()
            }
        )
        return
    for label, one in found.items():
        _print(label, one, options)


def _measure(options: Any) -> "dict[str, LatencyChoice]":
    from cordsnet._checks import check_device
    from cordsnet.experiments import EXPERIMENTS
    from cordsnet.experiments.recordings.latency import choose_latency
    from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions
    from cordsnet.experiments.subjects import load_subjects

    names = {field.name for field in dataclasses.fields(NeuralScoresOptions)} - UNUSED
    chosen = NeuralScoresOptions(**{name: options[name] for name in names})
    device = check_device(options.device)
    models = {label: one.model.to(device) for label, one in load_subjects(options.models, None, shown=False).items()}
    EXPERIMENTS["neural_scores"].check(models)
    with telling(options) as told:
        how: dict[str, Any] = {"say": functools.partial(print, flush=True)} if says_progress(options) else {}
        return choose_latency(models, chosen, options.latencies_ms, seed=options.seed, tell=told.measuring, **how)


def _print(label: str, found: "LatencyChoice", options: Any) -> None:
    """A table and a sentence."""
    print(f"{label}\n{'latency, ms':>12}  {'area':<16}{'centred r':>10}  95 % interval over {found.neurons} neurons")
    for latency, area, r, (low, high) in zip(found.latencies_ms, found.areas, found.r, found.interval, strict=True):
        if not area:
            print(f"{latency:>12g}  no area depends on the image in any bin")
            continue
        print(f"{latency:>12g}  {area:<16}{r:>10.3f}  {low:.3f} to {high:.3f}")
    low, high = found.best_interval_ms
    print(
        f"{label} predicts best at a latency of {found.best_ms:g} ms; over neurons, the best lies between {low:g} and "
        f"{high:g} ms. {found.images} images chose it, which are not scored with --seed {options.seed} "
        f"--choose_share {options.choose_share:g}."
    )
    if not found.told_apart:
        print("These neurons and images do not tell the latencies apart; take one from what is known of the area.")
    elif found.at_end:
        print("The best is at an end of the grid; try more with --latencies_ms.")
    words = ["cordsnet", "neural", "score", options.recording, "--pictures", options.pictures]
    print(f"next: {shlex.join([*words, *options.models, '--latency_ms', f'{found.best_ms:g}'])}")
