"""From image to settled activity: what a small change of the image does once the network has settled again.

At a fixed point r = phi(drive(r, image)), so dr = (1 - J)^-1 phi' d drive / d image, with J = d phi(drive) / dr. The
inverse is applied by GMRES; J and the rest cost one evaluation of the network each.
"""

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov import Inverse
from cordsnet.analysis.networks.jacobians import At, point_of
from cordsnet.analysis.operators.linearised import NetworkJacobian, Point
from cordsnet.analysis.operators.operator import LinearOperator
from cordsnet.analysis.operators.traced import TracedOperator
from cordsnet.dynamics import Simulable


@check_arguments
@exact()
def settled_response(
    model: Simulable, image: Tensor | None, to: str = "logits", state: At = None, tol: float = 1e-6
) -> LinearOperator:
    """The derivative of settled activity by the image, where the network settles under `image`.

    Its leading singular vectors are the image patterns that the network amplifies most, and what they turn into.

    Parameters
    ----------
    model : a network with a rate equation and without delays.
    image : [1, C, H, W]; None is a blank field.
    to : an area, whose settled rates [C, H, W] are the result, or "logits", the class scores [K].
    state : the fixed point; None solves for it.
    tol : relative residual of the linear solves.

    Returns
    -------
    LinearOperator from images [C, H, W]. At a point that is not a fixed point it means nothing.

    Raises
    ------
    ValueError, TypeError : as `jacobian`; or `to` is no area.
    ArithmeticError : the network does not settle, or, when applied, a linear solve does not converge.

    Source: implicit function theorem; Soo et al. 2024, figure 4C, shows a partial SVD of the input-output map.
    """
    system, held, point = point_of(model, state, image)
    if to != "logits" and to not in system.areas:
        raise ValueError(f"to must be 'logits' or one of {', '.join(system.areas)}, got {to!r}")
    slopes = Point.of(system, held, point)
    network = NetworkJacobian(slopes)
    outward = _readout(slopes, network) if to == "logits" else _select(network, to)
    inverse = Inverse((-1.0) * network.shift(1.0), tol=tol)
    return outward @ inverse @ _image_to_target(slopes, network, _image_shape(model, image))


def _image_shape(model: Simulable, image: Tensor | None) -> tuple[int, ...]:
    shape: tuple[int, ...] = model.input_shape if image is None else tuple(image.shape[1:])  # type: ignore[attr-defined]
    return shape


def _image_to_target(point: Point, network: NetworkJacobian, shape: tuple[int, ...]) -> LinearOperator:
    """Image [C, H, W] -> phi' x what it adds to the drives, [units]."""

    def target(images: Tensor) -> Tensor:
        drives = point.circuit.hold({"image": images}).drive
        full = {area: drives[area].expand(len(images), *slope.shape) * slope for area, slope in point.slope.items()}
        return network.joined(full)

    return TracedOperator(target, shape, network.domain, network.dtype, network.device)


def _select(network: NetworkJacobian, area: str) -> LinearOperator:
    """[units] -> the rates of one area [C, H, W]."""

    def part(vectors: Tensor) -> Tensor:
        return network.parts(vectors)[area]

    return TracedOperator(part, network.domain, network.shapes[area], network.dtype, network.device)


def _readout(point: Point, network: NetworkJacobian) -> LinearOperator:
    """[units] -> class scores [K] without their bias; silent units pass nothing on."""

    circuit = point.circuit

    def scores(vectors: Tensor) -> Tensor:
        parts = network.parts(vectors)
        brought = circuit.drive("scores", circuit.into["scores"], lambda p: point.gate[p.source] * parts[p.source])
        assert brought is not None
        return brought

    with torch.no_grad():
        classes = scores(torch.zeros(1, *network.domain, dtype=network.dtype, device=network.device)).shape[1]
    return TracedOperator(scores, network.domain, (classes,), network.dtype, network.device)
