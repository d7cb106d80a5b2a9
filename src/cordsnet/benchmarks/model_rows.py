"""`cordsnet bench --models`: what a step and an update of every model that classifies images cost, one row each."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any, get_args

import torch

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count, check_device, check_positive
from cordsnet.benchmarks.apart import call_apart
from cordsnet.benchmarks.measure import gemm_rate
from cordsnet.benchmarks.model_workload import ModelKind, ModelWorkload, measure_model
from cordsnet.benchmarks.run import describe_machine
from cordsnet.experiments.needs import classifies_images
from cordsnet.models import MODELS, build

SMALL = 32
"""Largest size of a row's own images for which it is measured when no model is named, px."""


@check_init
@dataclasses.dataclass(frozen=True)
class ModelBench:
    """Settings that are the same for all models that are measured.

    Attributes
    ----------
    size : height and width of the images, px.
    batch : images that are run at once; fewer where they do not fit into memory.
    repeats : timed runs, after a first one.
    device : "cpu" or "cuda".
    limit_s : seconds that the measurement of inference, or of training, of a model may take.
    """

    size: int = 32
    batch: int = 16
    repeats: int = 3
    device: str = "cpu"
    limit_s: float = 300.0

    def __post_init__(self) -> None:
        check_count(self.size, "size", 1, most=4096)
        check_count(self.batch, "batch", 2, most=10**6, why="batch norms need two images in training")
        check_count(self.repeats, "repeats", 1, most=10**6)
        check_positive(self.limit_s, "limit_s")


HEADER = (
    f"{'model':<28}{'steps':>6}{'ms/step/image':>15}{'MFLOP/step':>12}{'of floor':>10}{'memory':>10}"
    f"{'training step':>15}{'of floor':>10}{'memory':>10}  iterations"
)


def small_models() -> list[str]:
    """Names of the models that classify images and whose own images are small."""
    sizes = {name: getattr(MODELS[name].spec, "image_size", None) for name in MODELS}
    return [name for name, size in sizes.items() if size is not None and max(size) <= SMALL and not _lack(name)]


@check_arguments
def bench_models(
    models: Sequence[str], how: ModelBench | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure what models cost: a simulated step of an image, and an update, each in a process of its own.

    Models have random weights, 10 classes and their own steps; images are held for a model's response time, and a step
    of a model that answers at once is its answer. Times of a step are those of a whole forward pass, without the
    spontaneous activity that a model keeps, divided by steps and images.

    Parameters
    ----------
    models : names of rows of the table of models; "all" for all that classify images; none for the small ones of these.
    how : what is the same for all; None is the default.
    report : called with every line of the table.

    Returns
    -------
    Plain data: "rows", "settings", "machine", "gemm_flops_per_second". A row has `model`, `parameters`, `input`,
    `clock`, `steps`, `dt_ms`; `ms_per_step` and `flops_per_step` of one image; what `measure_model` gives under
    "inference" and "training", each with `floor_fraction` and `gemm_fraction` (None where it failed); `iterations`, the
    mean number, for models that solve a frame; and `said`, a sentence for all that was left out, or that a model warned
    of.

    Raises
    ------
    ValueError : there is no such model or device.
    """
    how = ModelBench() if how is None else how
    check_device(how.device)
    for name in models:
        if name != "all":
            MODELS.check(name)
    chosen = small_models() if not models else [n for n in MODELS if not _lack(n)] if "all" in models else list(models)
    machine, rate = describe_machine(how.device), gemm_rate(how.device)
    report(f"{machine['processor']}, matrix product {rate / 1e9:.0f} GFLOP/s, {how.batch} images of {how.size} px")
    report(HEADER)
    rows = []
    for name in chosen:
        row = _row(name, how, rate)
        for line in _lines(row):
            report(line)
        rows.append(row)
    return {
        "rows": rows,
        "settings": dataclasses.asdict(how),
        "machine": machine,
        "gemm_flops_per_second": rate,
    }


def _lack(name: str) -> str:
    """Say why a model is left out; "" if it classifies images."""
    row = MODELS[name]
    with torch.device("meta"):  # shapes alone
        return classifies_images(build(row.spec, kind=row.kind))


def _row(name: str, how: ModelBench, rate: float) -> dict[str, Any]:
    """Measure one model, or say why it cannot be measured."""
    row: dict[str, Any] = {"model": name, "inference": None, "training": None, "iterations": None, "said": []}
    if lack := _lack(name):
        return row | {"said": [f"left out, since it {lack}"]}
    works = {kind: ModelWorkload(name, kind, how.batch, how.size) for kind in get_args(ModelKind)}
    try:
        spec = works["inference"].spec()
    except ValueError as error:
        return row | {"said": [f"cannot be made for images of {how.size} px ({error}); give another size"]}
    with torch.device("meta"):
        model = build(spec, kind=MODELS[name].kind)
    row |= {"parameters": sum(p.numel() for p in model.parameters()), "input": list(model.input_shape)}
    row |= {"clock": model.clock.kind, "dt_ms": model.dt_ms, "steps": round(model.response_ms / model.dt_ms)}
    for kind, work in works.items():
        try:
            found = call_apart(measure_model, work, how.repeats, how.device, limit_s=how.limit_s)
        except RuntimeError as error:
            row["said"].append(f"{kind}: {error}")
            continue
        row["said"] += [f"{kind}: {note}" for note in found.pop("notes")]
        row[kind] = found | _shares(found, rate)
        if found["batch"] < how.batch:
            row["said"].append(f"{kind}: {found['batch']} images at once, since {how.batch} did not fit into memory")
    return row | _of_a_step(row)


def _shares(found: dict[str, Any], rate: float) -> dict[str, Any]:
    seconds = statistics.median(found["seconds"])
    return {
        "median_seconds": seconds,
        "floor_fraction": found["floor_seconds"] / seconds,
        "gemm_fraction": found["flops"] / seconds / rate,
        "flops_per_image": found["flops"] / found["batch"],
    }


def _of_a_step(row: dict[str, Any]) -> dict[str, Any]:
    """Cost of one step and image, and the iterations of a solver; nothing where inference failed."""
    found = row["inference"]
    if found is None:
        return {}
    counts, steps = found["iterations"], row["steps"]
    reached = [n for n in counts or () if n is not None]
    if counts is not None and len(reached) < len(counts):
        row["said"].append(f"the solver reached its tolerance for {len(reached)} of {len(counts)} images")
    return {
        "ms_per_step": 1e3 * found["median_seconds"] / steps / found["batch"],
        "flops_per_step": found["flops_per_image"] / steps,
        "iterations": statistics.fmean(reached) if reached else None,
    }


def _lines(row: dict[str, Any]) -> list[str]:
    """A row of the table, and what there is to say."""
    forward, update, lines = row["inference"], row["training"], []
    if forward is not None or update is not None:
        line = f"{row['model']:<28}{row['steps']:>6}"
        line += f"{'':>27}" if forward is None else f"{row['ms_per_step']:>15.3g}{row['flops_per_step'] / 1e6:>12.3g}"
        line += _part(forward)
        line += f"{'':>15}" if update is None else f"{1e3 * update['median_seconds']:>12.3g} ms"
        line += _part(update)
        lines.append(line + (f"{row['iterations']:>12.1f}" if row["iterations"] is not None else ""))
    return lines + [f"{row['model']}: {said}" for said in row["said"]]


def _part(found: dict[str, Any] | None) -> str:
    if found is None:
        return f"{'':>20}"
    return f"{100 * found['floor_fraction']:>8.0f} %{found['peak_bytes'] / 1e6:>7.1f} MB"
