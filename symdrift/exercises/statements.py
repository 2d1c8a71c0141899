"""What the exercises share: symbols, the derivation's formulas, the wording of their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.aligned import RepresentativeDrift
from symdrift.derivation import Derivation
from symdrift.exercises.drawing import Draw, Network
from symdrift.exercises.model import Exercise
from symdrift.limits import isotropic_direction, other_term, own_term
from symdrift.notation import ETA, GAMMA, symbol

RANK, LOSS = sp.Symbol("r", positive=True), sp.Symbol("L_min", positive=True)
DIMENSION = sp.Symbol("dim", positive=True)
NOISE = sp.Symbol("tr_C", positive=True)
EXCESS, TOTAL = sp.Symbol("L_excess", positive=True), sp.Symbol("tr_Gamma", positive=True)
HIDDEN_UNITS = sp.Symbol("p", positive=True)
LATEX = {
    LOSS: r"L^{*}",
    DIMENSION: r"\dim",
    EXCESS: r"\langle L \rangle - L^{*}",
    RANK: "r",
    NOISE: r"\operatorname{tr} C",
    TOTAL: r"\operatorname{tr} \Gamma",
    HIDDEN_UNITS: "p",
    **{sp.Symbol(f"reduction_{k}"): rf"\delta L_{{{k}}}" for k in range(1, 5)},
}


@dataclass(frozen=True)
class Theory:
    """What solutions are made of."""

    drift: RepresentativeDrift
    derivation: Derivation

    @cached_property
    def isotropic_terms(self) -> tuple[sp.Expr, sp.Expr]:
        """Terms of an axis of the plane and of any other axis when all axes are alike."""
        axis = isotropic_direction()
        return (
            sp.factor(own_term(self.drift, axis, axis)),
            sp.factor(other_term(self.drift, axis, axis, axis)),
        )

    def formula(self, label: str) -> sp.Basic:
        """An equation of the derivation."""
        return self.derivation.equation(label).expression


Problem = Callable[[Draw, Theory], Exercise]


def equal(left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """Equation that stays as it is written."""
    return sp.Eq(left, right, evaluate=False)


def given(network: Network) -> str:
    """Sentence that names the numbers of each axis; its symbols are in :func:`learning`."""
    count = len(network.variances)

    def listed(name: str) -> str:
        names = [f"{{{name}{k + 1}}}" for k in range(count)]
        return f"{', '.join(names[:-1])} and {names[-1]}"

    if all(gain == 1 for gain in network.gains):
        return f"The input variances are {listed('variance')}."
    return (
        f"The input variances are {listed('variance')}, the gains of the teacher {listed('gain')}."
    )


def learning(network: Network) -> dict[str, sp.Basic]:
    """Symbols that the tasks name: what the network learns from, and how."""
    axes = list(enumerate(zip(network.variances, network.gains, strict=True), start=1))
    return {
        **{f"variance{k}": equal(symbol("input_variance", k), v) for k, (v, _) in axes},
        **{f"gain{k}": equal(symbol("gain", k), gain) for k, (_, gain) in axes},
        "decay": equal(GAMMA, network.weight_decay),
        "rate": equal(ETA, network.learning_rate),
        "noise": equal(symbol("label_noise") ** 2, network.noises[0]),
        "p": equal(HIDDEN_UNITS, sp.Integer(network.hidden)),
    }


def kind(network: Network) -> str:
    """What a task calls its network."""
    return "An autoencoder" if all(gain == 1 for gain in network.gains) else "A network"


def label_noise(network: Network) -> str:
    """The label noise of a task in words; its symbol is in :func:`learning`."""
    return "label noise {noise}" if network.noises[0] != 0 else "no label noise"


def singular_values(network: Network) -> tuple[sp.Basic, ...]:
    """Equations that state the singular values of what is learned."""
    return tuple(
        equal(symbol("singular_value", d.index), d.singular_value)
        for d in network.directions()
        if d.active
    )
