"""Call every public function and class of cordsnet with bad arguments, one argument at a time, and count what happens.

    python benchmarks/bad_input.py [--sample N] [--only NAME ...] [--seconds S] [--json FILE]

Each call runs in a worker process of bounded memory and time. A call is `refused` (an error that the package raises
itself, with a sentence), `accepted` (a result without a new NaN), `known` (see `KNOWN`), `raw` (an error of a
library), `hang`, `crash` (the worker died or ran out of memory) or `nan` (a NaN in the result without a warning, a
note, or a word about NaN in the documentation of the function or its result).
"""

import argparse
import collections
import dataclasses
import dis
import importlib
import inspect
import json
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bad_input_calls import GOOD, USE
from bad_input_values import bad_values

import cordsnet
from cordsnet.tasks import TASKS

HOME = str(Path(cordsnet.__file__).parent)
PARTS = ("", ".analysis", ".data", ".dynamics", ".experiments", ".models", ".neural", ".stimuli", ".tasks", ".training")
KINDS = ("refused", "accepted", "known", "raw", "hang", "crash", "nan")
BYTES, SECONDS, SHORTEST, LARGEST = 6 * 2**30, 20, 20, 10**8
OWN_ERRORS = (ValueError, TypeError, ArithmeticError, OSError)

HANDS_ON = "a linear map, which hands NaN on, and asks torch for the memory"
USERS = "an error of the function that the user gave"
KNOWN = {
    ("cordsnet.analysis.Diagonal", "values"): HANDS_ON,
    ("cordsnet.analysis.MatrixOperator", "matrix"): HANDS_ON,
    ("cordsnet.data.to_unit_range", "pixels"): HANDS_ON,
    ("cordsnet.dynamics.channels_last", "value"): HANDS_ON,
    ("cordsnet.dynamics.convolve", "value"): HANDS_ON,
    ("cordsnet.dynamics.convolve", "weight"): HANDS_ON,
    ("cordsnet.dynamics.anderson", "start"): "a solver, which asks torch for the memory",
    ("cordsnet.dynamics.broyden", "start"): "a solver, which asks torch for the memory",
    ("cordsnet.dynamics.fixed_point_iteration", "start"): "a solver, which asks torch for the memory",
    ("cordsnet.dynamics.expansion_penalty", "value"): "a product, which asks torch for the memory",
    ("cordsnet.analysis.continue_fixed_point", "flow_of"): USERS,
    ("cordsnet.dynamics.anderson", "f"): USERS,
    ("cordsnet.dynamics.broyden", "f"): USERS,
    ("cordsnet.dynamics.fixed_point_iteration", "f"): USERS,
    ("cordsnet.dynamics.expansion_penalty", "f"): USERS,
    ("cordsnet.experiments.evaluate", "tell"): USERS,
    ("cordsnet.tasks.from_neurogym", "renderer"): USERS,
    ("cordsnet.training.objective", "spontaneous"): USERS,
}
"""Function and argument -> why a call with NaN, a class for a function or a tensor of 4 TB is not refused by it."""


class SlowError(BaseException):
    """A call took too long; no handler of the package catches it."""


def public() -> dict[str, Any]:
    """Return public name -> object, in the package that is nearest to where it is defined, and the classes of tasks."""
    found: dict[str, Any] = {}
    for part in reversed(PARTS):
        package = importlib.import_module(f"cordsnet{part}")
        for name in package.__all__:
            value = getattr(package, name)
            if not any(value is other for other in found.values()):
                found[f"{package.__name__}.{name}"] = value
    return found | {f"cordsnet.tasks.{TASKS[name].__name__}": TASKS[name] for name in TASKS}


def goods(name: str) -> Any:
    """Return the maker of good arguments for a dotted name, or None."""
    short = name.rpartition(".")[2]
    return None if name.startswith("cordsnet.training.Masked") else GOOD.get(short)


def calls_of(name: str, function: Any) -> Iterator[tuple[str, str, str]]:
    """Yield name, argument and description of the value for every bad call of one function."""
    good = goods(name)()
    for argument, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            yield from ((name, argument, label) for label in bad_values(good.get(argument, parameter.default)))


