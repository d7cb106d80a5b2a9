"""The table of tasks. A task is imported when it is asked for, so that names are checked at once."""

from typing import Any

from cordsnet.registry import Registry

TASKS: Registry[Any] = Registry("task")
"""Name -> class of the task, a `Task`."""

for _name, _place in (
    ("random_dots", "random_dots:RandomDots"),
    ("delayed_saccade", "delayed_saccade:DelayedSaccade"),
    ("match_to_sample", "match_to_sample:MatchToSample"),
    ("match_to_category", "match_to_category:MatchToCategory"),
    ("context_decision", "context_decision:ContextDecision"),
    ("parametric_memory", "parametric_memory:ParametricMemory"),
    ("sequence", "sequence:Sequence"),
    ("flip_flop", "flip_flop:FlipFlop"),
    ("go_nogo", "go_nogo:GoNogo"),
    ("multisensory", "multisensory:Multisensory"),
    ("contour_tracing", "contour_tracing:ContourTracing"),
    ("visual_search", "visual_search:VisualSearch"),
):
    TASKS.add_lazy(_name, f"cordsnet.tasks.kinds.{_place}")
