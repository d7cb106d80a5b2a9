"""Checks of what people do with a model as an object: copy, move, save, compile."""

import copy
import io
import logging
import pickle
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cordsnet.models import VisionModel, lesion, load_model, save_model
from cordsnet.testing.check import CHECKS, rule
from cordsnet.testing.subject import STEPS, Subject, farthest


def _answers(subject: Subject, model: VisionModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of a model in its own precision, from its own start."""
    given = {name: values.to(model.like.dtype) for name, values in inputs.items()}
    with torch.no_grad():
        found = model(given, subject.ms(STEPS))
    return found if isinstance(found, dict) else {"scores": found}


@CHECKS.register("copies_are_the_same")
def copies_are_the_same(subject: Subject) -> None:
    """deepcopy, pickle, torch.save and save_model give a model with the same answers, bit for bit; lesions stay."""
    inputs = subject.inputs()
    for model in (subject.model, lesion(subject.model, subject.model.areas[-1], fraction=0.5)):
        wanted = _answers(subject, model, inputs)
        for how, duplicate in (
            ("copy.deepcopy", copy.deepcopy),
            ("pickle", lambda one: pickle.loads(pickle.dumps(one))),  # noqa: S301  # bytes of our own
            ("torch.save", _through_torch),
            ("save_model and load_model", _through_files),
        ):
            again = duplicate(model)
            worst, size = farthest(_answers(subject, again, inputs), wanted)
            rule(size == 0, f"{worst!r} differs by {size:.1e} after {how}")
            rule(again.lesions == model.lesions, f"lesions are lost by {how}")


def _through_torch(model: VisionModel) -> VisionModel:
    content = io.BytesIO()
    torch.save(model, content)
    content.seek(0)
    again: VisionModel = torch.load(content, weights_only=False)
    return again


def _through_files(model: VisionModel) -> VisionModel:
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, folder)
        return _loaded(folder)


def _loaded(folder: str) -> VisionModel:
    model = load_model(folder)
    assert isinstance(model, VisionModel)
    return model


@CHECKS.register("state_dicts_are_strict")
def state_dicts_are_strict(subject: Subject) -> None:
    """Weights loaded into a fresh copy are seen at once."""
    inputs, wanted = subject.inputs(), None
    fresh = copy.deepcopy(subject.model)
    _answers(subject, fresh, inputs)  # whatever it keeps to save time is kept now
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.mul_(1.5)
    wanted = _answers(subject, subject.model, inputs)
    rule(farthest(_answers(subject, fresh, inputs), wanted)[1] > 0, "weights that are changed in place are not noticed")
    fresh.load_state_dict(subject.model.state_dict(), strict=True)
    worst, size = farthest(_answers(subject, fresh, inputs), wanted)
    rule(size == 0, f"{worst!r} differs by {size:.1e} after load_state_dict")


@CHECKS.register("precision_moves")
def precision_moves(subject: Subject) -> None:
    """In single precision, on the CPU, the model gives about the same; in the precision of its weights."""
    inputs = subject.inputs()
    wanted = _answers(subject, subject.model, inputs)
    single = _answers(subject, copy.deepcopy(subject.model).float(), inputs)
    for name, value in single.items():
        rule(value.dtype == torch.float32, f"output {name!r} of a model in float32 is {value.dtype}")
    worst, size = farthest({name: value.double() for name, value in single.items()}, wanted)
    rule(size < 1e-2, f"{worst!r} differs by {size:.1e} between single and double precision")


@CHECKS.register("compiled_is_the_same")
def compiled_is_the_same(subject: Subject) -> None:
    """torch.compile(model) answers as the model does, and save_model saves the model inside."""
    inputs = subject.inputs()
    wanted = _answers(subject, subject.model, inputs)
    compiled: Callable[..., Any] = torch.compile(subject.model, backend="eager")
    logging.disable(logging.WARNING)  # of breaks in the graph, which cost time and change nothing
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = compiled(inputs, subject.ms(STEPS))
    finally:
        logging.disable(logging.NOTSET)
    values = found if isinstance(found, dict) else {"scores": found}
    worst, size = farthest(values, wanted)
    rule(size <= 1e-10, f"{worst!r} differs by {size:.1e} when the model is compiled")
    with tempfile.TemporaryDirectory() as folder:
        save_model(compiled, folder)  # type: ignore[arg-type]
        worst, size = farthest(_answers(subject, _loaded(folder), inputs), wanted)
    rule(size == 0, f"{worst!r} differs by {size:.1e} after a compiled model was saved")


@CHECKS.register("own_memory_is_given")
def own_memory_is_given(subject: Subject) -> None:
    """A state from `begin` is the caller's own: changing it in place changes nothing later."""
    with torch.no_grad():
        first = subject.system.begin(1)
        kept = {name: value.clone() for name, value in first.values.items()}
        for value in first.values.values():
            value.add_(1.0)
        worst, size = farthest(subject.system.begin(1).values, kept)
    rule(size == 0, f"{worst!r} of a new start differs by {size:.1e} after an earlier one was changed in place")
