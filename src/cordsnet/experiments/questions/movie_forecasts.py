"""Forecasts of the next frame of drifting digits, beside those that know nothing of motion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cordsnet._intervals import LEVEL
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import DRAWS
from cordsnet.experiments.needs import IMAGE
from cordsnet.experiments.questions.movie_source import READ, REPEATS, MovieSource, trial_ms
from cordsnet.experiments.questions.movies import FRAMES, SHIFT_PX, STEPS, rolled
from cordsnet.training import Bound, NextFrame
from cordsnet.training.readings import chosen_area, rates_at_ends

Errors = dict[str, NDArray[np.float64]]
"""Forecast -> mean squared error over the movies of each test digit [N]."""

FORECASTS = ("network", "last frame again", "without motion")


def next_frame(model: Any) -> NextFrame:
    """The loss with which a model learns to predict the next frame."""
    ms = trial_ms(model)
    assert ms is not None
    return NextFrame(frame_ms=ms / FRAMES)


@torch.no_grad()
def forecast_movies(model: Any, head: nn.Module, source: MovieSource, trials: int) -> Errors:
    """Errors of forecasts of the third to the last frame of the test movies, as shares of the variance of all pixels.

    "last frame again" is the frame before. "without motion" is the best forecast from that frame alone: the mean of all
    that may follow it, one for each direction, since a frame says nothing of the direction.
    """
    frames = source.normalised(source.tested(trials).frames)
    first = next_frame(model).skip
    seen, wanted = frames[first:-1], frames[first + 1 :]
    made = torch.cat(
        [_forecasts(model.eval(), head, part) for part in torch.split(frames.to(model.like), READ, 1)], 1
    ).cpu()
    found = (made[first:-1], seen, without_motion(seen))
    return {name: _by_digit(one, wanted) for name, one in zip(FORECASTS, found, strict=True)}


def without_motion(frames: Tensor) -> Tensor:
    """Mean of all frames that may follow each of the frames [F, B, C, H, W]."""
    moves = SHIFT_PX * torch.tensor(STEPS)
    flat = frames.flatten(0, 1)
    after = torch.stack([rolled(flat, move.expand(len(flat), 2)) for move in moves])
    return after.mean(0).view_as(frames)


def error_ratio(errors: Sequence[Errors], against: str, seed: int) -> Measured:
    """Mean error of networks over that of another forecast; a 95 % bootstrap over networks and digits."""
    if not errors:
        return Measured(float("nan"))
    own = np.stack([one["network"] for one in errors])
    other = errors[0][against]
    networks, digits = own.shape
    random = np.random.default_rng(seed)
    drawn = random.multinomial(digits, np.full(digits, 1 / digits), size=DRAWS)
    chosen = random.multinomial(networks, np.full(networks, 1 / networks), size=DRAWS) / networks
    ratios = ((chosen @ own) * drawn).sum(1) / (drawn @ other)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    interval = (float(low), float(high)) if digits > 1 else None
    return Measured(float(own.mean() / other.mean()), interval, digits)


def _forecasts(model: Any, head: nn.Module, frames: Tensor) -> Tensor:
    """Output of the head for the rates at the end of every frame [F, B, C, H, W]."""
    ms = trial_ms(model)
    assert ms is not None
    rates = rates_at_ends(Bound.of(model), {IMAGE: frames}, ms, chosen_area(model, None))
    found: Tensor = head(rates.flatten(0, 1)).unflatten(0, rates.shape[:2])
    return found


def _by_digit(made: Tensor, wanted: Tensor) -> NDArray[np.float64]:
    """Mean squared error over pixels, frames and the movies of each digit."""
    wrong = (made - wanted).double().square().mean((0, 2, 3, 4))
    found: NDArray[np.float64] = wrong.view(REPEATS, -1).mean(0).numpy()
    return found
