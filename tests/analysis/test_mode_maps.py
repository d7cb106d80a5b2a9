"""Maps of modes against plane waves and patches whose frequency, direction and place are known."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.modes.mode_maps import mode_map


def wave(down, right, size=(16, 24), channels=(1.0,), phase=0.0, real=False):
    """Cycles per map along rows and columns, one amplitude per channel."""
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing="ij")
    angle = 2 * math.pi * (down * rows / size[0] + right * columns / size[1]) + phase
    pattern = angle.cos() if real else torch.polar(torch.ones_like(angle), angle)
    return torch.stack([factor * pattern for factor in channels])


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(
    ("down", "right"), [(0, 3), (2, 0), (3, 5), (3, -5), (-2, 1), (8, 0), (0, 12), (8, 12), (8, 3), (1, 12)]
)
def test_a_plane_wave_has_its_frequency_and_direction(down, right, real):
    found = mode_map(wave(down, right, channels=(0.5, -2.0), phase=0.3, real=real))
    fy, fx = down / 16, right / 24
    assert_allclose(found.frequency, math.hypot(fy, fx))
    aliases = {
        math.atan2(a * fy, b * fx) % math.pi
        for a in ((1, -1) if abs(down) == 8 else (1,))
        for b in ((1, -1) if right == 12 else (1,))
    }
    assert min(abs(found.orientation - angle) for angle in aliases) < 1e-12
    assert_allclose(found.concentration, 1)
    assert found.channel == 1
    assert_allclose(found.channel_energy, [0.25 / 4.25, 4 / 4.25], atol=1e-12)
    if not real:
        assert_allclose(found.energy, 1 / 384)
        assert_allclose(found.participation, 384)


def test_vertical_stripes_have_orientation_zero_and_horizontal_ones_a_right_angle():
    assert mode_map(wave(0, 4, real=True)).orientation == 0
    assert mode_map(wave(4, 0, real=True)).orientation == pytest.approx(math.pi / 2)


def test_the_phase_of_a_travelling_wave_rises_along_it():
    found = mode_map(wave(0, 2) * (1 + 1e-9 * (torch.arange(24) == 0)))
    step = np.angle(np.exp(1j * np.diff(found.phase.numpy(), axis=1)))
    assert_allclose(step, 2 * math.pi * 2 / 24, atol=1e-9)
    assert_allclose(found.phase[:, 0], 0, atol=1e-12)


def test_the_overall_factor_changes_nothing():
    mode = torch.randn(3, 7, 9, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    one, other = mode_map(mode), mode_map(mode * (2 - 5j))
    for name in ("energy", "channel_energy", "phase", "frequency", "orientation", "concentration", "participation"):
        assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9)
    assert one.concentration < 0.2
    assert one.concentration > 0


def test_a_patch_is_where_it_is_and_a_uniform_mode_has_no_direction():
    patch = torch.zeros(2, 5, 6)
    patch[0, 2, 3] = -1
    found = mode_map(patch)
    assert (found.participation, found.channel) == (1, 0)
    assert float(found.energy[2, 3]) == 1
    uniform = mode_map(torch.ones(2, 5, 6))
    assert (uniform.frequency, uniform.concentration) == (0, 1)
    assert math.isnan(uniform.orientation)
    assert_allclose(mode_map(torch.ones(1, 1, 1)).participation, 1)


def test_a_real_mode_has_phases_zero_and_pi():
    phase = mode_map(wave(1, 0, real=True)).phase.abs()
    assert bool(((phase < 1e-9) | ((phase - math.pi).abs() < 1e-9)).all())


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (torch.ones(4, 4), r"must be \[C, H, W\]"),
        (torch.ones(2, 3, 4, 4), "one eigenvector at a time"),
        (torch.zeros(2, 4, 4), "not zero"),
        (torch.full((2, 4, 4), math.nan), "finite"),
    ],
)
def test_bad_modes_are_refused(mode, words):
    with pytest.raises(ValueError, match=words):
        mode_map(mode)
