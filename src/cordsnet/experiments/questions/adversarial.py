"""Adversarial images: the strength at which a model is misled, with controls against masked gradients."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from cordsnet.experiments.claims import FAILS, Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of, share
from cordsnet.experiments.needs import classifies_images, is_dynamical
from cordsnet.experiments.pairs import comparable_pairs
from cordsnet.experiments.questions.attacked import (
    FGSM,
    MORE_STEPS,
    NOISE,
    PGD,
    RESTARTS,
    TRANSFER,
    WHOLE_RANGE,
    AdversarialOptions,
    Array,
    Attacked,
    attack_model,
)
from cordsnet.experiments.questions.attacks import LEVELS, transferred
from cordsnet.experiments.result import Result

Rows = list[dict[str, Any]]

MASKED = "Athalye et al. 2018, signs of masked gradients"
AT_HALF = "at the strength that takes accuracy halfway to chance"
MARGIN = 0.05
OWN = (
    Claim(
        "gradient_beats_noise",
        "An attack along the gradient misleads more than random noise of the same norm.",
        "Goodfellow et al. 2015",
        f"accuracy with random noise less that under PGD, {AT_HALF}",
        above(0.0),
    ),
    Claim(
        "iterating_beats_one_step",
        "An iterated attack misleads more than one step.",
        MASKED,
        f"accuracy under FGSM less that under PGD, {AT_HALF}",
        above(0.0),
    ),
    Claim(
        "more_steps_no_weaker",
        "Twice the steps do not weaken the attack.",
        MASKED,
        f"accuracy under PGD less that under PGD of twice the steps, {AT_HALF}",
        at_least(-MARGIN),
    ),
    Claim(
        "restarts_change_little",
        "Random restarts find little that one start does not.",
        MASKED,
        f"accuracy under PGD less that under the strongest of several starts, {AT_HALF}",
        at_most(MARGIN),
    ),
    Claim(
        "whole_range_reaches_zero",
        "An attack that may change every pixel as it likes misleads the model about every image.",
        MASKED,
        "accuracy under PGD over the whole range of pixels",
        at_most(MARGIN),
    ),
)
PAIRED = (
    Claim(
        "own_beats_transfer",
        "An attack through the network itself misleads more than one made through a static model.",
        MASKED,
        f"accuracy under PGD through the static model less that through the network, {AT_HALF}",
        above(0.0),
    ),
    Claim(
        "needs_stronger_attack",
        "Misleading a recurrent network takes a stronger attack than misleading a static model.",
        "reviewer: are recurrent networks more robust to adversarial images?",
        "log2 of the ratio of the strengths that take accuracy halfway to chance, network over static model",
        above(0.0),
    ),
)
CLAIMS = (*OWN, *PAIRED)


SMOKE = AdversarialOptions(trials=20, epsilons=(8.0, 32.0, 128.0), steps=3, restarts=2, image_ms=80.0)


@experiment(
    "adversarial",
    options=AdversarialOptions,
    presets={
        "smoke": Preset(SMOKE, 0.2, 0.5),
        "desk": Preset(AdversarialOptions(), 2.0, 1.0),
        "paper": Preset(AdversarialOptions(trials=1000, steps=50, restarts=10), 120.0, 1.0),
    },
    claims=CLAIMS,
    needs=(classifies_images,),
    of_readers=tuple(claim.name for claim in CLAIMS),
    read_after="image_ms",
    paired=True,
)
def adversarial(setting: Setting, options: AdversarialOptions) -> Result:
    """Accuracy against the strength of attacks through time, beside static models, with controls of the gradient."""
    tables: dict[str, Rows] = {name: [] for name in ("adversarial", "strength", "controls", "notes")}
    found: dict[str, Attacked] = {}
    labels: dict[str, list[int]] = {}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        labels[label] = split.labels.tolist()
        one = found[label] = attack_model(model, split, options, setting.seed)
        about = {"model": label, "kind": "dynamical" if is_dynamical(model) else "static", "classes": model.num_classes}
        decided = decide(OWN, check_gradient(one.controls, setting.seed), label)
        tables["adversarial"] += [about | row for row in _curve_rows(one)]
        tables["strength"].append(about | _strength_row(one, setting.seed))
        tables["controls"] += [about | row for row in _control_rows(one)]
        tables["notes"] += [{"model": label, "note": note} for note in (*one.notes, *_suspicions(decided))]
        claims += decided if is_dynamical(model) else ()
    pairs, notes = comparable_pairs(setting, labels)
    tables["notes"] += notes
    for ours, other in pairs:
        rows, measured, about_pair = _compare(found, ours, other, options, setting.seed)
        decided = decide(PAIRED, measured, f"{ours} against {other}")
        tables["controls"] += rows
        tables["notes"] += [{"model": ours, "note": note} for note in (*about_pair, *_suspicions(decided[:1]))]
        claims += decided
    named = {claim.name for claim in claims}
    return Result(tables, claims=(*claims, *(claim for claim in CLAIMS if claim.name not in named)))


def check_gradient(controls: Mapping[str, Array], seed: int = 0) -> dict[str, Measured]:
    """Measure the claims about one model from its answers under each control [B], with intervals over images."""
    found = {"whole_range_reaches_zero": _share(controls[WHOLE_RANGE])}
    if PGD in controls:
        own = controls[PGD]
        found |= {
            "gradient_beats_noise": _mean(controls[NOISE] - own, seed),
            "iterating_beats_one_step": _mean(controls[FGSM] - own, seed),
            "more_steps_no_weaker": _mean(own - controls[MORE_STEPS], seed),
            "restarts_change_little": _mean(own - controls[RESTARTS], seed),
        }
    return found


def _compare(
    found: Mapping[str, Attacked], ours: str, other: str, options: AdversarialOptions, seed: int
) -> tuple[Rows, dict[str, Measured], list[str]]:
    """Rows of attacks that are made through the other model, both ways; the claims about the pair; and notes."""
    pair = found[ours], found[other]
    measured, notes, rows = dict[str, Measured](), list[str](), Rows()
    if not any(np.isnan(one.half) for one in pair):
        measured["needs_stronger_attack"] = bootstrap(
            lambda counts: np.log2(pair[0].strength(counts) / pair[1].strength(counts)), len(pair[0].split), seed
        )
    if pair[0].split.shape != pair[1].split.shape:
        return rows, measured, [f"its images are of another size than those of {other!r}, so no attack is transferred"]
    for (name, target), (source_name, source) in (
        ((ours, pair[0]), (other, pair[1])),
        ((other, pair[1]), (ours, pair[0])),
    ):
        if np.isnan(target.half):
            continue
        attack = transferred(source.attacker, target.attacker, source.attacker.pgd(target.half, options.steps))
        whole = torch.from_numpy(target.curves[PGD][0] > 0)
        hits = target.attacker.survive(target.split, attack, whole, seed).double().numpy()
        about = {"model": name, "control": f"{TRANSFER} from {source_name}", "epsilon": target.half}
        rows.append(about | {"images": len(hits)} | _cells(hits))
        if name == ours:
            measured["own_beats_transfer"] = _mean(hits - target.controls[PGD], seed)
    return rows, measured, notes


def _suspicions(claims: Sequence[Claim]) -> list[str]:
    """One note for every control that fails."""
    return [
        "gradients may be masked, so that its strength may be too large: it does not hold that "
        f"{claim.statement[0].lower()}{claim.statement[1:-1]}"
        for claim in claims
        if claim.verdict == FAILS
    ]


def _mean(values: Array, seed: int) -> Measured:
    """Mean over images [B], with its interval."""
    return bootstrap(lambda counts: mean_of(counts, values), len(values), seed, of_shares=True)


def _share(hits: Array) -> Measured:
    """Share of images [B] that are read correctly, with Wilson's interval."""
    return share(int(hits.sum()), len(hits))


