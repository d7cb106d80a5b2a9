"""The commands about many models and many claims: `compare`, `reproduce` and `claims`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from cordsnet.cli.early import check_data, check_options, given
from cordsnet.cli.experiments import MODELS_HELP, in_groups, named_preset, run_words
from cordsnet.cli.options import COMMANDS, add_json, add_run_options, make_parser, parse
from cordsnet.cli.telling import telling
from cordsnet.experiments.table import (
    EXPERIMENTS,
    FIGURES,
    MEETING,
    RECORDINGS,
    SHOWN,
    SINGLE_FIGURES,
    STORED,
    TRAINED,
    about_figure,
    needs_files,
)

if TYPE_CHECKING:  # so that help does not wait for torch
    from cordsnet.experiments import Result


@COMMANDS.register("compare")
def compare(words: Sequence[str]) -> None:
    """Run models through experiments: one page with a verdict for every model and claim."""
    parser = make_parser("compare")
    parser.add_argument("models", nargs="+", type=str, metavar="MODEL", help=f"{MODELS_HELP}; or the folder of a sweep")
    parser.add_argument("--experiments", type=str, default="all", help="names, such as noise,time_course, or all")
    _run(parser, words, "runs/compare")


@COMMANDS.register("reproduce")
def reproduce(words: Sequence[str]) -> None:
    """Measure a figure of the paper on models, or train and report a result of it (experiment NAME)."""
    if "--list" in words:
        found = _reproduced()
        both = {name: about for rows in found.values() for name, about in rows.items()}
        print(json.dumps(both, indent=1) if "--json" in words else in_groups(found))
        return
    if not words or words[0].startswith("-"):
        parser = make_parser("reproduce NAME")
        parser.add_argument("--list", action="store_true", help="list all figures and tables, and end")
        parse(parser, [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"reproduce needs a name first; known: {', '.join((*FIGURES, *SINGLE_FIGURES, *TRAINED))}")
    name, rest = SINGLE_FIGURES.get(words[0], words[0]), words[1:]
    if name in FIGURES:
        _figure(name, rest)
        return
    EXPERIMENTS.check(name)
    check_options(f"reproduce {name}", rest, "experiments")
    scale = named_preset(EXPERIMENTS[name], rest)
    run_words(f"reproduce {name}", name, rest, f"runs/reproduce/{name}_{scale}")


def _reproduced() -> dict[str, dict[str, str]]:
    """Group all names that can be reproduced, with a sentence on each."""
    given = {name: f"{about_figure(name)} Experiments: {', '.join(FIGURES[name])}." for name in FIGURES}
    single = {name: f"{EXPERIMENTS[row].description} Experiment: {row}." for name, row in SINGLE_FIGURES.items()}
    trained = {name: EXPERIMENTS[name].description for name in TRAINED if name not in SINGLE_FIGURES.values()}
    return {
        "Figures of Soo et al. (2024), and what its reviewers asked, on trained networks": given,
        "Figures and tables with options of their own": single,
        "Other results, on networks that are trained for them": trained,
    }


def _figure(name: str, words: Sequence[str]) -> None:
    """Run the experiments of a figure of the paper on models: one page, with a page for each model behind it."""
    parser = make_parser(f"reproduce {name}", f"{about_figure(name)} Experiments: {', '.join(FIGURES[name])}.")
    taken = f"{MODELS_HELP}; or the folder of a sweep; default: {' '.join(SHOWN)}"
    parser.add_argument("models", nargs="*", type=str, metavar="MODEL", default=list(SHOWN), help=taken)
    _run(parser, words, f"runs/reproduce/{name}", name)


def _run(parser: ArgumentParser, words: Sequence[str], output: str, figure: str = "") -> None:
    """Add the options of a comparison, parse words, compare and write; `figure` is a name of `FIGURES`."""
    experiments, about = (",".join(FIGURES[figure]), about_figure(figure)) if figure else ("", "")
    parser.add_argument("--preset", "--scale", type=str, default="smoke", help="row of options of every experiment")
    parser.add_argument("--data", type=str, default=None, help="data set or path; default: what each was trained on")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, default=1, help="models measured at once, on Ray when more than one")
    parser.add_argument("--address", type=str, default=None, help='address of a Ray cluster, such as "auto"')
    add_run_options(parser, output)
    _check_experiments(experiments or given(words, "--experiments"))
    check_data(words)
    options = parse(parser, words)

    from cordsnet._checks import check_device
    from cordsnet.experiments.comparison import compare as run_comparison
    from cordsnet.experiments.comparison import rows_of
    from cordsnet.experiments.comparison.compare import experiments_of
    from cordsnet.report.compare_pages import write_comparison
    from cordsnet.training.workers import Workers

    check_device(options.device)
    names = experiments_of(_names(experiments or options.experiments), options.preset)
    rows = rows_of(options.models)
    runs = sum(len(row.sources) for row in rows)
    minutes = runs * sum(EXPERIMENTS[name].preset(options.preset).minutes for name in names)
    estimate = (
        f"networks: {runs}, experiments: {len(names)}, preset: {options.preset}; about {max(1, round(minutes))} min"
    )
    print(f"{estimate} for small networks on two cores", flush=True, file=sys.stderr if options.json else sys.stdout)
    with telling(options) as told:
        result = run_comparison(
            options.models,
            names,
            output=options.output,
            preset=options.preset,
            data=options.data,
            seed=options.seed,
            device=options.device,
            workers=Workers(options.workers, address=options.address),
            tell=told.measuring,
        )
    if figure:
        result = replace(result, meta={**result.meta, "figure": figure, "description": about})
    path, missing = write_comparison(result, options.output)
    if options.json:
        print(path.with_name("result.json").read_text())
        return
    _print(result, path, [f"note: {about}"] if about else [], missing)


def _print(result: "Result", path: Path, notes: Sequence[str], missing: Sequence[str]) -> None:
    """Print the table of a comparison, what is to be known of its models, and who was left out of what."""
    print(path.with_name("table.md").read_text(), end="")
    for note in notes:
        print(note)
    for row in result.rows("models"):
        if not row.get("trained_on"):
            print(f"note: {row['model']} has random weights, or does not say what it was trained on")
    for row in result.rows("skipped"):
        print(f"left out: {row['model']}, {row['part']}: {row['reason']}")
    for sentence in missing:
        print(sentence)
    print(f"report: {path}")


@COMMANDS.register("claims")
def claims(words: Sequence[str]) -> None:
    """Write all claims of finished experiments as one table: statement, source, scale, number, interval, verdict."""
    parser = make_parser("claims")
    parser.add_argument("folders", nargs="+", type=str, metavar="FOLDER", help="of results, such as runs/compare")
    parser.add_argument("--output", type=str, default=None, help="Markdown file to write; default: print it")
    add_json(parser)
    options = parse(parser, words)

    from cordsnet._files import write_whole
    from cordsnet.experiments import read_result
    from cordsnet.report.claims import claims_page, claims_rows

    results = [(Path(folder), read_result(folder)) for folder in options.folders]
    if options.json:
        print(json.dumps(claims_rows(results), indent=1))
        return
    page = claims_page(results)
    if options.output is None:
        print(page, end="")
    else:
        write_whole(Path(options.output), page.encode())
        print(f"claims: {options.output}")


def _names(experiments: str) -> str | list[str]:
    return "all" if experiments == "all" else [name for name in experiments.split(",") if name]


def _check_experiments(experiments: str | None) -> None:
    """Raise ValueError for unknown experiments, and for those that train, before anything slow is imported."""
    for name in [] if experiments in (None, "all") else _names(str(experiments)):
        EXPERIMENTS.check(name)
        if name in TRAINED:
            raise ValueError(f"experiment {name!r} trains its own networks and compares no models; leave it out")
        if name in STORED:
            raise ValueError(f"experiment {name!r} measures stored answers and compares no models; leave it out")
        if name in (*MEETING, *RECORDINGS):
            raise ValueError(needs_files(name))
