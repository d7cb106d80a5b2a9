"""Second witness: where states go that are pushed away from what a flow has settled onto."""

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.manifolds.runs import chosen, directions, movement, norms, path, run
from cordsnet.analysis.manifolds.witness import AT_REST, KEPT, LOST, Judged, Witness, check_scales, gather

PUSH = 0.05
"""Length of a push, in units of size; on an orbit of its diameter, if that is less."""
RANDOM, NEIGHBOURS = 4, 6
"""Random pushes of each state, and neighbours among which a second direction along the set is looked for."""
ASIDE = 0.3
"""Largest displacement across the set, in units of the push, after a push along a chord of it, which may be bent."""


@check_arguments
@exact()
def perturbation_witness(
    flow: Flow, states: Tensor, *, slow_ms: float, dt: float, size: float, tested: int = 8, seed: int = 0
) -> Witness:
    """Push some of the `states` [K, *domain], run for `slow_ms`, and compare them with the same states left alone.

    States at rest (as for `spectrum_witness`) are pushed by a twentieth of `size` in random directions, towards the
    nearest other state, and across that, towards others near by. All pushes come back to within a tenth of their
    length: a "point". The push towards the neighbour keeps at least a half, and all others come back but for a shift
    along the same line: a "curve". States that move are pushed at random and along the orbit. All come back to the
    orbit, which closes, and a push along it shifts the phase: a "cycle". Anything else is "none"; a push that keeps
    between a tenth and a half leaves the state "undecided".

    Parameters and errors as for `spectrum_witness`.

    Source: perturbations of persistent states as a test of attractors, Inagaki et al. 2019; the measures are ours.
    """
    check_scales(flow, states, slow_ms, dt, size, tested)
    some = chosen(states, tested, seed)
    moves = movement(flow, some, slow_ms, dt)
    random = directions(flow, RANDOM, seed)
    judged = []
    for x, moved in zip(some, moves.tolist(), strict=True):
        if moved <= AT_REST * size:
            judged.append(_at_rest(flow, x, states, random, PUSH * size, slow_ms, dt))
        else:
            judged.append(_on_orbit(flow, x, random, PUSH * size, slow_ms, dt))
    return gather(judged)


def _at_rest(flow: Flow, x: Tensor, states: Tensor, random: Tensor, push: float, slow_ms: float, dt: float) -> Judged:
    along, across = _chords(x, states, push)
    ways = torch.stack([*random, *(way for way in (along, across) if way is not None)])
    ends = run(flow, torch.cat([x[None], x + push * ways]), slow_ms, dt)
    shifts = ((ends[1:] - ends[0]) / push).double().flatten(1)
    kept = norms(shifts)
    numbers = {"random": float(kept[:RANDOM].max())}
    if along is None:
        return Judged(_word(float(kept.max()), point=True), numbers)
    axis = torch.linalg.svd(shifts, full_matrices=False).Vh[0]  # of all shifts: a chord of a curve is off its tangent
    stays = float((shifts[RANDOM] @ axis).abs())
    aside = norms(shifts - (shifts @ axis)[:, None] * axis)
    aside[RANDOM] *= LOST / ASIDE
    numbers |= {"along": stays, "across": float(aside.max())}
    if float(kept.max()) <= LOST:
        return Judged("point", numbers)
    if KEPT <= stays <= 1 / KEPT:
        return Judged(_word(float(aside.max()), point=False), numbers)
    return Judged(_word(float(kept.max()), point=True), numbers)


def _word(left: float, point: bool) -> str:
    """The word for the largest displacement that should have decayed."""
    if left <= LOST:
        return "point" if point else "curve"
    return "undecided" if left < KEPT else "none"


def _chords(x: Tensor, states: Tensor, push: float) -> tuple[Tensor | None, Tensor | None]:
    """Directions from a state to the nearest one that is further than a push, and across that to others near by."""
    away = states - x
    length = norms(away)
    order = length.argsort()
    order = order[length[order] > push][:NEIGHBOURS]
    if not len(order):
        return None, None
    flat = away[order].double().flatten(1)
    along = flat[0] / norms(flat[:1])[0]
    aside = flat - (flat @ along)[:, None] * along
    widest = aside[int(norms(aside).argmax())]
    reach = float(torch.linalg.vector_norm(widest))
    across = (widest / reach).reshape(x.shape).to(x) if reach > 1e-3 * push else None
    return along.reshape(x.shape).to(x), across


def _on_orbit(flow: Flow, x: Tensor, random: Tensor, push: float, slow_ms: float, dt: float) -> Judged:
    steps = round(slow_ms / dt)
    orbit = path(flow, x, 2 * steps + 1, dt)
    flat = orbit.double().flatten(1)
    diameter = float(norms(flat - flat[0]).max())
    push = min(push, PUSH * diameter)
    first, last = flat[1] - flat[0], flat[steps + 1] - flat[steps]
    speed, later = (float(torch.linalg.vector_norm(one)) for one in (first, last))
    ways = torch.cat([random, (first / max(speed, 1e-300)).reshape(x.shape).to(x)[None]])
    ends = run(flow, x + push * ways, slow_ms, dt).double().flatten(1)
    off = float(_distance(ends, _finer(flat)).max()) / push
    open_by = float(_distance(flat[steps + 1 :: max(1, steps // 20)], _finer(flat[: steps + 1])).max()) / push
    shift = float(torch.linalg.vector_norm(ends[-1] - flat[steps])) / max(later, 1e-300) / (push / max(speed, 1e-300))
    numbers = {"off_orbit": off, "open": open_by, "phase": shift}
    left = max(off, open_by)
    if left > LOST:
        return Judged("undecided" if left < KEPT else "none", numbers)
    return Judged("cycle" if KEPT <= shift <= 1 / KEPT else "undecided", numbers)


def _finer(states: Tensor) -> Tensor:
    """A smooth orbit [T, units] at four times as many times, by cubic interpolation, without its first and last two."""
    for _ in range(2):
        middle = (9 * (states[1:-2] + states[2:-1]) - states[:-3] - states[3:]) / 16
        states = torch.stack([states[1:-2], middle], 1).flatten(0, 1)
    return states


def _distance(points: Tensor, line: Tensor) -> Tensor:
    """Distance [K] of points [K, units] from the line through states [T, units], straight from one to the next."""
    start, step = line[:-1], line[1:] - line[:-1]
    square = step.square().sum(1).clamp_min(1e-300)
    nearest = []
    for point in points:
        share = (((point - start) * step).sum(1) / square).clamp(0, 1)
        nearest.append(norms(point - start - share[:, None] * step).min())
    return torch.stack(nearest)
