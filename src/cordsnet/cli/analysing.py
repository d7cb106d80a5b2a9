"""The command that looks at a trained network as a dynamical system."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cordsnet.cli.options import (
    COMMANDS,
    add_checkpoint_options,
    add_run_options,
    draws_progress,
    make_parser,
    parse,
    trained_network,
)

if TYPE_CHECKING:  # so that listing the commands does not wait for torch
    from cordsnet.experiments.portrait import Tell


@COMMANDS.register("analyze")
def analyze(words: Sequence[str]) -> None:
    """Measure a trained network as a dynamical system: spectra, time constants, attractors, regime, certificate."""
    from cordsnet._checks import check_device
    from cordsnet.experiments.portrait import PortraitSettings, portrait
    from cordsnet.report.portrait import write_portrait

    parser = make_parser("analyze")
    add_checkpoint_options(parser)
    add_run_options(parser, "runs/analysis")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_class_arguments(PortraitSettings, as_group=False)
    options = parse(parser, words)
    settings = PortraitSettings(**{name: options[name] for name in PortraitSettings.__dataclass_fields__})
    device = check_device(options.device)
    model, shown = trained_network(options)
    shown = shown.to(model.to(device))
    with progress_bar(draws_progress(options)) as tell:
        found = portrait(model, shown.images, shown.labels, settings, tell)
    path = write_portrait(found, options.output)
    if found.regime is not None:
        print(f"regime: {found.regime.regime.value}")
    if found.certificate is not None:
        print(found.certificate)
    for part, why in found.skipped.items():
        print(f"not measured: {part} ({why})")
    print(f"report: {path}")


@contextmanager
def progress_bar(draws: bool) -> Iterator["Tell"]:
    """A function to call as parts begin; it draws a bar, or does nothing."""
    if not draws:
        yield lambda label, done, total: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("", total=None)
        yield lambda label, done, total: bar.update(task, description=label, completed=done, total=total)
