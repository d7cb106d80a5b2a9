"""Trials of environments of neurogym. They are read by attributes alone; neurogym itself is never imported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive, is_number, is_whole
from cordsnet.tasks.choice import CHOICE
from cordsnet.tasks.running import MOST_TRIALS
from cordsnet.tasks.task import IMAGE, MOST_FRAMES, VECTOR
from cordsnet.tasks.trials import Trials

Values = NDArray[np.float64]

_WHOLE = 1e-6
"""Part of a frame by which a period may miss a whole number of frames, by rounding."""


@dataclass(frozen=True)
class NeurogymTrials(Trials):
    """Trials with the names that their environment gave.

    Attributes
    ----------
    channels : names of the channels of the vectors, such as "stimulus 1"; () where the environment names none.
    options : names of the options, in the same way.
    """

    channels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trial:
    """One trial as its environment made it: frames [F, ...], options [F], periods in frames, and its numbers."""

    seen: Values
    wanted: NDArray[np.int64]
    periods: Mapping[str, tuple[int, int]]
    numbers: Mapping[str, float]


@check_arguments
def from_neurogym(
    env: Any, trials: int, renderer: Callable[..., Any] | None = None, seed: int | None = 0
) -> NeurogymTrials:
    """Make trials of an environment of neurogym.

    Trials are put beside one another and padded at their end, where nothing is shown and nothing counts; they are not
    joined to one long sequence as by neurogym's `Dataset`, so that no network carries one trial into the next. A period
    that an environment leaves out of a trial keeps the times of an earlier one, as in neurogym.

    Parameters
    ----------
    env : environment with `new_trial()`, which sets `ob` [F, n] and `gt` [F], and `dt` in ms. Periods are read from
        `start_t` and `end_t` in ms, names from `observation_space.name` and `action_space.name`, where there are any.
        A wrapper without these is given as `env.unwrapped`.
    trials : number of trials, B.
    renderer : observation [n] of one frame -> image [S, S] or [C, S, S] with pixels from 0 to 1; None for vectors.
    seed : given to `env.seed()`; None leaves the random numbers of the environment as they are.

    Returns
    -------
    Trials with input "vector" [F, B, n], or "image" [F, B, C, S, S] with a renderer; output "choice" [F, B]; weight 1
    in every frame of a trial; the periods that all trials have, cut to whole frames; and as conditions what is a
    number, which may be NaN, in the dict of every trial. `answer` is the last option other than 0 that is wanted, 0
    where there is none.

    Raises
    ------
    TypeError, ValueError : the environment lacks a part, an observation or pixel is not finite, or a target is no whole
        number of at least 0, as in an environment whose actions are continuous.

    Source: interface of neurogym 2.3.1, https://github.com/neurogym/neurogym.
    """
    check_count(trials, "trials", 1, most=MOST_TRIALS)
    if not callable(getattr(env, "new_trial", None)):
        raise TypeError(f"env must have a method new_trial(), as environments of neurogym do, got {type(env).__name__}")
    frame_ms = _number(env, "dt")
    check_positive(frame_ms, "env.dt")
    if seed is not None:
        if not callable(getattr(env, "seed", None)):
            raise TypeError(f"env must have a method seed(), got {type(env).__name__}; give seed=None to do without")
        env.seed(check_count(seed, "seed", 0, most=2**32 - 1))
    made = [_trial(env, number, frame_ms, renderer) for number in range(trials)]
    return _joined(made, frame_ms, IMAGE if renderer else VECTOR, env)


def _trial(env: Any, number: int, frame_ms: float, renderer: Callable[..., Any] | None) -> _Trial:
    """The next trial of an environment."""
    before = getattr(env, "ob", None), getattr(env, "gt", None)
    said = env.new_trial()
    if before[0] is not None and env.ob is not before[0] and getattr(env, "gt", None) is before[1]:
        raise ValueError(f"env.gt must be set by new_trial(), and trial {number} left it as it was")
    seen, wanted = _observations(env, number), _targets(env, number)
    if len(seen) != len(wanted) or not 1 <= len(seen) <= MOST_FRAMES:
        raise ValueError(
            f"env.ob and env.gt must have as many frames, from 1 to {MOST_FRAMES:,}, got {len(seen)} and "
            f"{len(wanted)} in trial {number}"
        )
    if renderer is not None:
        images = [_image(renderer, frame, number) for frame in seen]
        if len(shapes := {image.shape for image in images}) > 1:
            raise ValueError(f"renderer must return images of one shape, got {' and '.join(map(str, sorted(shapes)))}")
        seen = np.stack(images)
    elif seen.ndim != 2 or not seen.shape[1]:
        raise ValueError(f"env.ob must be vectors [frames, n], got shape {list(seen.shape)}; give a renderer")
    named = said if isinstance(said, Mapping) else {}
    numbers = {str(name): float(value) for name, value in named.items() if _is_condition(value)}
    return _Trial(seen, wanted, dict(_periods(env, len(seen), frame_ms, number)), numbers)


def _number(env: Any, name: str) -> float:
    """A number of an environment."""
    value = getattr(env, name, None)
    if not isinstance(value, Real) or not is_number(value):
        raise TypeError(f"env.{name} must be a number, got {value!r:.60}")
    return float(value)


def _array(env: Any, name: str, number: int) -> NDArray[Any]:
    """An array of numbers that a trial left in the environment, copied."""
    value = getattr(env, name, None)
    if not isinstance(value, np.ndarray | Sequence) or isinstance(value, str):
        raise TypeError(f"env.{name} must be an array after new_trial(), got {type(value).__name__} in trial {number}")
    try:
        found = np.array(value)
    except ValueError as error:
        raise ValueError(f"env.{name} must have rows of one length, and has several in trial {number}") from error
    if found.dtype.kind not in "buif" or found.ndim < 1:
        raise TypeError(f"env.{name} must hold numbers, got an array of {found.dtype} in trial {number}")
    return found


def _observations(env: Any, number: int) -> Values:
    seen = _array(env, "ob", number).astype(np.float64)
    with np.errstate(over="ignore"):
        seen = seen.astype(np.float32).astype(np.float64)  # what networks see
    if not np.isfinite(seen).all():
        frame = int(np.argwhere(~np.isfinite(seen))[0, 0])
        raise ValueError(f"env.ob must be finite, got {_odd(seen)} in frame {frame} of trial {number}")
    return seen


def _targets(env: Any, number: int) -> NDArray[np.int64]:
    wanted = _array(env, "gt", number)
    if wanted.ndim != 1:
        raise ValueError(
            f"env.gt must be one whole number per frame, got shape {list(wanted.shape)} in trial {number}; "
            "environments with continuous actions have no options to choose from"
        )
    whole = wanted.astype(np.float64)
    if not np.isfinite(whole).all() or (whole != np.round(whole)).any() or (whole < 0).any():
        odd = whole[~(np.isfinite(whole) & (whole == np.round(whole)) & (whole >= 0))][0]
        raise ValueError(f"env.gt must be whole numbers of at least 0, got {odd:g} in trial {number}")
    count = getattr(getattr(env, "action_space", None), "n", None)
    if is_whole(count) and whole.max(initial=0) >= count:
        raise ValueError(f"env.gt must be one of {count} actions, got {whole.max():g} in trial {number}")
    return whole.astype(np.int64)


def _image(renderer: Callable[..., Any], observation: Values, number: int) -> Values:
    """One frame [C, S, S]."""
    given = renderer(observation)
    try:
        drawn = np.asarray(given)
    except ValueError as error:
        raise ValueError("renderer must return an image, whose rows have one length, and they have several") from error
    if drawn.dtype.kind not in "buif":
        raise ValueError(f"renderer must return an image [S, S] or [C, S, S] of numbers, got {type(given).__name__}")
    drawn = drawn.astype(np.float64)
    image = drawn[None] if drawn.ndim == 2 else drawn
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"renderer must return an image [S, S] or [C, S, S], got shape {list(drawn.shape)}")
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise ValueError(f"renderer must return pixels from 0 to 1, got {_odd(image, 0, 1)} in trial {number}")
    return image


def _odd(values: Values, low: float = -np.inf, high: float = np.inf) -> str:
    """The first value that is not finite or not in range."""
    return f"{values[~(np.isfinite(values) & (values >= low) & (values <= high))][0]:g}"


def _is_condition(value: object) -> bool:
    """True for numbers of Python and NumPy, truth values among them."""
    return isinstance(value, bool | np.bool_) or is_number(value)


def _periods(env: Any, frames: int, frame_ms: float, number: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, first frame, and the frame after the last one, of every period."""
    begins, ends = getattr(env, "start_t", {}), getattr(env, "end_t", {})
    if not isinstance(begins, Mapping) or not isinstance(ends, Mapping) or set(begins) != set(ends):
        raise ValueError("env.start_t and env.end_t must map the same periods to times in ms")
    for name in begins:
        for times in (begins, ends):
            if not is_number(times[name]) or not np.isfinite(times[name]):
                raise ValueError(f"period {name!r} must begin and end at a time in ms, got {times[name]!r:.60}")
        first, last = (int(np.floor(float(times[name]) / frame_ms + _WHOLE)) for times in (begins, ends))
        if not 0 <= first <= last <= frames:
            raise ValueError(
                f"period {name!r} must lie within its trial of {frames * frame_ms:g} ms, got {begins[name]:g} to "
                f"{ends[name]:g} ms in trial {number}"
            )
        yield str(name), (first, last)


