"""All gradient rules on one network: angle to the exact gradient, what is learnt, and what it costs."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cordsnet._checks import check_count, check_positive
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, at_least, at_most, below, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import mean_over_runs
from cordsnet.experiments.needs import dynamics
from cordsnet.experiments.questions.rule_costs import Rule, measure_rules, rules
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.training import (
    LastStep,
    ModelChoice,
    Optimisation,
    RandomInit,
    Recipe,
    Run,
    StageReport,
    Train,
    sweep,
)

Row = dict[str, Any]
EXACT, UNTRAINED, TRAINED = "bptt", "untrained", "trained"
START, STAGE = "random", "train"


@dataclass(frozen=True)
class GradientRulesOptions:
    """Network, trials and training.

    Attributes
    ----------
    model : name of a network in time.
    data : data set.
    image_size, width : px, and channels of each area; None is the model's own.
    image_ms : how long an image is shown; the error at its end is minimised.
    dt_ms : step of training and of all that is measured, ms; None is the model's own.
    updates, batch, lr : of training, the same for all rules.
    seeds : networks per rule; those of one seed start from the same weights and see the same batches.
    images : images for which gradients are compared.
    """

    model: str = "cordsnet_r2_small"
    data: str = "digits"
    image_size: int | None = 8
    width: int | None = 8
    image_ms: float = 200.0
    dt_ms: float | None = 5.0
    updates: int = 40
    batch: int = 32
    lr: float = 0.02
    seeds: int = 2
    images: int = 16

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        for name in ("updates", "batch", "images"):
            check_count(getattr(self, name), name, 1)
        for name in ("image_ms", "lr"):
            check_positive(getattr(self, name), name)

    def recipe(self, rule: Rule, seed: int) -> Recipe:
        """Random weights, and training with a rule."""
        loss = LastStep(ms=self.image_ms, expansion_weight=rule.expansion_weight)
        how = Optimisation(lr=self.lr, updates=self.updates, batch=self.batch, clip=1.0)
        train = Train(STAGE, START, loss, how, dt_ms=self.dt_ms, gradient=rule.gradient)
        choice = ModelChoice(self.model, image_size=self.image_size, width=self.width)
        return Recipe("gradient_rules", (RandomInit(name=START), train), choice, self.data, seed)


GUIDE, LINSLEY = "how-to page: choose a gradient", "Linsley et al. 2020, recurrent back-propagation in place of BPTT"
CLAIMS = (
    Claim("checkpointed_is_exact", "Back-propagation in blocks that are run again gives the exact gradient.", GUIDE,
          "largest relative distance to the gradient of BPTT, all networks, trained and not", at_most(1e-5),
          exact=True, of="gradients"),
    Claim("implicit_when_settled", "The implicit gradient is the exact one where the state has settled.", GUIDE,
          "lowest cosine with BPTT over networks whose trials have all settled to 1e-5", at_least(0.999), exact=True,
          of="gradients"),
    Claim("truncated_is_biased", "Truncation to five steps changes the direction of the gradient.", GUIDE,
          "highest cosine with BPTT over trained networks", below(0.99), exact=True, of="gradients"),
    Claim("implicit_learns", "The implicit gradient learns as well as BPTT.", LINSLEY,
          "test accuracy less that of BPTT, by seed", at_least(-0.05), of="pairs of networks"),
    Claim("c_rbp_learns", "Contractor recurrent back-propagation learns as well as BPTT.", LINSLEY,
          "test accuracy less that of BPTT, by seed", at_least(-0.05), of="pairs of networks"),
    Claim("truncated_learns", "Truncation to five steps learns as well as BPTT.", "reviewer: is BPTT needed?",
          "test accuracy less that of BPTT, by seed", at_least(-0.05), of="pairs of networks"),
    Claim("phantom_learns", "Phantom gradients learn as well as BPTT.", "Geng et al. 2021",
          "test accuracy less that of BPTT, by seed", at_least(-0.05), of="pairs of networks"),
    Claim("implicit_keeps_less", "The implicit gradient keeps less than half of what BPTT keeps.", GUIDE,
          "bytes kept for the backward pass, ratio to BPTT, largest over networks", at_most(0.5), exact=True,
          of="networks"),
)  # fmt: skip


@experiment(
    "gradient_rules",
    options=GradientRulesOptions,
    presets={
        "smoke": Preset(GradientRulesOptions(images=8), 1.0, 1.0),
        "desk": Preset(
            GradientRulesOptions(image_size=None, width=None, updates=200, batch=64, seeds=3, images=64), 12.0, 2.0
        ),
        "paper": Preset(
            GradientRulesOptions("cordsnet_r4_small", "cifar10", None, None, 200.0, 2.0, 5000, 128, 0.01, 5, 128),
            60.0 * 24 * 7, 32.0,
        ),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)  # fmt: skip
def gradient_rules(setting: Setting, options: GradientRulesOptions) -> Result:
    """Cosine with the exact gradient, accuracy after as many updates, memory and time of every gradient rule.

    Networks of one seed start from the same weights and see the same batches. Gradients are compared on training
    images at those weights and where BPTT has led. Tables: "networks", a row for each network with its test accuracy;
    "gradients", a row for each rule, seed and state of training, with cosine, size, share of settled trials, bytes kept
    by autograd, peak bytes of all tensors of an update, and seconds as a ratio to BPTT; "rules", means over networks.

    Raises RunError when a run failed for another reason than divergence.
    """
    known = rules()
    runs = [
        Run(f"{name}/seed={seed}", options.recipe(rule, seed), {"rule": name})
        for seed in range(setting.seed, setting.seed + options.seeds)
        for name, rule in known.items()
    ]
    rows = sweep(
        runs, setting.folder(), measure=MeasureRules(options), workers=setting.workers, progress=setting.progress
    )
    for row in rows:
        if row["status"] == "failed":
            raise RunError(f"run {row['run']!r} failed: {row['error']}")
    gradients = [row for run in rows if run["rule"] == EXACT for row in gradient_rows(run, known)]
    networks = [{name: value for name, value in row.items() if "/" not in name or name == "run"} for row in rows]
    tables = {"networks": networks, "gradients": gradients, "rules": rule_rows(networks, gradients, known)}
    about = {name: dataclasses.asdict(rule.gradient) for name, rule in known.items()}
    return Result(tables, claims=decide(CLAIMS, compare(networks, gradients)), meta={"rules": about})


@dataclass(frozen=True)
class MeasureRules:
    """Test accuracy, and for the network that was trained with BPTT the comparison of all rules, as columns."""

    options: GradientRulesOptions

    def __call__(self, recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
        """Columns "STATE/RULE/WHAT" beside those of the sweep."""
        stage, columns = recipe.stage(STAGE), dict[str, float]()
        assert isinstance(stage, Train)
        if stage.gradient.rule != EXACT:
            return columns
        for state, name in ((UNTRAINED, START), (TRAINED, STAGE)):
            model: Any = reports[name].model().eval()
            if lack := dynamics(model):
                raise RunError(f"model {self.options.model!r} {lack}")
            split = recipe.load_data().train.take(self.options.images).to(model)
            for rule, found in measure_rules(
                model, split.images, split.labels, self.options.image_ms, self.options.dt_ms
            ).items():
                columns |= {f"{state}/{rule}/{what}": value for what, value in found.items()}
        return columns


def gradient_rows(run: Row, known: Sequence[str] | Mapping[str, Any]) -> list[Row]:
    """A row per state of training and rule, from the columns of a network that was trained with BPTT."""
    rows = []
    for state in (UNTRAINED, TRAINED):
        for rule in known:
            cells = {
                what: run[f"{state}/{rule}/{what}"]
                for what in ("cosine", "size", "settled", "kept", "peak", "seconds")
                if math.isfinite(run.get(f"{state}/{rule}/{what}", math.nan))
            }
            for what in ("kept", "peak", "seconds"):
                exact = run.get(f"{state}/{EXACT}/{what}", 0.0)
                if what in cells and exact > 0:
                    cells[f"{what}_ratio"] = cells[what] / exact
            if cells:
                rows.append({"rule": rule, "state": state, "seed": run["seed"]} | cells)
    return rows


def rule_rows(networks: Sequence[Row], gradients: Sequence[Row], known: Mapping[str, Any]) -> list[Row]:
    """A row per rule with means over networks."""
    found = []
    for rule in known:
        row: Row = {"rule": rule}
        for state in (UNTRAINED, TRAINED):
            mine = [one for one in gradients if one["rule"] == rule and one["state"] == state]
            for what in (
                "cosine",
                "settled",
                *(("kept_ratio", "peak_ratio", "seconds_ratio") if state == TRAINED else ()),
            ):
                values = [one[what] for one in mine if what in one]
                row[f"{what}_{state}" if what in ("cosine", "settled") else what] = mean_over_runs(values).value
        scores = list(_accuracies(networks, rule).values())
        row |= {"accuracy": mean_over_runs(scores).value, "networks": len(scores)}
        found.append(row)
    return found


def compare(networks: Sequence[Row], gradients: Sequence[Row]) -> dict[str, Measured]:
    """Measure the claims."""
    found = {f"{rule}_learns": _gain(networks, rule) for rule in ("implicit", "c_rbp", "truncated", "phantom")}
    for name, rows, measure in (
        ("checkpointed_is_exact", _of(gradients, "checkpointed"), lambda rows: max(map(_apart, rows))),
        ("implicit_when_settled", [row for row in _of(gradients, "implicit") if row.get("settled") == 1],
         lambda rows: min(row["cosine"] for row in rows)),
        ("truncated_is_biased", [row for row in _of(gradients, "truncated") if row["state"] == TRAINED],
         lambda rows: max(row["cosine"] for row in rows)),
        ("implicit_keeps_less", [row for row in _of(gradients, "implicit") if "kept_ratio" in row],
         lambda rows: max(row["kept_ratio"] for row in rows)),
    ):  # fmt: skip
        if rows:
            found[name] = Measured(measure(rows), n=len(rows))
    return found


def _apart(row: Row) -> float:
    """|g - g_exact| / |g_exact| from the cosine of two gradients and the ratio of their norms."""
    return math.sqrt(max(0.0, 1 + row["size"] ** 2 - 2 * row["size"] * row["cosine"]))


def _of(gradients: Sequence[Row], rule: str) -> list[Row]:
    return [row for row in gradients if row["rule"] == rule]


def _accuracies(networks: Sequence[Row], rule: str) -> dict[int, float]:
    """Seed -> test accuracy of the networks whose training finished."""
    name = f"{STAGE}.test_accuracy"
    return {r["seed"]: float(r[name]) for r in networks if r["rule"] == rule and r["status"] == "finished"}


def _gain(networks: Sequence[Row], rule: str) -> Measured:
    mine, exact = _accuracies(networks, rule), _accuracies(networks, EXACT)
    return mean_over_runs([mine[seed] - exact[seed] for seed in mine if seed in exact])
