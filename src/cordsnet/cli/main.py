"""From words on the command line to a command and an exit status."""

import os
import signal
import sys
from collections.abc import Sequence

from cordsnet._version import __version__
from cordsnet.cli.early import unwritable_cache
from cordsnet.cli.options import COMMANDS
from cordsnet.cli.safety import check_words
from cordsnet.cli.telling import DEBUG, told_warnings
from cordsnet.errors import InterruptionError

EXIT_CODES = {
    "0": "done",
    "1": "training, a simulation or a solver diverged or did not converge",
    "2": "the request was at fault: a name, an option, a file, a full disk, or something that is not installed",
    "128 + n": "stopped by signal n, such as 130 for Ctrl-C; the same command goes on where it can",
}
"""Exit code -> its meaning."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns one of `EXIT_CODES`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(__version__)
        return 0
    try:
        check_words(words)
        with told_warnings():
            COMMANDS[words[0]](words[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # who read our output, such as `head`, has seen enough; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("cordsnet: stopped; finished stages are kept", file=sys.stderr)
        return 130
    except InterruptionError as error:
        print(f"cordsnet: {error}; the same command goes on from there", file=sys.stderr)
        return 128 + error.number
    except ModuleNotFoundError as error:
        print(f"cordsnet: error: {error}; install what is optional: pip install 'cordsnet[all]'", file=sys.stderr)
        return 2
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        if os.environ.get(DEBUG):
            raise
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        told = unwritable_cache(error) if isinstance(error, OSError) else None
        print(f"cordsnet: error: {told or error}{notes}", file=sys.stderr)
        return 1 if isinstance(error, ArithmeticError) else 2
    return 0


def _usage() -> str:
    rows = [f"  {name:<12}{(COMMANDS[name].__doc__ or '').splitlines()[0]}" for name in COMMANDS]
    codes = [f"  {code:<12}{meaning}" for code, meaning in EXIT_CODES.items()]
    last = f"{DEBUG}=1 shows where in the code an error or a warning arose."
    return "\n".join(["usage: cordsnet COMMAND [--help]", "", *rows, "", "exit codes:", *codes, "", last])