def _joined(made: Sequence[_Trial], frame_ms: float, kind: str, env: Any) -> NeurogymTrials:
    """Trials beside one another, padded at their end."""
    shapes = {trial.seen.shape[1:] for trial in made}
    if len(shapes) > 1:
        raise ValueError(f"all frames must have the same shape, got {' and '.join(map(str, sorted(shapes)))}")
    lengths = torch.tensor([len(trial.wanted) for trial in made])
    frames = int(lengths.max())
    seen = np.zeros((frames, len(made), *shapes.pop()), dtype=np.float32)
    wanted = np.zeros((frames, len(made)), dtype=np.int64)
    for k, trial in enumerate(made):
        seen[: len(trial.seen), k], wanted[: len(trial.wanted), k] = trial.seen, trial.wanted
    running = (torch.arange(frames)[:, None] < lengths).float()
    answer = torch.tensor([int(t.wanted[t.wanted != 0][-1]) if t.wanted.any() else 0 for t in made])
    periods = {name: torch.tensor([t.periods[name] for t in made]) for name in _shared([t.periods for t in made])}
    conditions = {name: _column([t.numbers[name] for t in made]) for name in _shared([t.numbers for t in made])}
    return NeurogymTrials(
        inputs={kind: torch.from_numpy(seen)},
        targets={CHOICE: torch.from_numpy(wanted)},
        mask={CHOICE: running},
        periods=periods,
        conditions=conditions,
        answer=answer,
        lengths=lengths,
        frame_ms=frame_ms,
        channels=_names(env, "observation_space", seen.shape[-1]) if kind == VECTOR else (),
        options=_names(env, "action_space", None),
    )


