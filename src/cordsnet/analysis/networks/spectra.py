"""Spectra of whole networks, area by area where that tells everything."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.krylov import Eigenpairs, eigenvalues
from cordsnet.analysis.networks.jacobians import At, jacobian, point_of
from cordsnet.dynamics import Simulable
from cordsnet.dynamics.system import Shown

NETWORK = "network"
"""Name under which a network with feedback stands as a whole."""


@dataclass(frozen=True)
class NetworkSpectrum:
    """Leading eigenvalues of a network's Jacobian.

    Attributes
    ----------
    parts : area -> its own leading eigenvalues, with vectors on its maps where asked for; for a network with feedback
        the one entry "network", with flat vectors.
    """

    parts: Mapping[str, Eigenpairs]

    @property
    def values(self) -> Tensor:
        """All of them, complex, largest real part first."""
        values = torch.cat([pairs.values for pairs in self.parts.values()])
        return values[torch.argsort(values.real, descending=True)]

    @property
    def leading_area(self) -> str:
        """The area whose eigenvalue has the largest real part: the slowest one, or the unstable one."""
        return max(self.parts, key=lambda area: float(self.parts[area].values.real.max()))


@check_arguments
def network_eigenvalues(
    model: Simulable,
    image: Shown = None,
    state: At = None,
    *,
    k: int = 8,
    which: str = "LR",
    of: str = "target",
    tol: float = 1e-4,
    seed: int = 0,
    vectors: str = "none",
) -> NetworkSpectrum:
    """The leading eigenvalues of the Jacobian of a network at a state and an image.

    The Jacobian of a cascade is block lower triangular, so its spectrum is the union of its areas': each area is
    solved by itself, on vectors of its own size.

    Parameters
    ----------
    model, image, state, of : as for `jacobian`.
    k, which, tol, seed, vectors : as for `eigenvalues`, for each area. Areas with fewer than k units give all.

    Raises
    ------
    TypeError, ValueError, ArithmeticError : as `jacobian` and `eigenvalues`.
    """
    system, _, point = point_of(model, state, image)
    names: tuple[str | None, ...] = system.areas if system.equation.circuit.is_cascade else (None,)
    parts = {}
    for area in names:
        op = jacobian(model, point, image, area, of)
        count = min(k, op.shape[0])
        parts[area or NETWORK] = eigenvalues(op, count, which, tol=tol, seed=seed, vectors=vectors)
    return NetworkSpectrum(parts)
