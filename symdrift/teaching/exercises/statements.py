"""What the exercises share: symbols, the derivation's formulas, the wording of their data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.derivation.steps import Derivation
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.errors import enumerated
from symdrift.teaching.exercises.drawing import Draw, Network
from symdrift.teaching.exercises.exercise import Exercise, Passage
from symdrift.theory.linear.aligned import RepresentativeDrift
from symdrift.theory.linear.limits import isotropic_direction, other_term, own_term

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


MEANINGS = {
    "n": "number of inputs",
    "p": "number of hidden units",
    "r": "number of learned directions",
    "lambda": "input variance along a direction",
    "a": "gain of the teacher along a direction",
    "s": "singular value of the learned map along a direction",
    "E": "residual along a direction, the gain less the singular value",
    "gamma": "weight decay",
    "eta": "learning rate",
    "sigma": "standard deviation of the label noise along a direction",
    "B": "number of samples in a step",
    "H": "Hessian of the expected loss, with indices the block of these directions",
    "C": "covariance of the noise of the gradient, with indices the block of these directions",
    "Gamma": "covariance of the fluctuation across the valley, with indices that of a block",
    "G": "squared length of the tangent vector of a rotation",
    "o": "overlap of two blocks in the turn of a plane",
    "ones": "unit matrix of the size of a block",
    "T": "contribution of the direction of its last index to the variance in a plane",
    "V": "variance of a hidden rotation per step",
    "D": "diffusion coefficient of a hidden rotation, half of its variance per step",
    "Delta": "rate at which the representation of an axis loses its autocorrelation",
    "L_axis": "part of the loss that belongs to a learned direction",
    "L_reduction": "reduction of the loss by learning a direction",
    "reduction": "reduction of the loss by learning a direction",
    "L_min": "smallest expected loss",
    "dimension": "dimension of the manifold of minima",
    "n_axes": "number of axes",
    "i": "index of a direction, counted from 1",
    "j": "index of another",
    "l": "index of any direction",
}
"""What symbols of the solutions mean, by name or by what stands before the index."""

UNNAMED = {"a": 1, "sigma": 0, "B": 1}
"""Numbers that a task says in words, without the symbol: see :func:`kind` and the like."""


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
        return enumerated([f"{{{name}{k + 1}}}" for k in range(count)])

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
        "batch": equal(symbol("batch"), sp.Integer(network.batch)),
        "p": equal(HIDDEN_UNITS, sp.Integer(network.hidden)),
    }


def letters(parts: Sequence[sp.Basic]) -> set[sp.Basic]:
    """Symbols that are printed in expressions."""
    found: set[sp.Basic] = set().union(*(part.free_symbols for part in parts))
    # A matrix symbol has its size as a free symbol, which nobody sees.
    sizes = {size for item in found if isinstance(item, sp.MatrixSymbol) for size in item.shape}
    indexed = {base for part in parts for base in part.atoms(sp.IndexedBase)}
    labels = {base.label for base in indexed}
    shown = {item for item in found if not isinstance(item, sp.Indexed)} | indexed
    return shown - sizes - labels


def stem(item: sp.Basic) -> str:
    """What a symbol is called without its index."""
    return str(item).partition("_")[0]


def named(passages: Iterable[Passage]) -> set[str]:
    """Symbols that prose names, with and without their index."""
    inline = [item for passage in passages for item in passage.inline.values()]
    # The words around an inline equation are about its left side.
    items = letters([item.lhs if isinstance(item, sp.Eq) else item for item in inline])
    return {stem(item) for item in items} | {str(item) for item in items}


def legend(exercise: Exercise) -> Passage:
    """Sentence that says what the symbols of a solution mean that its prose does not name."""
    passages = (exercise.task, *exercise.solution)
    known = named(passages)
    shown = letters([part for p in passages for part in (*p.inline.values(), *p.equations)])
    # By meaning: that of a letter is said once, without an index where it occurs so.
    entries: dict[str, sp.Basic] = {}
    for item in sorted(shown, key=lambda item: (len(str(item)), str(item))):
        key = _key(item)
        if key not in known and str(item) not in known:
            entries.setdefault(MEANINGS[key], item)
    text = "; ".join(_explained(item) for item in entries.values())
    return Passage(f"Here {text}." if text else "", {str(item): item for item in entries.values()})


def _key(item: sp.Basic) -> str:
    """What the meaning of a symbol is looked up by."""
    return str(item) if str(item) in MEANINGS else stem(item)


def _explained(item: sp.Basic) -> str:
    """What a symbol means; one with an index belongs to a certain direction."""
    key = _key(item)
    meaning = MEANINGS[key]
    if key != str(item):
        meaning = meaning.replace("a direction", "the direction of its index")
    number = f", here {UNNAMED[key]}" if key in UNNAMED else ""
    return f"{{{item}}} is the {meaning}{number}"


def kind(network: Network) -> str:
    """What a task calls its network."""
    return "An autoencoder" if all(gain == 1 for gain in network.gains) else "A network"


def label_noise(network: Network) -> str:
    """The label noise of a task in words; its symbol is in :func:`learning`."""
    return "label noise {noise}" if network.noises[0] != 0 else "no label noise"


def samples(network: Network) -> str:
    """How many samples a step has, in words; the symbol is in :func:`learning`."""
    return "one sample in a step" if network.batch == 1 else "{batch} samples in a step"


def averaged(network: Network) -> str:
    """Sentence about what several samples do to the noise of a step."""
    if network.batch == 1:
        return ""
    return " That of a step is the one of a sample, given first, divided by the number of samples."


def of_one_sample(network: Network) -> str:
    """Sentence about a sum whose terms do not know how many samples a step has."""
    if network.batch == 1:
        return ""
    return (
        " Noise and fluctuation are those of one sample in a step: {batch} samples divide both by "
        "their number, and the variance of the rotation by its square."
    )


def singular_values(network: Network) -> tuple[sp.Basic, ...]:
    """Equations that state the singular values of what is learned."""
    return tuple(
        equal(symbol("singular_value", d.index), d.singular_value)
        for d in network.directions()
        if d.active
    )