def _curve_rows(one: Attacked) -> Iterator[dict[str, Any]]:
    """Accuracy under each attack at every strength."""
    for attack, hits in one.curves.items():
        for epsilon, row in zip(one.epsilons, hits, strict=True):
            yield {"attack": attack, "epsilon": float(epsilon), "images": len(row)} | _cells(row)


def _strength_row(one: Attacked, seed: int) -> dict[str, Any]:
    """Strength that takes accuracy halfway to chance, with its interval over images."""
    measured = bootstrap(one.strength, len(one.split), seed)
    ends = {} if np.isnan(one.half) else _ends(measured)
    about = {"whole": float(one.curves[PGD][0].mean()), "images": len(one.split), "no_gradient": one.silent}
    return about | {"epsilon": one.half} | ends


def _control_rows(one: Attacked) -> Iterator[dict[str, Any]]:
    """Accuracy under each control."""
    for control, hits in one.controls.items():
        epsilon = float(LEVELS) if control == WHOLE_RANGE else one.half
        yield {"control": control, "epsilon": epsilon, "images": len(hits)} | _cells(hits)


def _cells(hits: Array) -> dict[str, float]:
    measured = _share(hits)
    return {"accuracy": measured.value} | _ends(measured)


def _ends(measured: Measured) -> dict[str, float]:
    return {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))
