"""The commands of recordings of neurons."""

from collections.abc import Callable, Sequence

from cordsnet.cli.neural.activity import activity
from cordsnet.cli.neural.calibrate import calibrate
from cordsnet.cli.neural.files import check, convert
from cordsnet.cli.neural.look import look
from cordsnet.cli.neural.measures import between, decode, score, straighten
from cordsnet.cli.options import COMMANDS

FURTHER: dict[str, Callable[[Sequence[str]], None]] = {
    "check": check,
    "convert": convert,
    "look": look,
    "score": score,
    "calibrate": calibrate,
    "decode": decode,
    "straighten": straighten,
    "between": between,
    "activity": activity,
}
"""Word after `cordsnet neural` -> its function."""


@COMMANDS.register("neural")
def neural(words: Sequence[str]) -> None:
    """Recordings of neurons: `check|look|convert|score|calibrate|decode FILE`, `straighten|between|activity MODEL`."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help"):
        about = "\n".join(f"  {name:<12}{(FURTHER[name].__doc__ or '').splitlines()[0]}" for name in FURTHER)
        print(f"usage: cordsnet neural {{{','.join(FURTHER)}}} [options]\n\n{neural.__doc__}\n\n{about}")
        return
    if first not in FURTHER:
        raise ValueError(f"neural has no command {first!r}; it has {', '.join(FURTHER)}")
    FURTHER[first](words[1:])
