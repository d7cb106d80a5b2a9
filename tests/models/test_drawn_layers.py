"""Layers that several models draw alike."""

import math

import pytest
import torch

from cordsnet.models.weights import group_norm, sending_conv


def test_a_kernel_by_what_a_unit_sends_to_is_normal_with_variance_two_over_fan_out():
    torch.manual_seed(3)
    layer = sending_conv(4, 6, 5, stride=2, bias=True)
    torch.manual_seed(3)
    expected = torch.empty(6, 4, 5, 5).normal_(std=math.sqrt(2 / (6 * 25)))
    assert torch.equal(layer.weight, expected)
    assert not layer.bias.any()
    assert (layer.stride, layer.padding) == ((2, 2), (2, 2))
    assert sending_conv(4, 6, 1).bias is None


@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_a_group_norm_begins_with_its_gain(gain):
    layer = group_norm(2, 6, gain)
    assert layer.num_groups == 2
    assert layer.weight.tolist() == [gain] * 6
    assert not layer.bias.any()
    assert layer.weight.dtype == torch.float32
