"""The table of commands, and what they share: parsers, folders of runs, trained networks."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from cordsnet.registry import Registry

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.training import Recipe

Command = Callable[[Sequence[str]], None]
COMMANDS: Registry[Command] = Registry("command")


def add_checkpoint_options(parser: ArgumentParser) -> None:
    """Options that `trained_network` reads."""
    parser.add_argument("checkpoint", type=str, help="folder of a trained network, such as runs/demo/finetune")
    parser.add_argument("--data", type=str, default="digits", help="name of the data set whose test images are shown")
    parser.add_argument("--trials", type=int, default=16, help="number of test images")


def trained_network(options: Namespace) -> tuple[Any, Any]:
    """A trained dynamical network, and test images of its size with their labels."""
    from cordsnet.data import load_data
    from cordsnet.models import CordsNet, load_model

    model = load_model(options.checkpoint)
    if not isinstance(model, CordsNet):
        raise ValueError(f"checkpoint {options.checkpoint} holds a {type(model).__name__}; give a dynamical network")
    return model, load_data(options.data, model.input_shape[-1]).test.take(options.trials)


def make_parser(name: str) -> ArgumentParser:
    """For a command, which may be followed by what it takes first; bad options raise."""
    doc = COMMANDS[name.split()[0]].__doc__
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
    from cordsnet.training import RECIPES, find_recipe

    if not words or words[0].startswith("-"):
        parse(make_parser(f"{command} RECIPE"), [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"{command} needs a recipe first; known: {', '.join(RECIPES)}")
    return find_recipe(words[0])


def add_run_options(parser: ArgumentParser, output: str) -> None:
    """Where a run goes, and whether it shows progress."""
    parser.add_argument("--output", type=str, default=output, help="folder of the run")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def draws_progress(options: Any) -> bool:
    """Whether somebody watches who did not ask for quiet."""
    return not options.quiet and sys.stdout.isatty()
