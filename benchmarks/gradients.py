"""Cosine of every gradient rule to the exact gradient, for the small models of the table, as a table of Markdown.

    python benchmarks/gradients.py > table.md
    python benchmarks/gradients.py convlstm_small --times 1,5,20 --images 32

Weights are random (seed 0), images are handwritten digits, trials last `response_ms` and multiples of it.
"""

import argparse

import torch

import cordsnet
from cordsnet.data import load_data
from cordsnet.dynamics import Gradient
from cordsnet.training import compare_gradients

RULES = {
    "truncated, 5 steps": Gradient("truncated"),
    "rbp, 15 terms": Gradient("rbp", stop_early=False),
    "rbp, as published": Gradient("rbp"),
    "implicit": Gradient("implicit", unsettled="accept"),
    "implicit, solved": Gradient("implicit", forward="anderson", unsettled="accept"),
    "phantom, 5 steps": Gradient("phantom"),
}


def rows(name: str, times: list[float], count: int) -> list[str]:
    """Lines of the table for one model."""
    spec = cordsnet.MODELS[name].spec
    data = load_data("digits", spec.image_size[-1])
    model = cordsnet.create_model(name, in_channels=1, num_classes=10, seed=0).eval()
    if model.clock.kind == "static":
        return []
    images, labels = next(data.train.to(model).batches(count))
    lines = []
    for factor in times:
        torch.manual_seed(0)
        table = compare_gradients(model, images, labels, ms=factor * model.response_ms, gradients=list(RULES.values()))
        settled = {row.settled_share for row in table.rows if row.gradient.rule == "rbp"}.pop()
        found = ["" if row.refused else f"{row.cosine:.6f}" for row in table.rows]
        share = "" if settled is None else f"{100 * settled:.0f} %"
        lines.append(" | ".join([f"| `{name}`", str(table.steps), share, *found]) + " |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="names; without any, all small ones with class scores")
    parser.add_argument("--times", default="1,5", help="durations of trials, in units of the model's response_ms")
    parser.add_argument("--images", type=int, default=16, help="images per batch")
    given = parser.parse_args()
    names = given.models or [
        n for n in cordsnet.MODELS.names("*_small") if hasattr(cordsnet.MODELS[n].spec, "num_classes")
    ]
    print(" | ".join(["| model", "steps", "settled", *RULES]) + " |")
    print("|---" * (len(RULES) + 3) + "|")
    for name in names:
        for line in rows(name, [float(part) for part in given.times.split(",")], given.images):
            print(line, flush=True)


if __name__ == "__main__":
    main()
