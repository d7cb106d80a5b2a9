"""The command that runs experiments, and the older words for some of them."""

import dataclasses
import functools
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from jsonargparse import ArgumentParser, Namespace

from cordsnet.cli.early import check_data, check_options, check_subjects
from cordsnet.cli.options import COMMANDS, add_run_options, make_parser, parse
from cordsnet.cli.telling import draws_progress, says_progress, telling
from cordsnet.experiments.table import EXPERIMENTS, GROUPS, STORED, TRAINED

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.experiments import Experiment, Result, Setting
    from cordsnet.experiments.experiment import Tell

PRESET = ("--preset", "--scale")
"""The option that chooses a row of options, and its older name."""

MODELS_HELP = (
    "folder of a checkpoint, such as runs/demo/finetune, or of a run; NAME@DATA for weights that come with the "
    "package; or the name of a model, with random weights; several are compared"
)


@COMMANDS.register("experiment")
def experiment(words: Sequence[str]) -> None:
    """Run an experiment on models, or one that trains its own: claims, tables, figures and a report."""
    if "--list" in words:
        about = {name: EXPERIMENTS[name].description for name in EXPERIMENTS}
        groups = {group: {name: about[name] for name in sorted(names)} for group, names in GROUPS.items()}
        print(json.dumps(about, indent=1) if "--json" in words else in_groups(groups))
        return
    if not words or words[0].startswith("-"):
        parser = make_parser("experiment NAME")
        parser.add_argument("--list", action="store_true", help="list all experiments and end")
        parse(parser, [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"experiment needs a name first; known: {', '.join(EXPERIMENTS)}")
    run_words(f"experiment {words[0]}", words[0], words[1:])


def in_groups(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Lay out names with a sentence each, under the heading of their group."""
    width = max(len(name) for rows in groups.values() for name in rows) + 2
    parts = [
        "\n".join([group, *(f"  {name:<{width}}{about}" for name, about in rows.items())])
        for group, rows in groups.items()
    ]
    return "\n\n".join(parts)


@COMMANDS.register("demo")
def demo(words: Sequence[str]) -> None:
    """Train on handwritten digits through every stage, measure, and write a report (experiment demo)."""
    run_words("demo", "demo", words)


@COMMANDS.register("analyze")
def analyze(words: Sequence[str]) -> None:
    """Measure trained networks as dynamical systems: spectra, attractors, certificate (experiment portrait)."""
    run_words("analyze", "portrait", words, "runs/analysis")


@COMMANDS.register("steppers")
def steppers(words: Sequence[str]) -> None:
    """Measure the error of each stepper on networks against their true trajectory (experiment steppers)."""
    run_words("steppers", "steppers", words)


@COMMANDS.register("precision")
def precision(words: Sequence[str]) -> None:
    """Measure what half precision costs networks in rates, scores and gradients (experiment precision)."""
    run_words("precision", "precision", words)


def run_words(command: str, name: str, words: Sequence[str], output: str | None = None) -> None:
    """Run an experiment as words on the command line ask for it; without --output it goes to `output` or runs/NAME."""
    EXPERIMENTS.check(name)
    if name not in (*TRAINED, *STORED):
        check_subjects(words)
        check_data(words)
    check_options(command, words, "experiments")
    from cordsnet.report import write_result  # slow, so after the checks

    row = EXPERIMENTS[name]
    chosen = named_preset(row, words)
    preset = row.preset(chosen)
    folder = output or (f"runs/{name}" if chosen == row.default else f"runs/{name}_{chosen}")
    rule = "" if output else f"runs/{name} for preset {row.default} and runs/{name}_PRESET for any other"
    parser = experiment_parser(command, row, preset.options, folder, rule)
    given = parse(parser, listed(words, row.options))
    options = row.options(**{field.name: given[field.name] for field in dataclasses.fields(row.options)})
    with telling(given) as told:
        setting = make_setting(row, given, told.measuring)
        print(f"{name}, preset {chosen}: {preset}", flush=True, file=sys.stderr if given.json else sys.stdout)
        result = row(setting, options)
    path, missing = write_result(result, given.output)
    if given.json:
        print(path.with_name("result.json").read_text())
        return
    print_result(result, path)
    for sentence in missing:
        print(sentence)
    print(f"report: {path}")


def named_preset(row: "Experiment[Any]", words: Sequence[str]) -> str:
    """Name of the preset that words ask for. Raises ValueError for one that the experiment does not have."""
    name = row.default
    for k, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag in PRESET:
            name = value or (words[k + 1] if k + 1 < len(words) else "")
    row.preset(name)
    return name


def experiment_parser(
    command: str, row: "Experiment[Any]", defaults: Any, output: str, rule: str = ""
) -> ArgumentParser:
    """Options of the command, and every option of the experiment with its default; `rule` is that of the folder."""
    parser = make_parser(command, row.description)
    if row.trains:
        parser.add_argument(
            "--workers", type=int, default=1, help="networks trained at once, on Ray when more than one"
        )
    elif not row.stored:
        parser.add_argument("models", nargs="+", type=str, metavar="MODEL", help=MODELS_HELP)
        parser.add_argument(
            "--data", type=str, default=None, help="data set or path; default: what a model was trained on"
        )
        parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    rows = "; ".join(f"{name}: {preset}" for name, preset in row.presets.items())
    parser.add_argument(*PRESET, type=str, default=row.default, help=f"row of options; {rows}")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    add_run_options(parser, output, rule)
    parser.add_class_arguments(row.options, as_group=False)
    parser.set_defaults(dataclasses.asdict(defaults))
    described = described_fields(row.options)
    for action in parser._actions:
        action.help = described.get(action.dest, action.help)
    return parser


def described_fields(options: type) -> dict[str, str]:
    """Field of a dataclass -> what its docstring says of it under "Attributes"."""
    text = inspect.getdoc(options) or ""
    _, _, listed_fields = text.partition("----------\n")
    found: dict[str, str] = {}
    for line in listed_fields.splitlines():
        names, colon, words = line.partition(" : ")
        if colon and not line.startswith(" "):
            names_here = [name.strip() for name in names.split(",")]
            found |= dict.fromkeys(names_here, words)
        elif line.startswith(" ") and found:
            found |= {name: f"{found[name]} {line.strip()}" for name in names_here}
    return {name: words.replace("%", "%%") for name, words in found.items()}


def listed(words: Sequence[str], options: type) -> list[str]:
    """Words in which options that hold several values may be written as 1,2,3."""
    several = {f"--{name}" for name, kind in get_type_hints(options).items() if get_origin(kind) is tuple}
    found: list[str] = []
    for k, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if equals and flag in several:
            found.append(f"{flag}={_bracketed(value)}")
        elif k and words[k - 1] in several:
            found.append(_bracketed(word))
        else:
            found.append(word)
    return found


def make_setting(row: "Experiment[Any]", given: Namespace, tell: "Tell") -> "Setting":
    """Models and images that were asked for; a model that cannot take part is left out with a note.

    Raises ValueError where none can.
    """
    from cordsnet._checks import check_device
    from cordsnet.experiments import Setting
    from cordsnet.experiments.subjects import images_and_notes, load_subjects

    common: dict[str, Any] = {"seed": given.seed, "tell": tell, "progress": draws_progress(given)}
    common |= {"say": functools.partial(print, flush=True)} if says_progress(given) else {}
    if row.trains:
        return Setting(output=Path(given.output), workers=given.workers, **common)
    if row.stored:
        return Setting(**common)
    device = check_device(given.device)
    every = load_subjects(given.models, given.data, shown=not row.own_images)
    lacks = {label: row.lack(one.model) for label, one in every.items()}
    subjects = {label: one for label, one in every.items() if not lacks[label]} or every
    models = {label: one.model for label, one in subjects.items()}
    row.check(models)
    left: dict[str, tuple[str, ...]] = {label: (f"left out, since it {lack}",) for label, lack in lacks.items() if lack}
    sources = {label: {"source": one.source, "data": one.data} for label, one in subjects.items()}
    on_device = {label: model.to(device) for label, model in models.items()}
    if row.own_images:
        return Setting(on_device, None, sources, {label: one.notes for label, one in subjects.items()} | left, **common)
    images, notes = images_and_notes(subjects)
    return Setting(on_device, images, sources, notes | left, **common)


def print_result(result: "Result", path: Path) -> None:
    """The table, notes, what failed or does not apply, and the verdict of every claim."""
    from cordsnet.report.printed import lines_of
    from cordsnet.report.writer import TABLE

    print(path.with_name(TABLE).read_text(), end="")
    for line in lines_of(result):
        print(line)


def _bracketed(value: str) -> str:
    return value if value.startswith(("[", "(")) else f"[{value}]"
