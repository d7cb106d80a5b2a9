"""Counts and durations that would run for ever are refused by name, in every part of the toolkit."""

import pytest
import torch
from flow_examples import double_well, draw

from cordsnet.analysis import RegimeSettings, continue_fixed_point, geometry, participation_ratio, procrustes
from cordsnet.experiments.portrait import PortraitOptions

HUGE = 10**12


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        *(
            (lambda name=name: RegimeSettings(**{name: HUGE}), f"{name} must be at most")
            for name in ("holds", "max_durations", "noisy_starts", "divergence_durations")
        ),
        *(
            (lambda name=name: PortraitOptions(**{name: HUGE}), f"{name} must be at most")
            for name in (
                "trials",
                "eigenvalues",
                "patterns",
                "states",
                "starts",
                "exponents",
                "followed_tau",
                "image_ms",
            )
        ),
        (lambda: PortraitOptions(image_ms=float(HUGE)), "image_ms must be at most"),
        (lambda: PortraitOptions(tol=2.0), "tol must be below 1"),
        (lambda: participation_ratio(draw(20, 3), bootstrap=HUGE), "bootstrap must be at most"),
        (lambda: procrustes(draw(20, 3), draw(20, 3, seed=2), shuffles=HUGE), "shuffles must be at most"),
        (lambda: geometry(draw(9, 3), surrogates=HUGE), "surrogates must be at most"),
        (
            lambda: continue_fixed_point(lambda _: double_well(), torch.zeros(2).double(), (0.0, 1.0), max_points=HUGE),
            "max_points must be at most",
        ),
    ],
)
def test_it_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