def _shared(named: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names that all have, in the order of the first."""
    return [name for name in named[0] if all(name in other for other in named)]


def _column(numbers: Sequence[float]) -> Tensor:
    """Numbers of all trials; whole ones as such."""
    found = torch.tensor(numbers, dtype=torch.float64)
    whole = (
        bool(torch.isfinite(found).all()) and bool((found == found.round()).all()) and bool((found.abs() < 2**53).all())
    )
    return found.long() if whole else found


def _names(env: Any, space: str, count: int | None) -> tuple[str, ...]:
    """Names of the places of a space: "fixation" where a name has one place, "stimulus 1" and so on where it has more.

    Raises ValueError for places that there are not.
    """
    named = getattr(getattr(env, space, None), "name", None)
    if not isinstance(named, Mapping):
        return ()
    size = getattr(env.action_space, "n", 0) if count is None else count
    if not is_whole(size):
        raise ValueError(f"env.action_space.n must be a whole number, got {size!r:.60}")
    found = [f"{k}" for k in range(size)]
    for name, given in named.items():
        places = given if isinstance(given, Sequence) and not isinstance(given, str) else np.ravel(given).tolist()
        for k, place in enumerate(places):
            if not is_whole(place) or not 0 <= place < size:
                raise ValueError(f"env.{space}.name must give places from 0 to {size - 1}, got {place!r} for {name!r}")
            found[place] = f"{name} {k + 1}" if len(places) > 1 else str(name)
    return tuple(found)
