"""Comparison of models with people in the masking experiment: accuracies, costs, errors and their intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.data.people.tang2018 import CHANCE, PRESENTATIONS_MS, Masking
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import bootstrap, mean_of, within_shares
from cordsnet.experiments.people.masking_people import count_answers
from cordsnet.experiments.people.masking_trials import READS, WINDOWS_MS, Seen

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

CONDITIONS = tuple((masked, shown) for masked in (False, True) for shown in PRESENTATIONS_MS)
"""(masked, presentation in ms), in the order of every array."""

BRIEFEST, LONGEST = PRESENTATIONS_MS[0], PRESENTATIONS_MS[-1]


@dataclass(frozen=True, eq=False)
class People:
    """Right answers, and all answers, of every person in each condition [P, 10], unmasked ones first."""

    right: Array
    total: Array

    @classmethod
    def of(cls, trials: Masking) -> "People":
        """Count the answers."""
        counted = [count_answers(trials, shown, masked) for masked, shown in CONDITIONS]
        return cls(*(np.stack(part, 1) for part in zip(*counted, strict=True)))

    def accuracy(self, counts: Array) -> Array:
        """Accuracy over all trials [R, 10] of people who are drawn `counts` [R, P] times."""
        return np.asarray((counts @ self.right) / (counts @ self.total))

    def measured(self, condition: int, seed: int, draws: int) -> Measured:
        """Accuracy of one condition with its interval over people."""
        return bootstrap(lambda w: self.accuracy(w)[:, condition], len(self.right), seed, draws)

    def rows(self, seed: int, draws: int) -> Rows:
        """Accuracy of each condition with its interval over people."""
        rows: Rows = []
        for k, (masked, shown) in enumerate(CONDITIONS):
            measured = self.measured(k, seed, draws)
            row = {"masked": masked, "presentation_ms": shown, "accuracy": measured.value, "people": measured.n}
            rows.append(row | _ends(measured))
        return rows


def measure(seen: Seen, people: People, seed: int, draws: int) -> dict[str, Measured]:
    """Measure all claims that can be measured; intervals are over objects, and for errors over people too."""

    def over_objects(values: Array) -> Measured:
        return bootstrap(lambda w: mean_of(w, values), len(values), seed, draws, of_shares=True)

    found = {"whole_objects_are_read": over_objects(seen.whole["late"] - CHANCE)}
    for read in READS:
        cost = {shown: seen.right[read, False, shown] - seen.right[read, True, shown] for shown in (BRIEFEST, LONGEST)}
        longer = seen.right[read, False, LONGEST] - seen.right[read, False, BRIEFEST]
        found[f"mask_costs_at_25_ms_{read}"] = over_objects(cost[BRIEFEST])
        found[f"mask_costs_less_at_150_ms_{read}"] = over_objects(cost[BRIEFEST] - cost[LONGEST])
        found[f"longer_is_better_{read}"] = over_objects(longer)
        found[f"error_to_people_{read}"] = error_to_people(_answers(seen, read), people, seed, draws)
    for ms in WINDOWS_MS if seen.lesioned else ():
        lost = [seen.right["accumulated", masked, LONGEST] - seen.lesioned[ms, masked] for masked in (False, True)]
        found[f"recurrence_near_{ms}_ms"] = over_objects(np.mean(lost, axis=0))
    return found


def error_to_people(answers: Array, people: People, seed: int, draws: int) -> Measured:
    """Root mean square difference of accuracies of a model, from answers [N, 10], and of people, over conditions.

    People and objects are drawn independently of one another; `n` counts the objects.
    """
    n, persons = len(answers), len(people.right)

    def error(objects: Array, drawn: Array) -> Array:
        return np.asarray(np.sqrt(np.square(mean_of(objects, answers) - people.accuracy(drawn)).mean(1)))

    rng = np.random.default_rng(seed)
    value = float(error(np.ones((1, n)), np.ones((1, persons)))[0])
    if n < 2 or persons < 2:
        return Measured(value, None, n)
    counts = [rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(float) for size in (n, persons)]
    low, high = np.quantile(error(counts[0], counts[1]), [0.025, 0.975])
    return Measured(value, (float(low), float(high)), n)


def rows_of(seen: Seen, people: People, found: dict[str, Measured], seed: int, draws: int) -> dict[str, Rows]:
    """Rows of the tables of one model."""
    theirs = people.accuracy(np.ones((1, len(people.right))))[0]
    tables: dict[str, Rows] = {name: [] for name in ("masking_models", "costs", "fit", "lesions", "controls")}
    for read in READS:
        answers = _answers(seen, read)
        for k, (masked, shown) in enumerate(CONDITIONS):
            about = {"read": read, "masked": masked, "presentation_ms": shown}
            row = _row(answers[:, k], "accuracy", seed, draws) | {"people": theirs[k]}
            tables["masking_models"].append(about | row | {"difference": row["accuracy"] - theirs[k]})
        for k, shown in enumerate(PRESENTATIONS_MS):
            later = k + len(PRESENTATIONS_MS)
            row = _row(answers[:, k] - answers[:, later], "cost", seed, draws)
            tables["costs"].append(
                {"read": read, "presentation_ms": shown} | row | {"people": theirs[k] - theirs[later]}
            )
        error = found[f"error_to_people_{read}"]
        tables["fit"].append({"read": read, "error": error.value} | _ends(error))
        for shown_name, one in (("whole objects", seen.whole), ("masks alone", seen.mask)):
            tables["controls"].append({"read": read, "shown": shown_name} | _row(one[read], "accuracy", seed, draws))
    for (ms, masked), answers in seen.lesioned.items():
        intact = seen.right["accumulated", masked, LONGEST]
        both = {"masked": masked, "intact": float(intact.mean()), "without": float(answers.mean())}
        tables["lesions"].append({"window_ms": ms} | both | _row(intact - answers, "lost", seed, draws))
    return tables


def _answers(seen: Seen, read: str) -> Array:
    """Answers [N, 10] by one read-out."""
    return np.stack([seen.right[read, masked, shown] for masked, shown in CONDITIONS], 1)


def _row(values: Array, name: str, seed: int, draws: int) -> dict[str, Any]:
    measured = bootstrap(lambda w: mean_of(w, values), len(values), seed, draws, of_shares=True)
    measured = within_shares(measured) if name == "accuracy" else measured
    return {name: measured.value} | _ends(measured) | {"objects": len(values)}


def _ends(measured: Measured) -> dict[str, float]:
    return {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))
