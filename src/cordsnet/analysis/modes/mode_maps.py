"""Description of an eigenvector of an area: position, channels, spatial frequency and orientation."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments


@dataclass(frozen=True)
class ModeMap:
    """Description of a mode v [C, H, W], real or complex. Scaling v by any factor changes nothing.

    Attributes
    ----------
    energy : [H, W], share of |v|^2 at each place, summed over channels; sums to 1.
    channel_energy : [C], share of |v|^2 in each channel.
    channel : index of the channel with the largest share; the first one among ties.
    phase : [H, W], phase in that channel relative to the place of largest amplitude, rad. For an oscillation it says by
        how much a place leads; for a real mode it is 0 or pi, the sign.
    frequency : cycles per pixel of the strongest spatial wave, up to 1/2 along an axis and 0.71 along a diagonal.
    orientation : direction in which that wave varies, rad in [0, pi), from rightwards (0: vertical stripes) to
        downwards (pi/2: horizontal stripes). NaN for a uniform mode.
    concentration : share of the power of spatial waves in the strongest wave and its mirror image: 1 for a plane wave
        that fits the map, small if the mode mixes many spatial scales.
    participation : effective number of places, 1 / sum energy^2, from 1 to H x W.
    """

    energy: Tensor
    channel_energy: Tensor
    channel: int
    phase: Tensor
    frequency: float
    orientation: float
    concentration: float
    participation: float


@check_arguments
@torch.no_grad()
def mode_map(mode: Tensor) -> ModeMap:
    """Describe an eigenvector or singular vector: where it is and which spatial wave it resembles.

    The strongest wave is the peak of the power spectrum summed over channels, at whole numbers of cycles per map, so
    frequencies are known to half a cycle per map.

    Parameters
    ----------
    mode : [C, H, W], real or complex.

    Raises
    ------
    ValueError : another number of axes, a mode of zeros, or values that are not finite.
    """
    if mode.ndim != 3 or mode.numel() == 0:
        raise ValueError(f"mode must be [C, H, W], got shape {list(mode.shape)}; take one eigenvector at a time")
    values = mode.detach().cpu().to(torch.complex128)
    total = values.abs().square().sum()
    if not 0 < float(total) < math.inf:
        raise ValueError("mode must be finite and not zero everywhere; take one that converged")
    share = values.abs().square() / total
    energy, channels = share.sum(0), share.sum((1, 2))
    channel = int(channels.argmax())
    frequency, orientation, concentration = _wave(values)
    return ModeMap(
        energy=energy,
        channel_energy=channels,
        channel=channel,
        phase=_phase(values[channel]),
        frequency=frequency,
        orientation=orientation,
        concentration=concentration,
        participation=float(1 / energy.square().sum()),
    )


def _phase(values: Tensor) -> Tensor:
    reference = values.flatten()[values.abs().argmax()]
    return torch.angle(values * reference.conj())


def _wave(values: Tensor) -> tuple[float, float, float]:
    """Frequency, orientation and share of the strongest wave; a wave and its mirror image (-f) count as one."""
    power = torch.fft.fft2(values).abs().square().sum(0)
    # mirrored[k] = power[-k]: a real wave has its power at k and at -k
    mirrored = power.flip((0, 1)).roll((1, 1), (0, 1))
    height, width = power.shape
    alone = [2 * torch.arange(n) % n == 0 for n in (height, width)]  # frequencies that are their own mirror image
    both = power + torch.where(alone[0][:, None] & alone[1], 0.0, mirrored)
    row, column = divmod(int(both.argmax()), width)
    down, right = (float(torch.fft.fftfreq(n, dtype=torch.float64)[k]) for n, k in ((height, row), (width, column)))
    share = float(both[row, column] / power.sum())
    if down == right == 0:
        return 0.0, math.nan, share
    orientation = math.atan2(down, right) % math.pi
    return math.hypot(down, right), orientation, share
