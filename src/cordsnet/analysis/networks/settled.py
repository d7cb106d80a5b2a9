"""From image to settled activity: what a small change of the image does once the network has settled again.

At a fixed point r = phi(drive(r, image)), so dr = (1 - J)^-1 phi' d drive / d image, with J = d phi(drive) / dr. The
inverse is applied by GMRES; J and the rest cost one evaluation of the network each.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov import Inverse
from cordsnet.analysis.networks.jacobians import At, point_of
from cordsnet.analysis.operators.linearised import NetworkJacobian, Point
from cordsnet.analysis.operators.operator import LinearOperator
from cordsnet.analysis.operators.traced import TracedOperator
from cordsnet.dynamics import Pathway, Simulable
from cordsnet.dynamics.system import Shown, by_name

SCORES = "scores"


@check_arguments
@exact()
def settled_response(
    model: Simulable, image: Shown, to: str = "logits", state: At = None, tol: float = 1e-6
) -> LinearOperator:
    """The derivative of settled activity by the image, where the network settles under `image`.

    Its leading singular vectors are the image patterns that the network amplifies most, and what they turn into.

    Parameters
    ----------
    model : a network with a rate equation and without delays.
    image : [1, C, H, W], or one other input by name, [1, ...], by which the derivative is then taken; None is a blank
        field.
    to : an area, whose settled rates [C, H, W] are the result, an output by name, or "logits", the class scores [K].
    state : the fixed point; None solves for it.
    tol : relative residual of the linear solves.

    Returns
    -------
    LinearOperator from images [C, H, W], or from values of the other input. At a point that is not a fixed point it
    means nothing.

    Raises
    ------
    ValueError, TypeError : as `jacobian`; or several inputs; or `to` is no area and no output.
    ArithmeticError : the network does not settle, or, when applied, a linear solve does not converge.

    Source: implicit function theorem; Soo et al. 2024, figure 4C, shows a partial SVD of the input-output map.
    """
    system, held, point = point_of(model, state, image)
    output = SCORES if to == "logits" else to
    if output not in (known := (*system.areas, *system.outputs)):
        first = "'logits' or " if SCORES in system.outputs else ""
        raise ValueError(f"to must be {first}one of {', '.join(known)}, got {to!r}")
    name, shape = _read(model, image)
    slopes = Point.of(system, held, point)
    network = NetworkJacobian(slopes)
    outward = _select(network, to) if to in system.areas else _readout(slopes, network, output)
    inverse = Inverse((-1.0) * network.shift(1.0), tol=tol)
    return outward @ inverse @ _input_to_target(slopes, network, name, shape)


def _read(model: Simulable, image: Shown) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the input by which the derivative is taken; where nothing is shown, of the images or the first.

    Raises ValueError for several inputs.
    """
    given = by_name(image)
    if len(given) > 1:
        raise ValueError(f"image must be one input, by which the derivative is taken, got {', '.join(given)}")
    known: Mapping[str, tuple[int, ...]] = model.inputs  # type: ignore[attr-defined]
    name = next(iter(given), "image" if "image" in known else next(iter(known)))
    return name, tuple(known[name])


def _input_to_target(point: Point, network: NetworkJacobian, name: str, shape: tuple[int, ...]) -> LinearOperator:
    """Image [C, H, W], or other input -> phi' x what it adds to the drives, [units]."""

    def target(images: Tensor) -> Tensor:
        drives = point.circuit.hold({name: images}).drive
        full = {area: drives[area].expand(len(images), *slope.shape) * slope for area, slope in point.slope.items()}
        return network.joined(full)

    return TracedOperator(target, shape, network.domain, network.dtype, network.device)


def _select(network: NetworkJacobian, area: str) -> LinearOperator:
    """[units] -> the rates of one area [C, H, W]."""

    def part(vectors: Tensor) -> Tensor:
        return network.parts(vectors)[area]

    return TracedOperator(part, network.domain, network.shapes[area], network.dtype, network.device)


def _readout(point: Point, network: NetworkJacobian, output: str) -> LinearOperator:
    """[units] -> an output [K] without its bias; where outputs read what areas emit, silent units pass nothing on."""

    circuit = point.circuit

    def read(rates: Mapping[str, Tensor], pathway: Pathway) -> Tensor:
        source = pathway.source
        return rates[source] if circuit.reads_rates else point.gate[source] * rates[source]

    def scores(vectors: Tensor) -> Tensor:
        parts = network.parts(vectors)
        brought = circuit.drive(output, circuit.into[output], partial(read, parts))
        assert brought is not None
        return brought

    with torch.no_grad():
        classes = scores(torch.zeros(1, *network.domain, dtype=network.dtype, device=network.device)).shape[1]
    return TracedOperator(scores, network.domain, (classes,), network.dtype, network.device)