def not_finite(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the places in a result that hold NaN."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        if value.numel() <= LARGEST and (value.is_floating_point() or value.is_complex()):
            yield from ["numbers"] if bool(torch.isnan(value).any()) else []
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        yield from ["numbers"] if bool(np.isnan(value).any()) else []
    elif isinstance(value, float) and math.isnan(value):
        yield "number"
    elif depth < 4 and isinstance(value, Mapping):
        yield from (f"{k}.{place}" for k, v in value.items() for place in not_finite(v, depth + 1))
    elif depth < 4 and isinstance(value, list | tuple):
        yield from (f"{place}" for v in value[:50] for place in not_finite(v, depth + 1))
    elif depth < 4 and dataclasses.is_dataclass(value) and "NaN" not in (inspect.getdoc(type(value)) or ""):
        fields = {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
        yield from not_finite(fields, depth)


def is_own(error: BaseException) -> bool:
    """True if a `raise` of the package, with a sentence, is where the error came from."""
    frames = list(traceback.walk_tb(error.__traceback__))
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    if entry is None or not frames[-1][0].f_code.co_filename.startswith(HOME):
        return False
    raising = {i.offset for i in dis.get_instructions(entry.tb_frame.f_code) if i.opname == "RAISE_VARARGS"}
    return entry.tb_lasti in raising and isinstance(error, OWN_ERRORS) and len(str(error)) > SHORTEST


def where(error: BaseException) -> str:
    """Return the last line of the package that the error passed, and the error's first line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(HOME)]
    place = f"{frames[-1].filename[len(HOME) + 1 :]}:{frames[-1].lineno}" if frames else "outside"
    return f"{type(error).__name__} at {place}: {str(error).splitlines()[0][:120] if str(error) else ''}"


def result_of(name: str, function: Any, given: dict[str, Any]) -> Any:
    """Call and use one function."""
    result = function(**given)
    return USE.get(name.rpartition(".")[2], lambda value: value)(result)


def outcome(name: str, function: Any, argument: str, label: str, usual: set[str]) -> tuple[str, str]:
    """Return the class of one call, and what was seen."""
    given = goods(name)()
    default = inspect.signature(function).parameters[argument].default
    given[argument] = bad_values(given.get(argument, default))[label]()
    try:
        signal.alarm(SECONDS)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            result = result_of(name, function, given)
        new = set(not_finite(result)) - usual
        told = said or getattr(result, "notes", ()) or "status" in vars(type(result)).get("__annotations__", {})
        told = told or "NaN" in (inspect.getdoc(function) or "") or (name, argument) in KNOWN
        return ("nan", ", ".join(sorted(new))) if new and not told else ("accepted", "")
    except SlowError as error:
        return "hang", where(error)
    except MemoryError as error:
        return "crash", where(error)
    except BaseException as error:  # noqa: BLE001 - the program is about every error that can come
        if (name, argument) in KNOWN and label in ("class", "large tensor"):
            return "known", KNOWN[name, argument]
        return ("refused", str(error)) if is_own(error) else ("raw", where(error))
    finally:
        signal.alarm(0)


def work(pipe: Any, functions: dict[str, Any]) -> None:
    """Answer calls until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os.chdir(tempfile.mkdtemp())
    torch.set_num_threads(1)
    usual: dict[str, set[str]] = {}
    while True:
        name, argument, label = pipe.recv()
        if name not in usual:  # an error here says that the table of good calls is wrong
            usual[name] = set(not_finite(result_of(name, functions[name], goods(name)())))
        pipe.send(outcome(name, functions[name], argument, label, usual[name]))


def _too_slow(number: int, frame: types.FrameType | None) -> None:
    raise SlowError(f"took over {SECONDS} s")


class Worker:
    """A process that makes calls, and is replaced when it dies or does not answer."""

    def __init__(self, functions: dict[str, Any]) -> None:
        self.functions = functions
        self.start()

    def start(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("fork")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.functions), daemon=True)
        self.process.start()
        other.close()

    def call(self, call: tuple[str, str, str]) -> tuple[str, str]:
        """Return the class of one call, and what was seen."""
        try:
            self.pipe.send(call)
            if self.pipe.poll(2 * SECONDS + 5):
                return self.pipe.recv()  # type: ignore[no-any-return]
            answer = "hang", "no answer"
        except (EOFError, OSError):
            self.process.join(5)
            answer = "crash", f"exit status {self.process.exitcode}"
        self.stop()
        self.start()
        return answer

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def sweep(only: list[str] = [], sample: int | None = None, seconds: float = math.inf, seed: int = 0):  # noqa: B006
    """Return the outcome of every call made, the names without a good call, and the number of calls left out.

    Calls come in an order drawn from `seed`, so a run that ends early is a fair sample.
    """
    functions = public()
    missing = [name for name in functions if goods(name) is None]
    chosen = [n for n in functions if n not in missing and (not only or n.rpartition(".")[2] in only or n in only)]
    with tempfile.TemporaryDirectory() as folder:
        here = os.getcwd()
        os.chdir(folder)
        calls = [call for name in chosen for call in calls_of(name, functions[name])]
        os.chdir(here)
    random.Random(seed).shuffle(calls)  # noqa: S311
    calls, end, seen = calls[:sample], time.monotonic() + seconds, []
    worker = Worker(functions)
    for call in calls:
        if time.monotonic() > end:
            break
        begun = time.monotonic()
        kind, detail = worker.call(call)
        seen.append((*call, kind, detail, round(time.monotonic() - begun, 2)))
    worker.stop()
    return seen, missing, len(calls) - len(seen)


def table(seen: list[tuple[Any, ...]]) -> str:
    """Return calls by package and class."""
    counts = collections.Counter((row[0].rpartition(".")[0], row[3]) for row in seen)
    lines = [f"{'package':24}" + "".join(f"{kind:>10}" for kind in KINDS)]
    for part in sorted({package for package, _ in counts}):
        lines.append(f"{part:24}" + "".join(f"{counts[part, kind]:>10}" for kind in KINDS))
    total = collections.Counter(row[3] for row in seen)
    return "\n".join([*lines, f"{'all':24}" + "".join(f"{total[kind]:>10}" for kind in KINDS)])


def failures(seen: list[tuple[Any, ...]]) -> Iterator[str]:
    """Yield a line for every call that is neither refused in a sentence nor accepted."""
    for name, argument, label, kind, detail, _ in sorted(seen, key=lambda row: (KINDS[::-1].index(row[3]), row)):
        if kind not in ("refused", "accepted", "known"):
            yield f"{kind:6} {name}({argument}={label}): {detail}"


def main() -> None:
    """Run the sweep and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, help="number of calls, drawn at random; all by default")
    parser.add_argument("--only", nargs="*", default=[], help="names of functions or classes")
    parser.add_argument("--seconds", type=float, default=math.inf, help="wall-clock time after which no call starts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the outcome of every call")
    given = parser.parse_args()
    seen, missing, left = sweep(given.only, given.sample, given.seconds, given.seed)
    print("\n".join(failures(seen)), table(seen), sep="\n\n")
    print(f"{len(seen)} calls; {left} left out for lack of time; no good call: {', '.join(missing)}")
    if given.json:
        names = ("function", "argument", "value", "class", "detail", "seconds")
        given.json.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in seen], indent=1))


if __name__ == "__main__":
    main()
