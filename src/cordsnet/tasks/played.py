"""Numbers about episodes that were played."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive, is_number, is_whole

LEVEL = 0.95

PARTS = ("episode", "reward", "frames")
"""Numbers that `play` gives for every episode."""


@check_arguments
def play_rows(played: Sequence[Mapping[str, Any]], frame_ms: float) -> list[dict[str, Any]]:
    """Mean reward, shares of how episodes ended, and mean time to the answer, each with its 95 % interval.

    Parameters
    ----------
    played : episodes, as `play` returns them.
    frame_ms : duration of a frame, ms.

    Returns
    -------
    Rows "measure", "value", "low", "high" (None where all values are the same) and "episodes". Shares have Wilson's
    interval, means Student's. An episode is right with a reward above 0, and aborted, by a broken fixation or an answer
    before it is asked for, with one below 0. Where options are chosen, one without reward is wrong, or unanswered to
    its end; the time to the answer is that of the episodes with an answer that was not too early.

    Raises
    ------
    ValueError : no episode, or one without reward or frames.
    """
    check_positive(frame_ms, "frame_ms")
    if not played or not all(_is_told(one) for one in played):
        raise ValueError("played must hold an episode or more, as play returns them, with finite rewards and frames")
    rewards = np.array([one["reward"] for one in played], dtype=float)
    chosen = "option" in played[0]
    answered = np.array([one.get("option", 1) != 0 for one in played])
    shares = {"share right": rewards > 0, "share aborted": rewards < 0}
    if chosen:
        shares |= {"share wrong": (rewards == 0) & answered, "share unanswered": (rewards == 0) & ~answered}
    else:
        shares |= {"share wrong": rewards == 0}
    rows = [_mean("reward", rewards), *(_share(name, hits) for name, hits in shares.items())]
    in_time = answered & (rewards >= 0)
    if chosen and in_time.any():
        frames = np.array([one["frames"] for one in played], dtype=float)
        rows.append(_mean("time to the answer, ms", frames[in_time] * frame_ms))
    return rows


def _is_told(one: Mapping[str, Any]) -> bool:
    if not isinstance(one, Mapping) or not all(part in one for part in PARTS):
        return False
    return is_number(one["reward"]) and bool(np.isfinite(one["reward"])) and is_whole(one["frames"])


def _share(name: str, hits: Any) -> dict[str, Any]:
    interval = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(LEVEL, method="wilson")
    return _row(name, float(hits.mean()), (float(interval.low), float(interval.high)), len(hits))


def _mean(name: str, values: Any) -> dict[str, Any]:
    interval = None
    if len(values) > 1 and np.ptp(values):
        low, high = stats.t.interval(LEVEL, len(values) - 1, values.mean(), stats.sem(values))
        interval = float(low), float(high)
    return _row(name, float(values.mean()), interval, len(values))


def _row(name: str, value: float, interval: tuple[float, float] | None, count: int) -> dict[str, Any]:
    low, high = interval or (None, None)
    return {"measure": name, "value": value, "low": low, "high": high, "episodes": count}
