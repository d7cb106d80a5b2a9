"""The table of commands, and what they share: parsers, folders of runs, progress."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from cordsnet.cli.early import check_data, check_model_name, check_recipe
from cordsnet.cli.safety import check_words, keep_to_values
from cordsnet.registry import Registry
from cordsnet.training.table import RECIPES

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.training import Recipe

Command = Callable[[Sequence[str]], None]
COMMANDS: Registry[Command] = Registry("command")


def make_parser(name: str, description: str | None = None) -> ArgumentParser:
    """A parser for a command, with what its first words are; bad options raise."""
    keep_to_values()
    doc = COMMANDS[name.split()[0]].__doc__ if description is None else description
    return ArgumentParser(prog=f"cordsnet {name}", description=doc, exit_on_error=False)


def parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    """The options that were given. Raises ValueError, in one sentence, for bad ones."""
    check_words(words)
    try:
        return parser.parse_args(list(words))
    except ArgumentError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{reason}; see '{parser.prog} --help' for the options") from error


def recipe_first(command: str, words: Sequence[str]) -> "Recipe":
    """The recipe that a command's first word names. Raises ValueError when it names none."""
    if not words or words[0].startswith("-"):
        parse(make_parser(f"{command} RECIPE"), [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"{command} needs a recipe first; known: {', '.join(RECIPES)}")
    check_recipe(words[0])
    check_data(words)
    check_model_name(words)
    from cordsnet.training import find_recipe  # slow, so after the checks

    return find_recipe(words[0])


def add_run_options(parser: ArgumentParser, output: str) -> None:
    """Add the options for the folder of a run and for its progress bars."""
    parser.add_argument("--output", type=str, default=output, help="folder of the run")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def draws_progress(options: Any) -> bool:
    """True if progress should be shown: a terminal, and not --quiet."""
    return not options.quiet and sys.stdout.isatty()
