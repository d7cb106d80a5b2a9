"""The command that lists models, says all about one, and checks them."""

import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse
from cordsnet.models.names import MODELS

PAPER = re.compile(r"(?P<authors>[^,]+),.*?(?P<year>(19|20)\d\d)")
"""Authors and year at the beginning of a row's source."""

LABEL = 22
"""Columns of the names of facts."""

UNROLLING = {
    "sync": "sync: every area reads the step before",
    "sweep": "sweep: areas are updated bottom to top within a step",
    "inner": "inner: an area runs all its iterations before the next one starts",
}


@COMMANDS.register("models")
def models(words: Sequence[str]) -> None:
    """List the models with sizes, clock and paper; `show NAME` says all about one, `check NAME` or `--all` checks."""
    if words and words[0] in FURTHER:
        FURTHER[words[0]](words[1:])
        return
    parser = make_parser("models")
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'cordsnet_*'; or: show NAME, check NAME"
    )
    add_json(parser)
    options = parse(parser, words)
    rows = [_facts(name) for name in MODELS.names(options.pattern)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'name':<26}{'areas':>5}{'units':>10}{'parameters':>12}  {'input':<14}{'clock':<11}{'paper':<28}pretrained")
    for row in rows:
        shape = " x ".join(map(str, next(iter(row["inputs"].values()), ())))
        numbers = f"{len(row['areas']):>5}{row['units']:>10,}{row['parameters']:>12,}"
        words_of = f"{row['clock'].partition(' ')[0].rstrip(','):<11}{_paper(row['source']):<28}"
        print(f"{row['name']:<26}{numbers}  {shape:<14}{words_of}{', '.join(row['pretrained'])}".rstrip())


def _paper(source: str) -> str:
    """Authors and year."""
    found = PAPER.match(source)
    return f"{found['authors'].strip()} {found['year']}" if found else source.partition(",")[0]


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
        print(f"{name.replace('_', ' '):<{LABEL}}{_shown(name, value)}")


def _shown(name: str, value: Any) -> str:
    """A fact in words."""
    if name == "arrival":
        steps = (f"{area} {'never' if step is None else step}" for area, step in value.items())
        return ", ".join(steps) or "it reads no images"
    if isinstance(value, dict):
        return ", ".join(f"{key} ({' x '.join(map(str, shape))})" for key, shape in value.items())
    if name in ("cannot", "remarks"):
        return ("\n" + " " * LABEL).join(value) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else "none" if value is None else str(value)


def _facts(name: str) -> dict[str, Any]:
    """Plain data about a model of the table, from the shapes of its weights alone."""
    import torch  # slow, so after the words were read

    from cordsnet.models import build, list_pretrained

    row = MODELS[name]
    with torch.device("meta"):  # shapes alone
        model = build(row.spec, kind=row.kind)
    facts = dataclasses.asdict(model.summary())
    facts |= {
        "outputs": list(model.outputs),
        "name": name,
        "tags": list(facts["tags"]),
        "source": row.source,
        "clock": row.clock,
    }
    facts["published_parameters"] = row.published
    facts["licence"] = row.licence or "no weights by its authors"
    facts["pretrained"] = [data for known, data in list_pretrained() if known == name]
    return json.loads(json.dumps(facts))  # type: ignore[no-any-return]  # tuples as lists


def _abilities(name: str) -> dict[str, Any]:
    """Order of updates, arrival of the image, and what a model cannot do; asked of a small one of its kind."""
    from cordsnet.experiments import needs
    from cordsnet.models import arrival_steps, build

    row = MODELS[name]
    model = build(row.spec.changed(**row.tiny), kind=row.kind).eval()
    asked = (needs.classifies_images, needs.dynamics, needs.rate_equation)
    lacks = dict.fromkeys(need(model).partition(";")[0] for need in asked)
    return {
        "unrolling": UNROLLING[model.system().unrolling] if needs.is_dynamical(model) else "none: it answers at once",
        "arrival": arrival_steps(model) if "image" in model.inputs else {},
        "cannot": [lack for lack in lacks if lack],
        "remarks": list(row.remarks),
    }


def _check(words: Sequence[str]) -> None:
    """Check the contract, parameter counts and clocks; exit with 1 where some fail."""
    parser = make_parser("models check", "Check models of the table: contract, parameter counts, clocks.")
    parser.add_argument("names", nargs="*", type=str, help="names of models")
    parser.add_argument("--all", action="store_true", help="all models")
    parser.add_argument("--compile", action="store_true", help="also check that they can be compiled, which is slow")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="processes")
    add_json(parser)
    options = parse(parser, words)
    names = list(MODELS) if options.all else options.names
    if not names or (options.all and options.names):
        raise ValueError("models check needs names of models, or --all and no names")
    for name in names:
        MODELS.check(name)
    from cordsnet.testing.rows import COMPILING, check_rows

    found = []
    for row in check_rows(names, options.jobs, () if options.compile else (COMPILING,)):
        found.append(row)
        if not options.json:
            count = f"{row.parameters:,} parameters" + (", as published" if row.published == row.parameters else "")
            said = "; ".join(f"{rule}: {sentence}" for rule, sentence in row.broken.items())
            print(f"{row.name:<26}{said or 'keeps all rules'} ({count}, {row.seconds:.1f} s)", flush=True)
    if options.json:
        print(json.dumps([dataclasses.asdict(row) for row in found], indent=1))
    if failed := [row.name for row in found if row.broken]:
        print(f"{len(failed)} of {len(found)} models break rules: {', '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


FURTHER = {"show": _show, "check": _check}
"""First words that are no pattern."""
