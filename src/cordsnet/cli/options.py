"""The table of commands, and what they share: parsers, folders of runs, progress."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from cordsnet.cli.early import check_data, check_model_name, check_options, check_recipe
from cordsnet.cli.safety import keep_to_values
from cordsnet.registry import Registry
from cordsnet.training.table import RECIPES

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.training import Recipe

RECIPE_OPTIONS = {
    "--output FOLDER": "folder of the run",
    "--data NAME or PATH": "data set, or folder of your own images",
    "--seed N": "seed of all random numbers",
    "--model NAME": "network, one of `cordsnet models`; short for --model.name NAME",
    "--model.SETTING VALUE": "a change of the network, such as --model.width 8",
    "--only STAGE": "run this stage alone (train)",
    "--restart STAGE": "discard this stage and those built on it, run again (train)",
    "--STAGE.SETTING VALUE": "a setting of a stage, such as --finetune.optimisation.lr 0.003",
    "--quiet": "no progress bars",
    "--json": "print the result as one JSON document, and nothing else",
}
"""Option of every recipe on the command line -> its meaning."""

Command = Callable[[Sequence[str]], None]
COMMANDS: Registry[Command] = Registry("command")


def make_parser(name: str, description: str | None = None) -> ArgumentParser:
    """A parser for a command, with what its first words are; bad options raise."""
    keep_to_values()
    doc = COMMANDS[name.split()[0]].__doc__ if description is None else description
    return ArgumentParser(prog=f"cordsnet {name}", description=doc, exit_on_error=False)


def parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    """The options that were given. Raises ValueError, in one sentence, for bad ones."""
    try:
        return parser.parse_args(list(words))
    except ArgumentError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{reason}; see '{parser.prog} --help' for the options") from error


def recipe_first(command: str, words: Sequence[str]) -> "Recipe":
    """The recipe that a command's first word names. Raises ValueError when it names none."""
    if {"-h", "--help"} & set(words[:1]):
        print(_recipes_help(command))
        raise SystemExit(0)
    if not words or words[0].startswith("-"):
        raise ValueError(f"{command} needs a recipe first; known: {', '.join(RECIPES)}")
    check_recipe(words[0])
    check_data(words)
    check_model_name(words)
    if ":" not in words[0]:
        check_options(f"{command} {words[0]}", words[1:], "training")
    from cordsnet.training import find_recipe  # slow, so after the checks

    return find_recipe(words[0])


def _recipes_help(command: str) -> str:
    """The page of help of a command before its recipe is known."""
    rows = [f"  {name:<16}{(RECIPES[name].__doc__ or '').splitlines()[0]}" for name in RECIPES]
    options = "\n".join(f"  {name:<28}{meaning}" for name, meaning in RECIPE_OPTIONS.items())
    return "\n".join(
        [
            f"usage: cordsnet {command} RECIPE [options]",
            f"\n{COMMANDS[command].__doc__}\n\nrecipes:",
            *rows,
            f"\noptions of all recipes:\n{options}",
            f"\n'cordsnet {command} RECIPE --help' lists every setting of the recipe with its default.",
        ]
    )


def add_run_options(parser: ArgumentParser, output: str, rule: str = "") -> None:
    """Add the options for the folder of a run and for its progress bars; `rule` says on what the folder depends."""
    about = f"folder of the run; without this option {rule}" if rule else "folder of the run"
    parser.add_argument("--output", type=str, default=output, help=about)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    add_json(parser)


def add_json(parser: ArgumentParser) -> None:
    """Add the option for a result that programs can read."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document, and nothing else")


def print_json(result: Any) -> None:
    """Print plain data as JSON; what is not finite or no plain number is written as text or as its value."""
    print(json.dumps(_plain(result), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if not math.isfinite(number):
        return str(number)
    return int(number) if isinstance(value, Integral) else number
