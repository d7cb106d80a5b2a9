"""Records the course of every model with TorchLens, which keeps the output of every pass of every module.

    PYTHONPATH=src python benchmarks/torchlens_record.py tests/golden/torchlens.json      # needs: pip install torchlens
    PYTHONPATH=src python benchmarks/torchlens_record.py --memory cordsnet_r2_small       # peak memory of both

The numbers are means over the units of an area, one for each step and trial; a test compares `simulate` with them.
"""

import argparse
import json
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

import cordsnet
from cordsnet.models import MODELS, to_torch_module

STEPS, TRIALS = 4, 2
LEFT_OUT = ("deq_conv", "mdeq", "blt_sync")
"""Kinds that TorchLens does not record: thousands of operations of a solver, and areas that are still constants."""

MEMORY_STEPS, MEMORY_TRIALS = 50, 16


def images_of(model: cordsnet.VisionModel, trials: int) -> torch.Tensor:
    """Sines [trials, C, H, W], so that no generator of random numbers is needed."""
    count = trials * torch.Size(model.input_shape).numel()
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float64)).view(trials, *model.input_shape)


def is_classifier(name: str) -> bool:
    """True for a model that reads images alone and has class scores."""
    model = cordsnet.create_model(name, **MODELS[name].tiny)
    return set(model.inputs) == {"image"} and "scores" in model.outputs


def recorded(name: str) -> dict[str, list[list[float]]]:
    """Area -> mean rate [step, trial] of the tiny version of a model, as TorchLens recorded it."""
    import torchlens

    model = cordsnet.create_model(name, **MODELS[name].tiny).double().eval()
    unrolled = to_torch_module(model, STEPS * model.dt_ms)
    trace = torchlens.trace(unrolled, images_of(model, TRIALS))
    found = {}
    for area in model.areas:
        passes = len(trace.modules[area].calls)
        each = passes // STEPS  # iterations within a step
        ends = [trace[f"{area}:{k}"].out for k in range(each, passes + 1, each)]
        found[area] = [out.flatten(1).mean(1).tolist() for out in ends]
    return found


def peak_mb(name: str, side: str) -> float:
    """Peak memory, MB, of recording all areas at all steps by one side, beyond that of recording nothing."""
    words = [sys.executable, __file__, "--memory", name, "--side"]
    with_it, without = (
        float(subprocess.run([*words, which], check=True, capture_output=True, text=True).stdout.split()[-1])  # noqa: S603
        for which in (side, "nothing")
    )
    return with_it - without


def measure(name: str, side: str) -> float:
    """Peak memory of this process, MB, after one side has run."""
    model = cordsnet.create_model(name).eval()
    images, ms = images_of(model, MEMORY_TRIALS).float(), MEMORY_STEPS * model.dt_ms
    if side == "torchlens":
        import torchlens

        torchlens.trace(to_torch_module(model, ms), images)
    else:
        record = "all" if side == "cordsnet" else ()
        cordsnet.simulate(model, cordsnet.show(images, ms), record=record)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Write the record of all models, or print the memory of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=Path, help="JSON file to write")
    parser.add_argument("--memory", metavar="MODEL", help="compare peak memory instead")
    parser.add_argument("--side", choices=("cordsnet", "torchlens", "nothing"), help="run one side alone")
    options = parser.parse_args()
    if options.memory and options.side:
        print(measure(options.memory, options.side))
    elif options.memory:
        ours, theirs = (peak_mb(options.memory, side) for side in ("cordsnet", "torchlens"))
        print(f"{options.memory}: cordsnet {ours:.1f} MB, TorchLens {theirs:.1f} MB, ratio {ours / theirs:.3f}")
    else:
        of_a_kind = {MODELS[name].kind: name for name in reversed(list(MODELS)) if MODELS[name].kind not in LEFT_OUT}
        names = sorted(name for name in of_a_kind.values() if is_classifier(name))
        found = {"torchlens": version("torchlens"), "models": {name: recorded(name) for name in names}}
        options.output.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
