"""Results of the paper and questions of its reviewers, one function each."""

from cordsnet.experiments.behaviour import (
    NoiseCurve,
    TimeCourse,
    half_rise_ms,
    noise_curve,
    second_image_drop,
    time_course,
)
from cordsnet.experiments.demo import DemoResult, run_demo

__all__ = [
    "DemoResult",
    "NoiseCurve",
    "TimeCourse",
    "half_rise_ms",
    "noise_curve",
    "run_demo",
    "second_image_drop",
    "time_course",
]
