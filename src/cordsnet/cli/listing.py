"""Commands that list what there is: models, recipes, and the words of the command line for a shell."""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse
from cordsnet.data.table import DATASETS
from cordsnet.experiments.table import EXPERIMENTS, TRAINED
from cordsnet.models.names import MODELS
from cordsnet.training.table import RECIPES

SHELLS = ("bash", "zsh", "tcsh")


@COMMANDS.register("models")
def models(words: Sequence[str]) -> None:
    """List the models with areas, units, parameters and trained weights; `models show NAME` says all about one."""
    if words and words[0] == "show":
        _show(words[1:])
        return
    parser = make_parser("models")
    parser.add_argument("pattern", nargs="?", default="*", help="shell pattern, such as 'cordsnet_*'; or: show NAME")
    add_json(parser)
    options = parse(parser, words)
    rows = [_facts(name) for name in MODELS.names(options.pattern)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'name':<20}{'areas':>6}{'units':>10}{'parameters':>12}  {'input':<15}pretrained")
    for row in rows:
        shape = " x ".join(map(str, next(iter(row["inputs"].values()), ())))
        numbers = f"{len(row['areas']):>6}{row['units']:>10,}{row['parameters']:>12,}"
        print(f"{row['name']:<20}{numbers}  {shape:<15}{', '.join(row['pretrained'])}".rstrip())


def _show(words: Sequence[str]) -> None:
    parser = make_parser("models show", "Say all that the table knows about a model.")
    parser.add_argument("name", type=str, help="name of a model")
    add_json(parser)
    options = parse(parser, words)
    MODELS.check(options.name)
    facts = _facts(options.name) | _abilities(options.name)
    if options.json:
        print(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            lines = [f"{key} ({' x '.join(map(str, shape))})" for key, shape in value.items()]
            value = ", ".join(lines)
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        shown = f"{value:,}" if isinstance(value, int) else "none" if value is None else value
        print(f"{name:<14}{shown}")


def _facts(name: str) -> dict[str, Any]:
    """Plain data about a model of the table, from the shapes of its weights alone."""
    import torch  # slow, so after the words were read

    from cordsnet.models import build, list_pretrained

    row = MODELS[name]
    with torch.device("meta"):  # shapes alone
        model = build(row.spec, kind=row.kind)
    facts = dataclasses.asdict(model.summary())
    facts |= {"name": name, "tags": list(facts["tags"]), "source": row.source, "clock": row.clock}
    facts["licence"] = row.licence or "no weights by its authors"
    facts["pretrained"] = [data for known, data in list_pretrained() if known == name]
    return json.loads(json.dumps(facts))  # type: ignore[no-any-return]  # tuples as lists


def _abilities(name: str) -> dict[str, list[str]]:
    """Outputs, and what a model lacks for some experiments, in words; asked of a small one of its kind."""
    from cordsnet.experiments import needs
    from cordsnet.models import build

    row = MODELS[name]
    model = build(row.spec.changed(**row.tiny), kind=row.kind)
    asked = (needs.classifies_images, needs.dynamics, needs.rate_equation)
    lacks = dict.fromkeys(need(model).partition(";")[0] for need in asked)
    return {"outputs": list(model.outputs), "cannot": [lack for lack in lacks if lack]}


@COMMANDS.register("recipes")
def recipes(words: Sequence[str]) -> None:
    """List the training recipes, or show one in full as JSON."""
    parser = make_parser("recipes")
    parser.add_argument("name", nargs="?", help="recipe to show in full")
    add_json(parser)
    options = parse(parser, words)
    if options.name:
        RECIPES.check(options.name)
        print(json.dumps(RECIPES[options.name]().to_dict(), indent=1))
        return
    about = {name: first_line(RECIPES[name]) for name in RECIPES}
    print(json.dumps(about, indent=1) if options.json else "\n".join(f"{name:<16}{about[name]}" for name in about))


@COMMANDS.register("completion")
def completion(words: Sequence[str]) -> None:
    """Print a script that completes commands and names in bash, zsh or tcsh."""
    parser = make_parser("completion")
    parser.add_argument("shell", choices=SHELLS, help='for bash: eval "$(cordsnet completion bash)"')
    options = parse(parser, words)
    import shtab

    print(shtab.complete(_words(), options.shell))


def _words() -> argparse.ArgumentParser:
    """All commands with the names that may follow, and the options that runs share."""
    first = {
        "train": list(RECIPES),
        "sweep": list(RECIPES),
        "recipes": list(RECIPES),
        "experiment": list(EXPERIMENTS),
        "reproduce": list(TRAINED),
        "models": ["show", *MODELS],
        "completion": list(SHELLS),
    }
    parser = argparse.ArgumentParser(prog="cordsnet")
    commands = parser.add_subparsers(dest="command")
    for name in COMMANDS:
        command = commands.add_parser(name, help=first_line(COMMANDS[name]))
        if name in first:
            command.add_argument("name", choices=first[name])
        if name not in ("models", "recipes", "completion", "bench", "export"):
            command.add_argument("--data", choices=list(DATASETS))
            command.add_argument("--output")
            command.add_argument("--quiet", action="store_true")
        if name != "completion":
            command.add_argument("--json", action="store_true")
    return parser


def first_line(described: Any) -> str:
    """The first line of a docstring."""
    return (described.__doc__ or "").strip().partition("\n")[0]
