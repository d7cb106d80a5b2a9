"""Cost of a recipe: sizes, operations, memory and time, from one small batch and without its data."""

import time
from pathlib import Path
from typing import Any

import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.data import Split, VisionData, is_path
from cordsnet.data.table import SHAPES
from cordsnet.errors import DataError
from cordsnet.models import VisionModel
from cordsnet.training.cost import first_batch, update_cost
from cordsnet.training.recipe import Recipe
from cordsnet.training.sources import LabelledImages, Source, as_source
from cordsnet.training.stage import Context, Stage
from cordsnet.training.stages.train import Train, TrainedModule, TrainingStage

MOST = 1024
"""Largest number of images that are measured."""

STATES = {"sgd": 1, "adamw": 2}
"""Optimiser -> numbers that it keeps for every parameter."""

COPIES = 3
"""Numbers for every parameter beside those: the weight, its gradient, and the last good weight."""

SUSTAINED = 50.0
"""Speed of the device for which hours are also given, TFLOP/s; what is reached in half precision varies with the
network and the device."""


@check_arguments
def dry_run(recipe: Recipe, images: int | None = None) -> dict[str, Any]:
    """Say what the stages of a recipe that train would take; nothing is trained or written.

    The network is built at its size and makes one update's passes for a few random images, on a GPU where there is one.
    Operations and what is kept for the gradient are taken to be proportional to the number of images.

    Parameters
    ----------
    recipe : the recipe. Its data need not be on this machine where their sizes are known; a path is read.
    images : number of images that are measured, at least 2; None is 16, or 2 of more than 64 px. Larger batches are
        faster, so that times are an upper bound.

    Returns
    -------
    Plain data: "model" and "data" with their sizes (no number of training images for trials that are made as they are
    needed), and for each of "stages" `updates` (None under a budget of
    seconds), `images`, `flops_per_image`, `flops`, `memory_gb` in float32, `hours_here` at the speed that was measured,
    and `hours_at_50_tflops`.

    Raises
    ------
    DataError : the sizes of the data are not known, or there is no such folder.
    """
    if images is None:
        images = 16 if recipe.model.shown_size <= 64 else 2
    check_count(images, "images", 2, most=MOST)
    source, training_images = _source(recipe, images)
    recipe.check()
    recipe = recipe.resolved(source)
    spec = recipe.model.spec()
    source.check(spec)
    for stage in recipe.stages:
        stage.check_data(source)
    context = Context(spec, source, Path(), recipe.seed, False, recipe.model.kind)
    model = context.fresh_model()
    about = {
        "name": recipe.model.name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "input": {name: list(shape) for name, shape in model.inputs.items()},
        "outputs": _outputs(model.eval()),
        "response_ms": model.response_ms,
        "clock": model.timing,
    }
    stages = {stage.name: _stage(stage, context, images, training_images) for stage in recipe.stages}
    data = {"name": recipe.data or recipe.name, "training_images": training_images}
    return {"recipe": recipe.name, "model": about, "data": data, "stages": stages}


@torch.no_grad()
def _outputs(model: VisionModel) -> dict[str, list[int]]:
    """Output -> its sizes without the batch."""
    system = model.system()
    return {name: list(values.shape[1:]) for name, values in system.read(system.begin(1)).items()}


def _source(recipe: Recipe, images: int) -> tuple[Source, int | None]:
    """Random images of the sizes of the data, and how many images for training these have; or trials themselves."""
    name = recipe.data or recipe.name
    if recipe.data_options:
        return as_source(recipe.load_data()), None
    if recipe.data and is_path(recipe.data):
        real: VisionData = recipe.load_data()
        channels, classes, count = real.train.shape[0], len(real.classes), len(real.train)
    elif name in SHAPES:
        channels, classes, count = SHAPES[name]
    else:
        raise DataError(f"sizes of {name!r} are not known; give the data with --data, or one of {', '.join(SHAPES)}")
    size = recipe.model.shown_size
    pixels = torch.randint(256, (images, channels, size, size), generator=torch.Generator().manual_seed(0))
    split = Split(pixels.to(torch.uint8), torch.arange(images) % classes)
    names = tuple(map(str, range(classes)))
    ones = (1.0,) * channels
    return LabelledImages(
        VisionData(name, split, split, names, (0.0,) * channels, ones, "none", "random pixels")
    ), count


def _stage(stage: Stage, context: Context, images: int, training_images: int | None) -> dict[str, Any]:
    """Say what one stage takes; nothing is said of those that do not train with a loss."""
    whole = stage.as_train() if isinstance(stage, TrainingStage) else stage
    if not isinstance(whole, Train):
        return {"kind": stage.kind}
    model = context.fresh_model(whole.feedforward)
    module = TrainedModule(model.train(), whole, context.seed)
    if torch.cuda.is_available():
        module.to("cuda")
    batch = first_batch(context.source, images, context.seed, whole.augmentation, model.like)
    cost = update_cost(module, batch)
    started = time.perf_counter()
    update_cost(module, batch)
    seconds = (time.perf_counter() - started) / images
    how, flops = whole.optimisation, cost.flops / images
    updates: int | None = how.updates
    if whole.budget is not None:
        updates = None if whole.budget.seconds is not None else whole.budget.updates(how.batch, flops * how.batch)
    parameters = sum(p.numel() for p in module.trained_parameters())
    part = max(1, how.batch // how.accumulate)
    shown = None if updates is None else updates * how.batch
    return {
        "kind": stage.kind,
        "updates": updates,
        "batch": how.batch,
        "images": shown,
        "epochs": None if shown is None or training_images is None else shown / training_images,
        "flops_per_image": flops,
        "flops": None if shown is None else flops * shown,
        "memory_gb": (4 * parameters * (COPIES + STATES[how.optimiser]) + part * cost.kept_bytes / images) / 1e9,
        "gflops_per_second_here": flops / seconds / 1e9,
        "hours_here": None if shown is None else seconds * shown / 3600,
        "hours_at_50_tflops": None if shown is None else flops * shown / SUSTAINED / 1e12 / 3600,
    }


def _times(epochs: float | None) -> str:
    return "trials" if epochs is None else f"images ({epochs:.1f} times through them)"


def sentences(plan: dict[str, Any]) -> list[str]:
    """The plan in words."""
    model, data = plan["model"], plan["data"]
    sizes = [f"{name} {' x '.join(map(str, shape))}" for name, shape in (model["input"] | model["outputs"]).items()]
    known = data["training_images"]
    amount = "trials are made as they are needed" if known is None else f"{known:,} images for training"
    said = [
        f"{model['name']}: {model['parameters']:,} parameters, {', '.join(sizes)}, {model['clock']}, response after "
        f"{model['response_ms']:g} ms",
        f"{data['name']}: {amount}",
    ]
    for name, row in plan["stages"].items():
        if "flops" not in row:
            said.append(f"{name}: {row['kind']}, not estimated")
            continue
        cost = f"{row['flops_per_image'] / 1e9:.3g} GFLOP for an image and its gradient, {row['memory_gb']:.2g} GB"
        if row["updates"] is None:
            said.append(f"{name}: {cost}; as long as its budget of seconds lasts")
            continue
        said.append(
            f"{name}: {row['updates']:,} updates of {row['batch']} {_times(row['epochs'])}; "
            f"{cost}; at most {row['hours_here']:.2g} hours on this machine "
            f"at {row['gflops_per_second_here']:.3g} GFLOP/s, "
            f"{row['hours_at_50_tflops']:.2g} at {SUSTAINED:g} TFLOP/s"
        )
    said.append("nothing was trained; memory is that of float32 without the images, and times are for one device")
    return said
