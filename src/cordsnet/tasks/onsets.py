"""Onset of information: the time from which a condition of a trial can be decoded from each area."""

import inspect
from typing import Any

import numpy as np
import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis import InformationOnset, information_onset
from cordsnet.tasks.running import BATCH, MOST_TRIALS, check_network, rates_at_frames
from cordsnet.tasks.task import Task

MOST_LABELS = 12
"""Largest number of values of a condition that is decoded."""


@check_arguments
def task_onsets(
    model: Any, task: Task, condition: str, trials: int = 200, seed: int = 0, **settings: Any
) -> dict[str, InformationOnset]:
    """Time from which a condition can be decoded from every area of a network.

    Time counts from the start of the trial; periods should have one duration each, so that it means the same in all
    trials. Of maps, the mean of every channel is decoded, without the decoder's seeing places.

    Parameters
    ----------
    model : the network, with noise of its own or in the inputs, without which an onset is that of the first difference.
    task : the task, in a rendering that the network reads.
    condition : a condition with 2 to 12 values.
    trials : number of trials.
    seed : of the trials, of noise, and of the decoder.
    settings : of `information_onset`, such as `consecutive` or `permutations`.

    Returns
    -------
    Area -> onset, lowest area first.

    Raises
    ------
    ValueError : there is no such condition or setting, it has too many values, or trials differ in duration.
    """
    check_network(model, "areas", "system")
    check_count(trials, "trials", 10, most=MOST_TRIALS)
    parameters = inspect.signature(information_onset).parameters.values()
    known = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY][3:]
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"task_onsets has no setting {unknown[0]!r}; it has {', '.join(known)}")
    parts: dict[str, list[torch.Tensor]] = {area: [] for area in model.areas}
    labels = []
    for first in range(0, trials, BATCH):
        shown = task.for_tests().sample(min(BATCH, trials - first), seed, first)
        if condition not in shown.conditions:
            raise ValueError(f"task {task.kind!r} has no condition {condition!r}; it has {', '.join(shown.conditions)}")
        if int(shown.lengths.min()) < shown.frames:
            raise ValueError("trials differ in duration, so that times mean different things; give each period one")
        labels.append(shown.conditions[condition])
        for area, rates in rates_at_frames(model, shown, seed + first).items():
            parts[area].append(rates.flatten(3).mean(-1) if rates.ndim > 3 else rates)
    drawn = torch.cat(labels)
    values, wanted = np.unique(drawn.numpy(), return_inverse=True)
    if drawn.ndim != 1 or not 2 <= len(values) <= MOST_LABELS:
        raise ValueError(f"condition {condition!r} must have 2 to {MOST_LABELS} values; choose another")
    if (fewest := int(np.unique(wanted, return_counts=True)[1].min())) < 2:
        raise ValueError(f"condition {condition!r} has a value in {fewest} of {trials} trials alone; take more trials")
    time_ms = ((torch.arange(shown.frames) + 1) * task.frame_ms).double().numpy()
    return {
        area: information_onset(torch.cat(rates, 1).double().numpy(), wanted, time_ms, seed=seed, **settings)
        for area, rates in parts.items()
    }
