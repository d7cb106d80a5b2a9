"""Moving dots in a round aperture, with the algorithms that Pilly & Seitz (Vision Research 2009) compare."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from cordsnet._checks import check_positive, is_number
from cordsnet.tasks.trials import Plan

Algorithm: TypeAlias = Literal["movshon", "limited_lifetime", "random_walk"]
"""How dots move. A dot is a signal dot with a probability equal to the coherence.

"movshon" (Newsome & Movshon): three sets of dots take turns, one per frame. When its set's turn comes, a signal dot
shifts by the way of three frames, and any other is replotted at random.
"limited_lifetime": every dot moves in every frame, signal dots in the direction of the trial and the others in one of
their own; a dot keeps its part for its life and is then replotted.
"random_walk": every dot moves in every frame, by the same way; signal or not, and the direction of those that are not,
is drawn anew each time.
"""
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)

SETS = 3
"""Sets of dots that take turns with "movshon"."""

LIFETIME = 4
"""Frames of a dot's life with "limited_lifetime"."""

MOST_DOTS = 10_000
"""Largest number of dots in a frame."""


def check_coherences(coherences: Sequence[float]) -> tuple[float, ...]:
    """Return coherences as a tuple. Raises ValueError unless they are numbers from 0 to 1, at least one."""
    found = tuple(coherences)
    if not found or not all(is_number(c) and 0 <= c <= 1 for c in found):
        raise ValueError(f"coherences must be numbers from 0 to 1, got {found!r}")
    return found


def check_algorithm(algorithm: str) -> None:
    """Raise ValueError unless `algorithm` is a row of `ALGORITHMS`."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(ALGORITHMS)}, got {algorithm!r}")


def check_field(density: float, field_deg: float, frame_ms: float) -> None:
    """Raise ValueError, naming the argument, unless a field has a size and not too many dots in a frame."""
    check_positive(density, "density")
    check_positive(field_deg, "field_deg")
    if (count := density * field_deg * field_deg * frame_ms / 1000) > MOST_DOTS:
        raise ValueError(
            f"density and field_deg must give {MOST_DOTS:,} dots in a frame at most, got {count:g}; lower either"
        )


def check_way(way: float, name: str) -> None:
    """Raise ValueError, naming the speed, unless dots move by a field at most in a frame, round which they wrap."""
    if not 0 < way <= 1:
        raise ValueError(f"{name} must move dots by a field in a frame at most, got {way:g} fields; lower it")


def moving_dots(plan: Plan, coherence: Tensor, angle: Tensor, count: int, way: float, algorithm: str) -> Tensor:
    """Places of the dots of every frame [B, F, count, 2], from 0 to 1 in a square field, round which dots wrap.

    Parameters
    ----------
    plan : the trials.
    coherence : probability of a signal dot in each trial [B].
    angle : direction of motion [B], in radians from the right.
    count : dots of a frame.
    way : way of a dot in a frame, in widths of the field.
    algorithm : how they move.
    """
    places, _ = _tracks(plan, coherence, angle, count, way, algorithm)
    return places.flatten(1, 2)[:, : plan.frames]


def marked_dots(
    plan: Plan, coherence: Tensor, angle: Tensor, count: int, way: float, algorithm: str
) -> tuple[Tensor, Tensor]:
    """Places as of `moving_dots`, and a number from 0 to 1 per dot [B, F, count], drawn anew when it is replotted."""
    places, birth = _tracks(plan, coherence, angle, count, way, algorithm)
    marks = plan.draws.uniform("marks of dots", *birth.shape[1:]).gather(1, birth)
    return places.flatten(1, 2)[:, : plan.frames], marks.flatten(1, 2)[:, : plan.frames]


def _tracks(
    plan: Plan, coherence: Tensor, angle: Tensor, count: int, way: float, algorithm: str
) -> tuple[Tensor, Tensor]:
    """Places [B, turns, sets, count, 2], and the turn in which each dot was last plotted."""
    sets = SETS if algorithm == "movshon" else 1
    turns = -(-plan.frames // sets)
    drawn = plan.draws.uniform("dots", turns * sets, count, 4).view(plan.batch, turns, sets, count, 4)
    signal, place, own = drawn[..., 0] < coherence[:, None, None, None], drawn[..., 1:3], drawn[..., 3] * 2 * math.pi
    turn = torch.arange(turns, device=coherence.device)[:, None, None]
    born = (turn == 0).expand(plan.batch, turns, sets, count)
    if algorithm == "movshon":
        born = born | ~signal
    elif algorithm == "limited_lifetime":
        phase = (plan.draws.uniform("age", count) * LIFETIME).long()[:, None, None, :]
        born = born | ((turn + phase) % LIFETIME == 0)
    birth = torch.where(born, turn, torch.zeros_like(turn)).cummax(1).values
    if algorithm == "limited_lifetime":
        signal, own = signal.gather(1, birth), own.gather(1, birth)
    heading = torch.where(signal, angle[:, None, None, None], own)
    step = torch.stack([heading.cos(), heading.sin()], -1) * (way * sets)
    moved = torch.where(born[..., None], torch.zeros_like(step), step).cumsum(1)
    since = birth[..., None].expand_as(moved)
    return torch.remainder(place.gather(1, since) + moved - moved.gather(1, since), 1), birth


def draw_dots(movie: Tensor, places: Tensor, shown: Tensor, contrast: Tensor | None = None) -> Tensor:
    """Draw dots [B, F, N, 2] over movies [F, B, S, S], in place, in the frames `shown` [F, B].

    The aperture is round and as wide as the field; dots whose middle is outside are not seen. A dot has the area of a
    pixel, and covers the four pixels that it lies over in proportion; it adds `contrast` [B, F, N] to their grey value,
    or 1. Where dots add up, values are cut to 0 and 1.
    """
    size, whole = movie.shape[-1], movie
    if not len(used := shown.any(1).nonzero()):
        return whole
    part = slice(int(used[0]), int(used[-1]) + 1)
    movie, shown, places = movie[part], shown[part], places.transpose(0, 1)[part]
    inside = (places - 0.5).square().sum(-1) <= 0.25
    seen = (inside & shown[..., None]).to(movie)
    if contrast is not None:
        seen = seen * contrast.transpose(0, 1)[part].to(movie)
    x, y = places[..., 0] * size - 0.5, (1 - places[..., 1]) * size - 0.5
    left, top = x.floor(), y.floor()
    part_x, part_y = (x - left).to(movie), (y - top).to(movie)
    left, top = left.long(), top.long()
    field = movie.flatten(2)
    for across, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = seen * (part_x if across else 1 - part_x) * (part_y if down else 1 - part_y)
        column, row = (left + across).clamp(0, size - 1), (top + down).clamp(0, size - 1)
        field.scatter_add_(2, row * size + column, weight)
    movie.clamp_(0, 1)
    return whole
