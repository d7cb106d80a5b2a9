"""Exact sizes of the networks of the paper."""

import pytest

from cordsnet.models import CNN, MODELS, build, layout

DEPTHS = (2, 4, 6, 8)
CORDSNET = {
    (1000, 3): (661520, 1451152, 3777936, 12475280),
    (100, 3): (602120, 1334152, 3545736, 12012680),
    (10, 3): (596180, 1322452, 3522516, 11966420),
    (10, 1): (589908, 1316180, 3516244, 11960148),
}
FEEDFORWARD = {
    (1000, 3): (260752, 850960, 3079952, 11732240),
    (10, 3): (195412, 722260, 2824532, 11223380),
}
UNITS = dict(zip(DEPTHS, (401408, 602112, 702464, 752640), strict=True))


def rows(table):
    return [
        pytest.param(depth, *task, count, id=f"r{depth}-{task[0]}-{task[1]}")
        for task, counts in table.items()
        for depth, count in zip(DEPTHS, counts, strict=True)
    ]


def parameters(depth, classes, channels, **kind):
    spec = MODELS[f"cordsnet_r{depth}"].spec.changed(num_classes=classes, in_channels=channels)
    return sum(parameter.numel() for parameter in build(spec, **kind).parameters())


@pytest.mark.parametrize(("depth", "classes", "channels", "count"), rows(CORDSNET))
def test_cordsnet_has_as_many_parameters_as_the_public_code(depth, classes, channels, count):
    assert parameters(depth, classes, channels) == count


@pytest.mark.parametrize(("depth", "classes", "channels", "count"), rows(FEEDFORWARD))
def test_the_feedforward_twin_has_as_many_parameters_as_the_public_code(depth, classes, channels, count):
    assert parameters(depth, classes, channels, kind=CNN) == count


@pytest.mark.parametrize("depth", DEPTHS)
def test_recurrent_units_are_those_of_the_paper(depth):
    assert layout(MODELS[f"cordsnet_r{depth}"].spec).units == UNITS[depth]
