"""Commands that list recipes, and the words of the command line for a shell."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse
from cordsnet.data.table import DATASETS
from cordsnet.experiments.table import EXPERIMENTS, TRAINED
from cordsnet.models.names import MODELS
from cordsnet.training.table import RECIPES

SHELLS = ("bash", "zsh", "tcsh")


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
        "models": ["show", "check", *MODELS],
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
