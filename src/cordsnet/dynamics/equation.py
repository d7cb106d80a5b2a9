"""tau dr/dt = -r + phi(drive): the equation, over a circuit that supplies the drive."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.circuit import Circuit, Held, Pathway, Reader, emit
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.state import State


@dataclass(frozen=True)
class RateEquation:
    """tau dr/dt = -r + phi(drive) over a circuit (Soo et al. 2024, section 3)."""

    circuit: Circuit
    activation: Activation

    def target(
        self, area: str, held: Held, read: Reader, effects: Effects = NONE, pathways: tuple[Pathway, ...] | None = None
    ) -> Tensor:
        """phi(drive) of one area, where its rates are heading, [1 or B, *shape].

        `pathways` are the changing ones that are summed; None is all of them.
        """
        circuit = self.circuit
        drive = held.drive[area]
        if effects.factors and any(pathway.name in effects.factors for pathway in circuit.constant[area]):
            drive = circuit.constant_drive(area, held.emitted, effects)
        brought = circuit.drive(area, circuit.changing[area] if pathways is None else pathways, read, effects)
        if brought is not None:
            drive = drive + brought
        return self.activation(effects.drive(area, drive))

    def targets(
        self, rates: Mapping[str, Tensor], state: State, held: Held, dt: float, effects: Effects = NONE
    ) -> dict[str, Tensor]:
        """Targets of all areas at once at some `rates`, every area reading the same instant (a synchronous update).

        Delayed signals are those of `state`.
        """
        read = self._reader(rates, state, held, dt)
        return {area: self.target(area, held, read, effects) for area in self.circuit.areas}

    def carry(self, state: State, rates: Mapping[str, Tensor], held: Held) -> State:
        """The state one step later, with new `rates`: what was emitted now joins the delayed signals."""
        past = {}
        for source, queue in state.past.items():
            emitted = held.emitted[source] if source in held.emitted else emit(state.values[source])
            past[source] = (emitted, *queue[:-1])
        return state.after(rates, past)

    def _reader(self, rates: Mapping[str, Tensor], state: State, held: Held, dt: float) -> Reader:
        emitted: dict[str, Tensor] = dict(held.emitted)

        def read(pathway: Pathway) -> Tensor:
            """Give what the source of a pathway emits: its own rates, those of a delay ago, or its signal now."""
            source = pathway.source
            if pathway.recurrent:
                return rates[source]
            if pathway.delay_ms:
                return state.past[source][round(pathway.delay_ms / dt) - 1]
            if source not in emitted:
                emitted[source] = emit(rates[source])
            return emitted[source]

        return read
