"""The rows of the table of models under all checks: the contract, parameter counts, and the words about clocks."""

import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.models import MODELS, build
from cordsnet.testing.check import CHECKS, broken_rules

COMPILING = "compiled_is_the_same"
"""The rule that takes ten times as long as all others, and depends on the kind of a model alone."""

PARTS = ("areas", "connections")
"""Fields of a spec that grow with its depth."""

CLOCK_WORDS = {"continuous": "continuous", "steps": "steps", "static": "static"}


@dataclass(frozen=True)
class RowCheck:
    """Result of the checks of a row.

    Attributes
    ----------
    name : the model's name.
    parameters, published : number of parameters as the row makes it, and of the published network if that is known.
    broken : rule -> sentence; empty where all hold.
    seconds : duration of the checks.
    """

    name: str
    parameters: int
    published: int | None
    broken: dict[str, str]
    seconds: float


@check_arguments
def check_row(name: str, *, skip: Sequence[str] = (COMPILING,), seed: int = 0) -> RowCheck:
    """Check a model of the table: a small version by the rules of `check_model`, its parameter count and its clock.

    Parameters
    ----------
    name : of a row of `MODELS`.
    skip : rules to leave out; by default the one that compiles.
    seed : of the weights and inputs.
    """
    began, row = time.perf_counter(), MODELS[name]
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build(row.spec, kind=row.kind).parameters())
    tiny = build(row.spec.changed(**row.tiny), seed, row.kind)
    broken = broken_rules(tiny, skip=skip, seed=seed)
    if row.published is not None and parameters != row.published:
        broken["parameters"] = f"{parameters:,} parameters, the published network has {row.published:,}"
    if CLOCK_WORDS[tiny.clock.kind] not in row.clock:
        broken["clock"] = f"the row says {row.clock!r}, and the clock is of the kind {tiny.clock.kind!r}"
    return RowCheck(name, parameters, row.published, broken, time.perf_counter() - began)


def representatives(names: Collection[str]) -> dict[str, str]:
    """Find the first name among `names` whose small version is the same network but for its name, for each of them."""
    first, found = dict[str, str](), dict[str, str]()
    for name in names:
        row = MODELS[name]
        spec = row.spec.changed(**row.tiny).to_dict() | {"name": "", "notes": ""}
        found[name] = first.setdefault(f"{row.kind} {spec}", name)
    return found


def outermost(names: Collection[str]) -> list[str]:
    """Leave out rows between the shallowest and the deepest of a family that have no kind of area or connection more.

    A family are the rows of one kind whose small versions agree in all but areas, connections and readout, and in
    whether all areas are recurrent. What is left out has more or fewer areas of the same kinds, connected alike.
    """
    families: dict[str, list[str]] = {}
    for name in names:
        row = MODELS[name]
        spec = row.spec.changed(**row.tiny).to_dict()
        areas = spec.get("areas", ())
        if not (areas and "connections" in spec):
            families[name] = [name]
            continue
        rest = {field: value for field, value in spec.items() if field not in (*PARTS, "name", "notes", "readout")}
        recurrent = sorted({str(area.get("recurrent_kernel")) for area in areas})
        families.setdefault(f"{row.kind} {rest} {recurrent}", []).append(name)
    return [name for family in families.values() for name in _ends(family)]


def _ends(family: Sequence[str]) -> list[str]:
    """The ends of a family, and what has a part that they lack."""
    if len(family) < 3:
        return list(family)
    by_depth = sorted(family, key=lambda name: len(_parts(name)[0]))
    ends = {by_depth[0], by_depth[-1]}
    known = set().union(*(_kinds_of_parts(name) for name in ends))
    return [name for name in family if name in ends or not _kinds_of_parts(name) <= known]


def _parts(name: str) -> tuple[list[dict[str, Any]], ...]:
    spec = MODELS[name].spec.changed(**MODELS[name].tiny).to_dict()
    return tuple(list(spec.get(part, ())) for part in PARTS)


def _kinds_of_parts(name: str) -> set[str]:
    """The areas and connections of a row, without their names and widths."""
    own = ("name", "source", "target", "channels")
    return {str({field: value for field, value in one.items() if field not in own}) for s in _parts(name) for one in s}


def check_rows(names: Collection[str], jobs: int = 1, skip: Sequence[str] = (COMPILING,)) -> Iterator[RowCheck]:
    """Check several models of the table, by as many processes as `jobs`; results come in the order of the names.

    Rows whose small versions are the same network are checked for the contract once.
    """
    check_count(jobs, "jobs")
    same, done = representatives(names), dict[str, RowCheck]()
    checked = _checked([name for name in names if same[name] == name], jobs, tuple(skip))
    for name in names:
        done[name] = next(checked) if same[name] == name else _like(name, done[same[name]])
        yield done[name]


def _like(name: str, other: RowCheck) -> RowCheck:
    """The check of a row whose small version is that of another: its own count and clock, the contract of the other."""
    own = check_row(name, skip=list(CHECKS))
    return replace(own, broken={rule: said for rule, said in other.broken.items() if rule in CHECKS} | own.broken)


def _checked(names: Sequence[str], jobs: int, skip: tuple[str, ...]) -> Iterator[RowCheck]:
    if jobs == 1 or len(names) == 1:
        yield from (check_row(name, skip=skip) for name in names)
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        yield from pool.map(_check_row, names, [skip] * len(names))


def _check_row(name: str, skip: tuple[str, ...]) -> RowCheck:
    return check_row(name, skip=skip)
