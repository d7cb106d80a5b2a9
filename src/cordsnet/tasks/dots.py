"""Moving dots in a round aperture, with the algorithms that Pilly & Seitz (Vision Research 2009) compare."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from cordsnet._checks import check_positive, is_number
from cordsnet.tasks.trials import Plan

Algorithm: TypeAlias = Literal["movshon", "limited_lifetime", "random_walk"]
"""Rules by which dots move. A dot is a signal dot with a probability equal to the coherence.

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
    algorithm : rule by which they move, a name of `Algorithm`.
    """
    places, _ = _tracks(plan, coherence, angle, count, way, algorithm)
    return _by_frame(places, plan.frames).movedim(0, -1)


def marked_dots(
    plan: Plan, coherence: Tensor, angle: Tensor, count: int, way: float, algorithm: str
) -> tuple[Tensor, Tensor]:
    """Places as of `moving_dots`, and a number from 0 to 1 per dot [B, F, count], drawn anew when it is replotted."""
    places, birth = _tracks(plan, coherence, angle, count, way, algorithm)
    marks = plan.draws.uniform("marks of dots", *birth.shape[1:]).gather(1, birth)
    return _by_frame(places, plan.frames).movedim(0, -1), _by_frame(marks, plan.frames)


def _by_frame(values: Tensor, frames: int) -> Tensor:
    """Values [..., turns, sets, count] of the sets that take turns as [..., F, count]."""
    return values.flatten(-3, -2)[..., :frames, :]


def _tracks(
    plan: Plan, coherence: Tensor, angle: Tensor, count: int, way: float, algorithm: str
) -> tuple[Tensor, Tensor]:
    """x and y [2, B, turns, sets, count], and the turn in which each dot was last plotted [B, turns, sets, count]."""
    sets = SETS if algorithm == "movshon" else 1
    turns = -(-plan.frames // sets)
    wanted = 3 if algorithm == "movshon" else 4  # dots that do not stay have no direction of their own, the last number
    drawn = plan.draws.columns("dots", turns * sets * count, 4, wanted).view(wanted, plan.batch, turns, sets, count)
    signal, place = drawn[0] < coherence[:, None, None, None], drawn[1:3]
    turn = torch.arange(turns, device=coherence.device)[:, None, None]
    born = (turn == 0).expand_as(signal)
    if algorithm == "movshon":
        born = born | ~signal
    elif algorithm == "limited_lifetime":
        phase = (plan.draws.uniform("age", count) * LIFETIME).long()[:, None, None, :]
        born = born | ((turn + phase) % LIFETIME == 0)
    birth = _running_max(born * turn)
    heading = angle[:, None, None, None]
    if wanted == 4:
        own = drawn[3] * 2 * math.pi
        if algorithm == "limited_lifetime":
            signal, own = signal.gather(1, birth), own.gather(1, birth)
        heading = torch.where(signal, heading, own)
    step = torch.stack([heading.cos(), heading.sin()]) * (way * sets)
    moved = (step * ~born).cumsum(2)
    at = _flat(birth)
    found = _taken(place, at).add_(moved).sub_(_taken(moved, at))
    return found.sub_(found.floor()), birth


def _running_max(values: Tensor) -> Tensor:
    """Largest value up to each turn [B, turns, ...], as `cummax` gives it but over many trials at once."""
    reach, turns = 1, values.shape[1]
    while reach < turns:
        values = torch.cat([values[:, :reach], torch.maximum(values[:, reach:], values[:, :-reach])], 1)
        reach *= 2
    return values


def _flat(birth: Tensor) -> Tensor:
    """Places of the elements of turns `birth` [B, turns, sets, count] in the flattened tensor."""
    batch, turns, sets, count = birth.shape
    first = torch.arange(batch, device=birth.device)[:, None, None, None] * turns
    within = torch.arange(sets * count, device=birth.device).view(sets, count)
    return ((birth + first) * (sets * count) + within).flatten()


def _taken(values: Tensor, at: Tensor) -> Tensor:
    """Elements [2, B, turns, sets, count] of x and y in the places `at`."""
    return torch.stack([one.reshape(-1).index_select(0, at) for one in values]).view(values.shape)


def draw_dots(
    movie: Tensor,
    places: Tensor,
    shown: Tensor,
    contrast: Tensor | None = None,
    box: tuple[int, int, int] | None = None,
) -> Tensor:
    """Draw dots [B, F, N, 2] over movies [F, B, S, S], in place, in the frames `shown` [F, B].

    The aperture is round and as wide as the field; dots whose middle is outside are not seen. A dot has the area of a
    pixel, and covers the four pixels that it lies over in proportion; it adds `contrast` [B, F, N] to their grey value,
    or 1. Where dots add up, values are cut to 0 and 1. The field is the movie, or a square `box` of it.
    """
    width, (top, left, size) = movie.shape[-1], box or (0, 0, movie.shape[-1])
    if not len(used := shown.any(1).nonzero()):
        return movie
    part = slice(int(used[0]), int(used[-1]) + 1)
    field, shown, places = movie[part], shown[part].T, places[:, part]
    x, y = places[..., 0], places[..., 1]
    inside = (x - 0.5).square_().add_((y - 0.5).square_()) <= 0.25
    # frame by frame, as pixels lie in memory
    frame, trial, dot = inside.logical_and_(shown[..., None]).transpose(0, 1).nonzero().unbind(1)
    seen = (trial * x.shape[1] + frame) * x.shape[2] + dot
    x, y = (values.reshape(-1).index_select(0, seen) for values in (x, y))
    columns, across = _neighbours(x * size - 0.5, size, movie)
    rows, down = _neighbours((1 - y) * size - 0.5, size, movie)
    if contrast is not None:
        across = contrast[:, part].flatten().index_select(0, seen).to(movie) * across
    rows = (rows + top).mul_(width).add_((frame * field.shape[1] + trial) * width**2 + left)
    index = rows[:, None] + columns  # [2, 2, dots], row by row: a pixel sums up in this order
    field.view(-1).scatter_add_(0, index.flatten(), (across * down[:, None]).flatten())
    field[..., top : top + size, left : left + size].clamp_(0, 1)
    return movie


def _neighbours(places: Tensor, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers [2, ...] of the pixels before and after places [...] in px, and the shares that they have in a dot."""
    before = places.floor()
    share = (places - before).to(like)
    number = before.long()
    return torch.stack([number, number + 1]).clamp_(0, size - 1), torch.stack([1 - share, share])
