"""Step at which an image first reaches each area of a model."""

from dataclasses import replace

import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, seeded_generator
from cordsnet.dynamics.precision import own_precision
from cordsnet.errors import DivergedError
from cordsnet.models.interface import IMAGE, VisionModel

TRIALS = 4


@check_arguments
def arrival_steps(model: VisionModel, *, steps: int = 64, seed: int = 0) -> dict[str, int | None]:
    """Find the step at which the rates of each area first depend on the image.

    Several images are shown from the model's own start, with the same noise for all; an area is reached when its rates
    differ between them. It is computed in the model's own precision, also under `torch.autocast`.

    Parameters
    ----------
    model : a model that reads images.
    steps : largest number of steps that is tried.
    seed : of the images.

    Returns
    -------
    Area -> step, counted from 1 for the first one; None where no difference is seen within `steps`.

    Raises
    ------
    ValueError : the model reads no images.
    DivergedError : rates became infinite or NaN, which says nothing of an image, before every area was reached.
    """
    if IMAGE not in model.inputs:
        raise ValueError(f"model must read images, got one that reads {', '.join(model.inputs)}")
    check_count(steps, "steps", 1)
    like, found = model.like, dict[str, int | None].fromkeys(model.areas)
    generator = seeded_generator(seed)
    images = torch.randn(TRIALS, *model.input_shape, generator=generator, dtype=torch.float64).to(like)
    with torch.no_grad(), own_precision(like):
        system = model.system()
        state, context = system.begin(TRIALS, int(seed)), system.hold({IMAGE: images})
        if state.seeds is not None:
            state = replace(state, seeds=state.seeds[:1].expand(TRIALS))
        for step in range(1, steps + 1):
            state = system.advance(state, context)
            for area, rates in state.rates.items():
                if not bool(torch.isfinite(rates).all()):
                    raise DivergedError(area, step, system.clock.time_ms(step))
                if found[area] is None and bool((rates != rates[:1]).any()):
                    found[area] = step
            if None not in found.values():
                break
    return found
