"""Training: any loss, any model, any data, from random weights or from where an earlier stage ended."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_init
from cordsnet.dynamics import Activation, Gradient, RateSystem, WarmStart, own_start
from cordsnet.errors import RunError
from cordsnet.models.capabilities import HasActivation
from cordsnet.training.budget import NOT_REPEATABLE, Budget, Stopwatch
from cordsnet.training.constraint import Contraction, written
from cordsnet.training.cost import first_batch, update_cost
from cordsnet.training.criterion import Criterion, Examiner
from cordsnet.training.launch import find_processes, is_main_process
from cordsnet.training.lessons import plain_lesson, taught
from cordsnet.training.loop import TrainingModule, train
from cordsnet.training.loss import Batch, Bound, Loss, Terms, evolves
from cordsnet.training.losses import LastStep
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.order import mix_seed
from cordsnet.training.record import add_spent
from cordsnet.training.skips import Skips
from cordsnet.training.sources import Source
from cordsnet.training.stage import Context, Stage, StageResult

HEAD = 2
"""Sets the weights of a loss's head apart from whatever else is drawn from the seed."""


@check_init
@dataclass(frozen=True)
class Train(Stage):
    """Train a model with a loss.

    Attributes
    ----------
    loss : the loss that is minimised; a row of `LOSSES`.
    optimisation : how parameters are updated.
    augmentation : of images, a row of `AUGMENTATIONS`.
    feedforward : trains the feedforward network with the model's kernels, in place of the model.
    slopes : slope of phi for negative drive in each of several phases, which share the updates equally: (1,) is a
        linear model, (0,) ReLU, and (0.95, 0.9, ..., 0) anneals from one to the other. The optimiser's memory is
        cleared between phases. None leaves the model's nonlinearity as it is.
    dt_ms : step in training, ms; None is the model's own. Where a network settles does not depend on it, and a step of
        half the time constant takes less than half the time of one of a fifth.
    engine : how the time loop is run.
    memory : budget for what each part of a trial keeps for its gradient, such as "2GB"; None keeps all.
    gradient : the rule by which the gradient of the last state is computed, for losses that read that state alone, such
        as `LastStep`; "bptt" and "checkpointed" go with every loss.
    spontaneous_residual : None computes spontaneous activity from zero rates for every batch; a number solves for
        it to this relative residual, starting from that of the batch before (see `WarmStart`).
    contraction : keeps the network among those that are proven to have one attractor; None does not.
    budget : images, floating-point operations or seconds, in place of `optimisation.updates`; None counts updates.
    lesson : an easier task for this stage, as in a curriculum.
        Setting of the data -> its value in the training of this stage alone, such as {"coherences": [1.0]}; accuracy is
        measured on the data of the recipe. Labelled images have no such settings.
    until : a criterion for ending early.
        The stage ends at the update at which a measure reaches a bound, or with its last one. The metrics `updates` and
        `criterion_reached` say which. Learning rates of "one_cycle" are those of all updates: let another stage follow.
    skips : temporal skip connections, which are removed while the model is trained; None for none.
    """

    kind: ClassVar[str] = "train"
    name: str = "train"
    loss: Loss = field(default_factory=LastStep)
    optimisation: Optimisation = field(default_factory=Optimisation)
    augmentation: str = "none"
    feedforward: bool = False
    slopes: tuple[float, ...] | None = None
    dt_ms: float | None = None
    engine: str = "auto"
    memory: str | None = None
    spontaneous_residual: float | None = None
    contraction: Contraction | None = None
    gradient: Gradient = field(default_factory=Gradient)
    budget: Budget | None = None
    lesson: dict[str, Any] = field(default_factory=dict, hash=False)
    until: Criterion | None = None
    skips: Skips | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lesson", plain_lesson(self.lesson))
        if not (self.gradient.row.whole or self.loss.reads_the_end):
            raise ValueError(
                f"gradient {self.gradient.rule!r} is that of the last state, and loss {self.loss.kind!r} does not read "
                "that state alone; use the loss 'last_step', or the gradient 'bptt'"
            )
        if self.budget is not None and self.budget.seconds is not None and len(self.slopes or ()) > 1:
            raise ValueError("slopes share the updates, whose number a budget of seconds does not say; give images")
        if self.until is not None and len(self.slopes or ()) > 1:
            raise ValueError("slopes share the updates, of which until may leave out the last; give one of the two")
        if self.skips is not None:
            self._check_skips()
        if self.slopes is not None and len(self.slopes) == 0:
            raise ValueError("slopes is empty; give (0.0,) for ReLU or (1.0,) for the linear stage")

    def _check_skips(self) -> None:
        """Raise ValueError for settings that do not go with skip connections."""
        if self.budget is not None and self.budget.seconds is not None:
            raise ValueError("skips are removed by the updates, whose number a budget of seconds does not say")
        if not self.gradient.row.whole:
            raise ValueError(f"skips reach into the past, which gradient {self.gradient.rule!r} does not; use 'bptt'")
        if self.spontaneous_residual is not None or self.feedforward:
            raise ValueError(
                "skips need a model in time that starts by itself; leave out the spontaneous_residual and feedforward"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for what is written down and compared."""
        return written(super().to_dict() | {"loss": self.loss.to_dict()})

    def run(self, context: Context) -> StageResult:
        """Train from the stage named by `start`, or from random weights."""
        model = context.model_of(self.start) if self.start else context.fresh_model(self.feedforward)
        self._check(model)
        if self.slopes is not None:
            model.activation = activation(self.slopes[0])
        if self.contraction is not None:
            self.contraction.start(model)
        module, flops = TrainedModule(model.train(), self, context.seed), 0.0
        lesson = dataclasses.replace(context, data=taught(context.source, self.lesson, self.name))
        if self.budget is not None:
            flops = module.measure(lesson)
            module.limit(self.budget, flops)
        metrics = train(module, lesson, self.name) | module.ending()
        if self.budget is not None:
            module.settle(self.budget, flops, context)
        if module.notes:
            model.metadata["notes"] = list(dict.fromkeys(module.notes))
        if self.slopes is not None:
            model.activation = activation(self.slopes[-1])
        if self.contraction is not None:
            metrics |= self.contraction.metrics(model)
        metrics |= self.loss.report(model.eval(), context.source)
        measured = context.measure(model) if self.loss.trains_outputs else {}
        return StageResult(model, measured | metrics, module.head)

    def check_data(self, source: Source) -> None:
        """Raise RunError for a lesson that the data cannot have."""
        taught(source, self.lesson, self.name)

    def _check(self, model: Any) -> None:
        """Raise RunError when the model cannot be trained so."""
        before = f"stage {self.name!r}" + (f", which starts from {self.start!r}" if self.start else "")
        try:
            self.loss.check(model)
            if self.skips is not None:
                if not evolves(model):
                    raise ValueError("skips need a model that evolves in time; leave them out")
                self.skips.steps(model.system(self.dt_ms))
            if self.gradient != Gradient():
                self.gradient.check(model.system(self.dt_ms) if evolves(model) else None)
        except ValueError as error:
            raise RunError(f"{before}: {error}") from error
        if self.slopes is not None and not isinstance(model, HasActivation):
            raise RunError(f"{before}: slopes need a model whose nonlinearity can be changed; leave them out")
        if self.spontaneous_residual is not None:
            system = model.system(self.dt_ms)
            if not isinstance(system, RateSystem) or system.start is None:
                raise RunError(
                    f"{before}: spontaneous_residual needs a model that starts from spontaneous activity; leave it out"
                )

    def phase(self, update: int) -> Activation | None:
        """The activation that belongs to an update; None leaves it as it is."""
        if self.slopes is None:
            return None
        phases = len(self.slopes)
        return activation(self.slopes[min(update * phases // self.optimisation.updates, phases - 1)])


class TrainingStage(Stage):
    """A stage that is `Train` with some settings, under names of its own."""

    def as_train(self) -> Train:
        """The stage with all its settings."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it trains")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for what is written down and compared."""
        return written(super().to_dict())

    def run(self, context: Context) -> StageResult:
        """Train from the stage named by `start`, or from random weights."""
        return self.as_train().run(context)


def activation(slope: float) -> Activation:
    """phi with the given slope for negative drive."""
    if slope in (0.0, 1.0):
        return Activation("identity" if slope else "relu")
    return Activation("prelu", slope)


class TrainedModule(TrainingModule):
    """The Lightning module of `Train`."""

    def __init__(self, model: Any, stage: Train, seed: int = 0) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage, self.notes = model, stage, list[str]()
        self.examiner = None if stage.until is None else Examiner(stage.until, stage.name)
        self.skip_weight = 0.0 if stage.skips is None else stage.skips.weight
        self.warm = None if stage.spontaneous_residual is None else WarmStart(stage.spontaneous_residual)
        with torch.random.fork_rng():
            torch.manual_seed(mix_seed(seed, HEAD))
            self.head = stage.loss.head(model)

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the model and of the loss's head."""
        yield from super().trained_parameters()
        if self.head is not None:
            yield from self.head.parameters()

    def measure(self, context: Context) -> float:
        """Floating-point operations of one update."""
        processes, how = find_processes(), self.stage.optimisation
        if torch.cuda.is_available():
            self.to(torch.device("cuda", processes.local_rank))
        parts = how.accumulate * processes.count
        batch = first_batch(
            context.source, max(1, how.batch // parts), context.seed, self.stage.augmentation, self.model.like
        )
        return parts * update_cost(self, batch).flops

    def limit(self, budget: Budget, flops: float) -> None:
        """Turn a budget into updates, or into a limit of time."""
        updates = budget.updates(self.stage.optimisation.batch, flops)
        self.optimisation = dataclasses.replace(self.stage.optimisation, updates=updates)
        self.stage = dataclasses.replace(self.stage, optimisation=self.optimisation)
        self.stopwatch = Stopwatch(budget.seconds)

    def ending(self) -> dict[str, float]:
        """Metrics on how the stage ended, where that was not with its last update by their number alone."""
        found: dict[str, float] = {} if self.examiner is None else {"criterion_reached": float(self.examiner.reached)}
        if found or self.stopwatch is not None:
            found["updates"] = self.global_step
        return found

    def settle(self, budget: Budget, flops: float, context: Context) -> None:
        """Write down what was spent; the model of a run that cannot be repeated says so."""
        assert self.stopwatch is not None
        if budget.seconds is not None:
            self.notes.append(NOT_REPEATABLE)
        if is_main_process():
            spent = budget.spent(self.optimisation, self.global_step, flops, self.stopwatch.seconds)
            add_spent(context.run, self.stage.name, spent)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Take the activation of this update; a new phase starts with a fresh optimiser."""
        super().on_train_batch_start(batch, batch_idx)
        update, phase = self.trainer.global_step, self.stage.phase
        if self.stage.skips is not None:
            self.skip_weight = self.stage.skips.at(update, self.stage.optimisation.updates)
        if self.stage.slopes is not None:
            self.model.activation = phase(update)
            if update and phase(update) != phase(update - 1):
                self.trainer.optimizers[0].state.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Spontaneous activity goes along, so that a resumed run takes the same steps."""
        if self.warm is not None and self.warm.rates is not None:
            checkpoint["spontaneous"] = self.warm.rates

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from the spontaneous activity that was saved."""
        if self.warm is not None and "spontaneous" in checkpoint:
            self.warm.rates = checkpoint["spontaneous"]

    def constrain(self) -> None:
        """Keep to the bound of the stage, if it has one."""
        if self.stage.contraction is not None:
            self.stage.contraction.apply(self.model)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss of one batch, its terms and measures logged."""
        found = self.loss_of(batch)
        self.keep(loss=found.total, **found.measures, **found.terms)
        return self.check_loss(found.total)

    def loss_of(self, batch: Batch) -> Terms:
        """The loss of one batch."""
        stage = self.stage
        how = {
            "engine": stage.engine,
            "memory": stage.memory,
            "rest": partial(own_start, warm=self.warm),
            "notes": self.notes,
            "gradient": stage.gradient,
            "head": self.head,
        }
        bound = Bound.of(self.model, stage.dt_ms, **how)
        return stage.loss(bound if stage.skips is None else stage.skips.applied(bound, self.skip_weight), batch)
