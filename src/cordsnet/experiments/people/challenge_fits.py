"""Fit of one model to people over the conditions of the challenge set, beside the published networks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cordsnet._intervals import percentile_interval
from cordsnet.data.people.maniquet2025 import CATEGORIES, Challenge
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import bootstrap, mean_of, within_shares
from cordsnet.experiments.people.challenge import RECURRENT, correlation, draw_people, fit, partial_correlation
from cordsnet.experiments.people.challenge_data import CONTROL
from cordsnet.experiments.people.challenge_trials import VIEWS

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

FLAT = 1e-9
"""A curve whose range is smaller does not vary, and has no correlation."""


@dataclass(frozen=True, eq=False)
class Joined:
    """One model among people and published networks.

    Attributes
    ----------
    data : answers of people and networks.
    answers : view -> probability of being right about each photograph in each condition [N, 17].
    log10_parameters, recurrent : size of the model, and True if it has lateral or feedback pathways.
    seed, draws : of the samples of people, photographs and networks.
    """

    data: Challenge
    answers: dict[str, Array]
    log10_parameters: float
    recurrent: bool
    seed: int = 0
    draws: int = 1000

    def drawn(self, view: str) -> tuple[Array, Array]:
        """Curves of drawn people, and of the model over drawn photographs, [draws, 17] each."""
        rng = np.random.default_rng(self.seed)
        people = draw_people(self.data, VIEWS[view], self.draws, rng)
        return people, mean_of(self._counts(rng), self.answers[view])

    def fit(self, view: str, ranks: bool = False) -> Measured:
        """Correlation over conditions of the model's accuracy and that of people, drawn anew with the photographs."""
        curve, people = self.answers[view].mean(0), self.data.curves[VIEWS[view]].accuracy
        return _measured(_fits(people, curve, ranks), _fits(*self.drawn(view), ranks), len(self.answers[view]))

    def less(self, view: str, level: str) -> Measured:
        """Fit less the mean "ceiling" between halves of people, or less the "median" fit of the published networks."""
        group, n = VIEWS[view], len(self.answers[view])
        value = self.fit(view).value
        people, curves = self.drawn(view)
        fits = _fits(people, curves)
        if level == "ceiling":
            ceilings = self.data.ceilings[group]
            drawn = np.random.default_rng(self.seed).choice(ceilings, self.draws)
            return _measured(value - float(ceilings.mean()), fits - drawn, n)
        published = np.median(fit(self.data, self.data.curves[group].accuracy[None])[0])
        return _measured(value - float(published), fits - np.median(fit(self.data, people), axis=1), n)

    def recurrence(self, view: str) -> Measured:
        """Partial correlation of fit with recurrence given log10 parameters, over published networks and this one."""
        group = VIEWS[view]
        recurrent = np.array([*(RECURRENT[name] for name in self.data.networks), self.recurrent], dtype=np.float64)
        size = np.array([*np.log10(self.data.parameters), self.log10_parameters])
        people, curves = self.drawn(view)
        drawn = np.concatenate([fit(self.data, people), _fits(people, curves)[:, None]], 1)
        theirs = fit(self.data, self.data.curves[group].accuracy[None])[0]
        value = self.fit(view).value
        if np.isnan(value):
            return Measured(value)
        picks = np.random.default_rng(self.seed).integers(len(size), size=drawn.shape)
        found = [
            partial_correlation(row[pick], recurrent[pick], size[pick])
            for pick, row in zip(picks, np.nan_to_num(drawn), strict=True)
        ]
        return _measured(partial_correlation(np.append(theirs, value), recurrent, size), np.array(found), len(size))

    def mask_cost(self) -> Measured:
        """Accuracy on brief images less that on the same images with a mask, mean over conditions."""
        lost = (self.answers["brief"] - self.answers["masked"]).mean(1)
        return bootstrap(lambda w: mean_of(w, lost), len(lost), self.seed, self.draws, of_shares=True)

    def mask_fit(self) -> Measured:
        """Correlation over conditions of what a mask costs the model and what it costs people."""
        rng = np.random.default_rng(self.seed)
        ends = (self.data.curves[group].accuracy for group in ("without mask", "with mask"))
        without, masked = (draw_people(self.data, group, self.draws, rng) for group in ("without mask", "with mask"))
        lost = self.answers["brief"] - self.answers["masked"]
        value = _fits(np.subtract(*ends), lost.mean(0))
        return _measured(value, _fits(without - masked, mean_of(self._counts(rng), lost)), len(lost))

    def _counts(self, rng: np.random.Generator) -> Array:
        n = len(self.answers["held"])
        return rng.multinomial(n, np.full(n, 1 / n), size=self.draws).astype(np.float64)


