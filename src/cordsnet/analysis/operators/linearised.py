"""The drive of a network, linearised at a point: what small changes of the rates do to phi(drive).

At rates r the derivative of area a's target phi(drive_a) with respect to all rates is
phi'(drive_a) x (R_a dr_a + F_a (what the connections bring of gate x dr)), where gate is 1 for units that emit
(r > 0) and 0 for silent ones. Everything between the two diagonals is linear already, so products cost what one
evaluation of the network costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators.operator import LinearOperator
from cordsnet.dynamics import Circuit, Held, Pathway, RateSystem, State, emit


@dataclass(frozen=True)
class Point:
    """Slopes of a network at one state under one frame.

    Attributes
    ----------
    circuit : the network.
    slope : area -> phi'(drive) of every unit, [C, H, W].
    gate : area -> 1 where a unit emits (its rate is above zero), 0 where it is silent, [C, H, W].
    """

    circuit: Circuit
    slope: Mapping[str, Tensor]
    gate: Mapping[str, Tensor]

    @classmethod
    @exact()
    def of(cls, system: RateSystem, held: Held, state: State) -> "Point":
        """At `state`, one trial. At a kink of phi the slope is the lower one."""
        activation = system.equation.activation
        targets = system.equation.targets(state.rates, state, held, system.dt)
        slope = {area: activation.derivative_at_output(target)[0] for area, target in targets.items()}
        gate = {area: (emit(rates[0]) > 0).to(rates.dtype) for area, rates in state.rates.items()}
        return cls(system.equation.circuit, slope, gate)


class Links:
    """Changes of the emitted rates -> changes of the drives of all areas, through the pathways between them."""

    def __init__(self, circuit: Circuit, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
        self.circuit, self.sources, self.targets = circuit, sources, targets
        self._graph: tuple[int, dict[str, Tensor], dict[str, Tensor]] | None = None

    def apply(self, emitted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Source -> [K, C, H, W] to target -> [K, C, H, W]; targets that nothing reaches are left out."""
        zeros: dict[str, Tensor] = {}
        like = next(iter(emitted.values()))

        def read(pathway: Pathway) -> Tensor:
            source = pathway.source
            if source in emitted:
                return emitted[source]
            if source not in zeros:
                zeros[source] = like.new_zeros(len(like), *self.circuit.shapes[source])
            return zeros[source]

        drives = {area: self.circuit.drive(area, self.circuit.afferent[area], read) for area in self.targets}
        return {area: drive for area, drive in drives.items() if drive is not None}

    def apply_transpose(self, drives: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Target -> [K, C, H, W] to source -> [K, C, H, W], through a graph that is made once per K."""
        leaves, made = self._linear_graph(next(iter(drives.values())))
        reached = {area: value for area, value in made.items() if value.requires_grad}
        if not reached:
            return {source: torch.zeros_like(leaf) for source, leaf in leaves.items()}
        back = torch.autograd.grad(
            list(reached.values()),
            list(leaves.values()),
            [drives[area] for area in reached],
            retain_graph=True,
            allow_unused=True,
        )
        pairs = zip(leaves.items(), back, strict=True)
        return {source: torch.zeros_like(leaf) if part is None else part for (source, leaf), part in pairs}

    def _linear_graph(self, like: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        if self._graph is None or self._graph[0] != len(like):
            with torch.enable_grad():
                leaves = {
                    source: like.new_zeros(len(like), *self.circuit.shapes[source]).requires_grad_()
                    for source in self.sources
                }
                self._graph = len(like), leaves, self.apply(leaves)
        return self._graph[1], self._graph[2]


class AreaJacobian(LinearOperator):
    """d phi(drive) / dr within one area, on maps [C, H, W]: phi' x (R * r), and what a connection to itself adds."""

    def __init__(self, point: Point, area: str) -> None:
        slope = point.slope[area]
        super().__init__(slope.shape, slope.shape, slope.dtype, slope.device)
        self.slope, self.gate = slope, point.gate[area]
        self.recurrent = point.circuit.recurrent.get(area)
        itself = area in point.circuit.sources(area)
        if itself and point.circuit.delays_ms.get(area):
            raise ValueError(f"a connection from {area!r} has a delay, and it reads itself; set its delay_ms to 0")
        self.area, self.loop = area, Links(point.circuit, (area,), (area,)) if itself else None

    def apply(self, batch: Tensor) -> Tensor:
        """phi' (R x)."""
        drive = torch.zeros_like(batch) if self.recurrent is None else self.recurrent(batch)
        if self.loop is not None:
            drive = drive + self.loop.apply({self.area: self.gate * batch})[self.area]
        return self.slope * drive

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """R' (phi' y)."""
        drive = self.slope * batch
        back = torch.zeros_like(batch) if self.recurrent is None else self.recurrent.transpose(drive)
        if self.loop is not None:
            back = back + self.gate * self.loop.apply_transpose({self.area: drive})[self.area]
        return back


class NetworkOperator(LinearOperator):
    """An operator whose vectors hold the units of all areas, one area after the other, as flat [units]."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, device: torch.device) -> None:
        self.shapes = {area: torch.Size(shape) for area, shape in shapes.items()}
        self.sizes = [prod(shape) for shape in self.shapes.values()]
        super().__init__((sum(self.sizes),), (sum(self.sizes),), dtype, device)

    def parts(self, vector: Tensor) -> dict[str, Tensor]:
        """Area -> its part of a vector [units], as maps [C, H, W]; of a batch [K, units], [K, C, H, W]."""
        pieces = torch.split(vector, self.sizes, dim=-1)
        return {
            area: piece.reshape(*vector.shape[:-1], *shape)
            for (area, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }

    def joined(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The inverse of `parts`: area -> [C, H, W] or [K, C, H, W] as [units] or [K, units]."""
        return torch.cat([parts[area].flatten(-len(shape)) for area, shape in self.shapes.items()], -1)


class NetworkJacobian(NetworkOperator):
    """d phi(drive) / dr of a whole network, on flat vectors [units].

    Raises ValueError where a connection has a delay: such a network has no state of rates alone.
    """

    def __init__(self, point: Point) -> None:
        circuit, like = point.circuit, next(iter(point.slope.values()))
        if circuit.delays_ms:
            source = next(iter(circuit.delays_ms))
            raise ValueError(
                f"the connection from {source!r} has a delay, so the network's state is more than its rates; "
                "set its delay_ms to 0, or ask for the Jacobian of one area"
            )
        super().__init__({area: point.slope[area].shape for area in circuit.areas}, like.dtype, like.device)
        self.point, self.links = point, Links(circuit, circuit.areas, circuit.areas)

    def apply(self, batch: Tensor) -> Tensor:
        """phi' x (recurrent and feedforward drive) of changes of the rates."""
        point, rates = self.point, self.parts(batch)
        drives = self.links.apply({area: point.gate[area] * change for area, change in rates.items()})
        for area, operator in point.circuit.recurrent.items():
            own = operator(rates[area])
            drives[area] = drives[area] + own if area in drives else own
        silent = {area: torch.zeros_like(change) for area, change in rates.items() if area not in drives}
        return self.joined({a: point.slope[a] * drive for a, drive in (drives | silent).items()})

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The adjoint: what a change of the targets asks of the rates."""
        point = self.point
        drives = {area: point.slope[area] * change for area, change in self.parts(batch).items()}
        back = {area: point.gate[area] * part for area, part in self.links.apply_transpose(drives).items()}
        for area, operator in point.circuit.recurrent.items():
            back[area] = back[area] + operator.transpose(drives[area])
        return self.joined(back)
