"""Errors of lower precisions are measured, and in the order that their digits suggest."""

import torch

from cordsnet.experiments.precision import CHOICES, precision_errors
from cordsnet.models import build
from oracles import random_images, tiny_r


def test_errors_follow_the_digits():
    spec = tiny_r(2)
    model, images = build(spec, 0), random_images(spec).float()
    with torch.no_grad():
        for bias in model.bias.values():
            bias.normal_(0, 0.3)
    found = precision_errors(model, images, image_ms=60.0)
    rows = {(row["convolutions"], row["rates"]): row for row in found}
    assert len(rows) == len(CHOICES)
    single, brain, half = (rows[name, "float32"] for name in ("float32", "bfloat16", "float16"))
    for measure in ("error_of_rates", "error_of_scores", "error_of_gradients"):
        errors = [row[measure] for row in (single, half, brain)]
        assert errors == sorted(errors)
        assert errors[0] < 1e-4
        assert errors[-1] < 0.1
    assert 0.2 > rows["bfloat16", "bfloat16"]["error_of_rates"] > brain["error_of_rates"]
    assert 0.05 > rows["float16", "float16"]["error_of_rates"] > half["error_of_rates"]
    assert single["same_answer"] == 1.0
    assert all(row["seconds"] > 0 for row in rows.values())


def test_errors_that_are_not_finite_are_shown_as_such(tmp_path):
    from cordsnet.experiments import Result, read_result, write_data
    from cordsnet.report.precision import summary

    row = {
        "model": "net",
        "convolutions": "float16",
        "rates": "float16",
        "error_of_rates": 0.1,
        "error_of_scores": 0.1,
        "error_of_gradients": float("nan"),
        "same_answer": 0.5,
        "seconds": 1.0,
    }
    write_data(Result({"precision": (row,)}, meta={"experiment": "precision"}), tmp_path)
    assert "not finite" in summary(read_result(tmp_path)).rows[0]
