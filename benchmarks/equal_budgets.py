"""Models trained alike, one row each: accuracy over seeds, parameters, operations and seconds.

    cordsnet sweep cifar10_compare --grid model.name=NAME,NAME --seeds 3 --output runs/cifar
    python benchmarks/equal_budgets.py runs/cifar

Prints a table in Markdown. Operations are those of training, forward and backward, of one image, as
`torch.utils.flop_counter` counts them; seconds are the wall time of a whole run, and include what else the machine did.
"""

import argparse
import json
from pathlib import Path

import torch
from pandas import read_parquet

from cordsnet import load_model
from cordsnet.errors import RunError
from cordsnet.training import Answer, Train, summary
from cordsnet.training.cost import update_cost
from cordsnet.training.loss import Batch
from cordsnet.training.stages.train import TrainedModule

BATCH = 8


def flops_per_image(run: Path, stage: Train) -> tuple[int, float]:
    """Number of parameters, and operations of training of one image."""
    model = load_model(run / stage.name)
    images = torch.randn(BATCH, *model.input_shape)
    labels = torch.arange(BATCH) % model.num_classes
    module = TrainedModule(model.train(), stage)
    cost = update_cost(module, Batch({"image": images}, {"scores": labels}))
    return sum(one.numel() for one in model.parameters()), cost.flops / BATCH


def trained_by(run: Path) -> Train:
    """The stage of a run, as far as its operations depend on it."""
    (written,) = json.loads((run / "recipe.json").read_text())["stages"]
    if written["kind"] != "train" or written["loss"]["kind"] != "answer":
        raise RunError(f"{run} was not trained by a recipe of one stage with the loss 'answer'")
    return Train(loss=Answer(written["loss"]["counted"]), dt_ms=written["dt_ms"])


def main() -> None:
    """Print the table of one or more sweeps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", nargs="+", type=Path)
    rows = []
    for sweep in parser.parse_args().sweeps:
        table = read_parquet(sweep / "table.parquet").to_dict("records")
        for row in summary(table, ["model.name"], "train.test_accuracy"):
            runs = [one for one in table if one["model.name"] == row["model.name"]]
            folder = sweep / runs[0]["run"]
            stage = trained_by(folder)
            parameters, flops = flops_per_image(folder, stage)
            seconds = [one["train.seconds"] for one in runs if one["status"] == "finished"]
            rows.append((row, parameters, flops, min(seconds), max(seconds), stage))
    print("| model | accuracy (%) | seeds | parameters | MFLOP per image | seconds |\n|---|---|---|---|---|---|")
    for row, parameters, flops, low, high, stage in sorted(rows, key=lambda one: -one[0]["mean"]):
        step = "" if stage.dt_ms is None else f", dt {stage.dt_ms:g} ms"
        error = "" if row["finished"] < 2 else f" ± {100 * row['standard_error']:.1f}"
        failed = f" ({row['failed']} failed)" if row["failed"] else ""
        print(
            f"| `{row['model.name']}`{step} | {100 * row['mean']:.1f}{error} | {row['finished']}{failed} "
            f"| {parameters:,} | {flops / 1e6:.1f} | {low:.0f} to {high:.0f} |"
        )


if __name__ == "__main__":
    main()