def measure(joined: Joined) -> dict[str, Measured]:
    """Measure all claims that can be measured of a model."""
    control = joined.answers["held"][:, 0] - 1 / len(CATEGORIES)
    found = {
        CONTROL: bootstrap(lambda w: mean_of(w, control), len(control), joined.seed, joined.draws, of_shares=True),
        "fits_people": joined.fit("held"),
        "reaches_the_ceiling": joined.less("held", "ceiling"),
        "fits_as_published_networks": joined.less("held", "median"),
        "recurrence_predicts_fit_with_the_model": joined.recurrence("held"),
    }
    if "masked" in joined.answers:
        found |= {"mask_costs": joined.mask_cost(), "mask_costs_as_people": joined.mask_fit()}
    return found


def rows_of(joined: Joined) -> dict[str, Rows]:
    """Rows of the tables of one model: accuracy of every condition, and fits."""
    tables: dict[str, Rows] = {"challenge_models": [], "fits": []}
    for view, answers in joined.answers.items():
        group = VIEWS[view]
        for k, condition in enumerate(joined.data.conditions):
            measured = _accuracy(answers[:, k], joined)
            theirs = {"people": float(joined.data.curves[group].accuracy[k])}
            row = {"view": view, "condition": condition, "accuracy": measured.value} | _ends(measured)
            tables["challenge_models"].append(row | theirs | {"photographs": len(answers)})
        pearson, spearman = joined.fit(view), joined.fit(view, ranks=True)
        about = {"log10_parameters": joined.log10_parameters, "recurrent": joined.recurrent}
        fits = {"view": view, "people": group, "fit": pearson.value} | _ends(pearson)
        ceiling = float(joined.data.ceilings[group].mean())
        tables["fits"].append(fits | {"spearman": spearman.value, "ceiling": ceiling} | about)
    return tables


def published(data: Challenge) -> Rows:
    """Fit of every published network to every group of people."""
    return [
        {
            "network": name,
            "people": group,
            "fit": float(value),
            "log10_parameters": float(np.log10(data.parameters[k])),
            "recurrent": RECURRENT[name],
        }
        for group in VIEWS.values()
        for k, (name, value) in enumerate(
            zip(data.networks, fit(data, data.curves[group].accuracy[None])[0], strict=True)
        )
    ]


def _fits(people: Array, curves: Array, ranks: bool = False) -> Any:
    """Correlation over the last axis; NaN for a curve that does not vary."""
    first, second = (rankdata(values, axis=-1) for values in (people, curves)) if ranks else (people, curves)
    return np.where(
        np.minimum(np.ptp(people, axis=-1), np.ptp(curves, axis=-1)) < FLAT, np.nan, correlation(first, second)
    )


def _accuracy(answers: Array, joined: Joined) -> Measured:
    measured = bootstrap(lambda w: mean_of(w, answers), len(answers), joined.seed, joined.draws, of_shares=True)
    return within_shares(measured)


def _measured(value: Any, drawn: Array, n: int) -> Measured:
    return Measured(float(value), percentile_interval(drawn, float(value)), n)


def _ends(measured: Measured) -> dict[str, float]:
    return {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))
