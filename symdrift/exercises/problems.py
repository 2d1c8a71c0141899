"""The exercises, from "is this direction active?" to the isotropic diffusion constant.

Solutions are written with the derivation's own expressions, into which the drawn numbers
are put; answers are compared with the dense engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy as sp

from symdrift import dense
from symdrift.aligned import RepresentativeDrift, renaming
from symdrift.dense.coordinates import joined
from symdrift.derivation import Derivation
from symdrift.drift import BlockCoupling
from symdrift.exercises.drawing import NOISES, VARIANCES, WEIGHT_DECAYS, Draw, Network
from symdrift.exercises.model import Answer, Exercise, Passage
from symdrift.limits import isotropic_direction, other_term, own_term
from symdrift.manifold import AlignedMinimum, Direction
from symdrift.notation import ETA, GAMMA, INPUTS, symbol

RANK, LOSS = sp.Symbol("r", positive=True), sp.Symbol("L_min", positive=True)
DIMENSION = sp.Symbol("dim", positive=True)
EXCESS, TOTAL = sp.Symbol("L_excess", positive=True), sp.Symbol("tr_Gamma", positive=True)
HIDDEN_UNITS = sp.Symbol("p", positive=True)
LATEX = {
    LOSS: r"L^{*}",
    DIMENSION: r"\dim",
    EXCESS: r"\langle L \rangle - L^{*}",
    RANK: "r",
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


def _given(network: Network) -> str:
    """Sentence that names the numbers of each axis; its symbols are in :func:`_learning`."""
    count = len(network.variances)

    def listed(name: str) -> str:
        names = [f"{{{name}{k + 1}}}" for k in range(count)]
        return f"{', '.join(names[:-1])} and {names[-1]}"

    if all(gain == 1 for gain in network.gains):
        return f"The input variances are {listed('variance')}."
    return (
        f"The input variances are {listed('variance')}, the gains of the teacher {listed('gain')}."
    )


def _learning(network: Network) -> dict[str, sp.Basic]:
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


def _kind(network: Network) -> str:
    return "An autoencoder" if all(gain == 1 for gain in network.gains) else "A network"


def _noise(network: Network) -> str:
    return "label noise {noise}" if network.noises[0] != 0 else "no label noise"


def _values(network: Network) -> tuple[sp.Basic, ...]:
    return tuple(
        equal(symbol("singular_value", d.index), d.singular_value)
        for d in network.directions()
        if d.active
    )


def _minimum(directions: tuple[Direction, ...], hidden: int) -> AlignedMinimum:
    ordered = sorted(directions, key=lambda d: not d.active)
    size = len(directions)
    return AlignedMinimum(tuple(ordered), hidden=hidden, inputs=size, outputs=size)


def active_directions(draw: Draw, theory: Theory) -> Exercise:
    """Which directions are learned, and how well."""
    network = draw.network(axes=4, hidden=4)
    # One axis falls short of the threshold, by a factor that leaves no doubt.
    weak = draw.position(4)
    variance = draw.number(("1/2", "2/3", "3/4")) * network.weight_decay / network.gains[weak]
    variances = tuple(variance if k == weak else v for k, v in enumerate(network.variances))
    network = replace(network, variances=variances)
    directions = network.directions()
    learned = [d for d in directions if d.active]
    loss = _minimum(directions, 4).loss.subs(GAMMA, network.weight_decay)
    found = dense.evaluate(network.problem("active"))
    references = iter(found.minimum.singular_values)
    ordered = sorted(learned, key=lambda d: (-d.singular_value, int(d.index)))
    return Exercise(
        "active",
        "Is this direction active?",
        1,
        Passage(
            f"{_kind(network)} with four inputs, four outputs and {{p}} hidden units learns with "
            f"weight decay {{decay}} and {_noise(network)}. {_given(network)} Which of the four "
            "directions does it learn? What are the singular values of the learned map, and what "
            "is the smallest expected loss?",
            _learning(network),
        ),
        (
            Passage(
                "A direction is learned when its input variance times its gain exceeds the weight "
                "decay. Then",
                {},
                (theory.formula("active"), theory.formula("singular-value")),
            ),
            Passage(
                "Direction {weak} falls short of the threshold, {product}, and is left out. The "
                "others have",
                {
                    "weak": sp.Integer(weak + 1),
                    "product": sp.Lt(variance * network.gains[weak], network.weight_decay,
                                     evaluate=False),
                },
                _values(network),
            ),
            Passage(
                "Each learned axis adds to the loss",
                {},
                (theory.formula("axis-loss"),),
            ),
            Passage(
                "and the axis that is left out keeps its whole gain as error. The sum over the "
                "axes is",
                {},
                (equal(LOSS, loss),),
            ),
        ),
        (
            Answer(RANK, sp.Integer(len(learned)), float(found.minimum.rank)),
            *(
                Answer(symbol("singular_value", d.index), d.singular_value, float(next(references)))
                for d in ordered
            ),
            Answer(LOSS, loss, found.minimum.loss),
        ),
    )  # fmt: skip


def bottleneck(draw: Draw, theory: Theory) -> Exercise:
    """Which directions survive when there are too few hidden units."""
    while True:
        network = draw.network(axes=4, hidden=2)
        reductions = [network.reduction(k) for k in range(4)]
        if len(set(reductions)) == 4:
            break
    directions = network.directions()
    kept = [d for d in directions if d.active]
    loss = _minimum(directions, 2).loss.subs(GAMMA, network.weight_decay)
    found = dense.evaluate(network.problem("bottleneck"))
    ordered = sorted(kept, key=lambda d: (-d.singular_value, int(d.index)))
    return Exercise(
        "bottleneck",
        "A bottleneck",
        2,
        Passage(
            f"{_kind(network)} with four inputs and four outputs has only {{p}} hidden units. The "
            f"weight decay is {{decay}}, with {_noise(network)}. {_given(network)} All four "
            "directions are worth learning. Which two does the network keep, and what are their "
            "singular values? What is the loss?",
            _learning(network),
        ),
        (
            Passage(
                "Learning a direction lowers the loss by",
                {},
                (theory.formula("reduction"),),
            ),
            Passage(
                "The four directions would gain",
                {},
                tuple(
                    equal(sp.Symbol(f"reduction_{k + 1}"), value)
                    for k, value in enumerate(reductions)
                ),
            ),
            Passage(
                "The two largest belong to the directions {kept}. They are learned with",
                {"kept": sp.Tuple(*(sp.Integer(d.index) for d in kept))},
                _values(network),
            ),
            Passage("and the loss is", {}, (equal(LOSS, loss),)),
        ),
        (
            *(
                Answer(symbol("singular_value", d.index), d.singular_value, float(value))
                for d, value in zip(ordered, found.minimum.singular_values, strict=True)
            ),
            Answer(LOSS, loss, found.minimum.loss),
        ),
    )


def manifold(draw: Draw, theory: Theory) -> Exercise:
    """Dimension and metric of the manifold of minima."""
    rank = draw.integer(2, 3)
    network = draw.network(axes=rank, hidden=rank + draw.integer(1, 3))
    hidden = network.hidden
    directions = network.directions()
    dimension = theory.formula("dimension").rhs
    names = {str(item): item for item in dimension.free_symbols}
    value = dimension.subs({names["r"]: rank, names["p"]: hidden})
    length = theory.drift.squared_length.xreplace(renaming(i=directions[0], j=directions[1]))
    problem = network.problem("manifold")
    point = dense.solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, hidden
    )
    units = joined(point.first_layer, point.second_layer)
    silent = np.zeros((hidden - len(units), units.shape[1]))
    eigenvalues = np.linalg.eigvalsh(
        dense.hessian_matrix(
            np.vstack([units, silent]),
            problem.teacher, problem.input_covariance, problem.weight_decay,
        )
    )  # fmt: skip
    flat = int(np.sum(np.abs(eigenvalues) < 1e-9 * eigenvalues[-1]))
    first = [float(np.sum(point.first_layer[:, k] ** 2)) for k in range(2)]
    second = [float(np.sum(point.second_layer[k] ** 2)) for k in range(2)]
    return Exercise(
        "manifold",
        "How many ways to be right?",
        2,
        Passage(
            f"{_kind(network)} with {{n}} inputs, as many outputs and {{p}} hidden units learns "
            f"all of its directions, with weight decay {{decay}} and {_noise(network)}. "
            f"{_given(network)} What is the dimension of its manifold of minima? How long, "
            "squared, is the tangent vector of the rotation of the hidden units that carry the "
            "directions 1 and 2?",
            {**_learning(network), "n": equal(INPUTS, sp.Integer(rank))},
        ),
        (
            Passage(
                "Rotations that involve at least one of the learned units move the point:",
                {},
                (theory.formula("dimension"), equal(DIMENSION, value)),
            ),
            Passage(
                "The squared length follows from the singular values:",
                {},
                (
                    theory.formula("metric"),
                    *_values(network)[:2],
                    equal(symbol("metric", "12"), length),
                ),
            ),
        ),
        (
            Answer(DIMENSION, value, float(flat)),
            Answer(symbol("metric", "12"), length, sum(first) + sum(second)),
        ),
    )


def curvature(draw: Draw, theory: Theory) -> Exercise:
    """The Hessian block of two learned directions."""
    network = draw.network(axes=2, hidden=2)
    i, j = network.directions()
    block = theory.drift.own_term.couplings[0].right.hessian
    exact = block.xreplace({**renaming(i=i, j=j), GAMMA: network.weight_decay})
    trace, determinant = exact.trace(), exact.det()
    root = sp.sqrt(trace**2 / 4 - determinant)
    eigenvalues = (trace / 2 - root, trace / 2 + root)
    problem = network.problem("curvature")
    point = dense.solve_minimum(problem.teacher, problem.input_covariance, problem.weight_decay, 2)
    spectrum = np.linalg.eigvalsh(
        dense.hessian_matrix(
            joined(point.first_layer, point.second_layer),
            problem.teacher, problem.input_covariance, problem.weight_decay,
        )
    )  # fmt: skip
    closest = [float(spectrum[np.argmin(np.abs(spectrum - float(h)))]) for h in eigenvalues]
    name = symbol("hessian", "12")
    return Exercise(
        "curvature",
        "The walls of the valley",
        3,
        Passage(
            f"{_kind(network)} with two inputs, two outputs and {{p}} hidden units has learned "
            f"both directions, with weight decay {{decay}}. {_given(network)} Write down the "
            "Hessian block of the two weight directions that mix the axes 1 and 2, and find its "
            "eigenvalues.",
            _learning(network),
        ),
        (
            Passage("The singular values are", {}, _values(network)),
            Passage(
                "With both directions learned, the block is",
                {},
                (theory.formula("hessian-pair"), equal(name, exact)),
            ),
            Passage(
                "Its trace is {trace} and its determinant {determinant}. Half the trace plus and "
                "minus the root of its square minus the determinant gives the eigenvalues.",
                {"trace": trace, "determinant": determinant},
                tuple(equal(sp.Symbol(f"h_{k + 1}"), value) for k, value in enumerate(eigenvalues)),
            ),
        ),
        tuple(
            Answer(sp.Symbol(f"h_{k + 1}"), value, reference)
            for k, (value, reference) in enumerate(zip(eigenvalues, closest, strict=True))
        ),
    )


def fluctuation(draw: Draw, theory: Theory) -> Exercise:
    """Gradient noise, stationary fluctuation and excess loss."""
    network = draw.network(axes=2, hidden=2)
    directions = network.directions()
    numbers = {GAMMA: network.weight_decay, ETA: network.learning_rate}
    pair = theory.drift.own_term.couplings[0].right
    own = theory.drift.diagonal_block
    names = [renaming(i=directions[k], j=directions[1 - k]) | numbers for k in range(2)]
    noises = [own.noise[0].xreplace(names[k]) for k in range(2)]
    mixed = pair.noise.xreplace(names[0])
    fluctuations = [own.fluctuation[0].xreplace(names[k]) for k in range(2)]
    total = sp.Add(*noises, mixed.trace())
    excess = network.learning_rate * total / 4
    found = dense.evaluate(network.problem("fluctuation"))
    weight_variance = sp.Add(*fluctuations, pair.fluctuation.xreplace(names[0]).trace())
    return Exercise(
        "fluctuation",
        "Noise, fluctuation, excess loss",
        3,
        Passage(
            f"{_kind(network)} with two inputs, two outputs and {{p}} hidden units has learned "
            f"both directions, with weight decay {{decay}}, learning rate {{rate}} and "
            f"{_noise(network)}. {_given(network)} Find the total noise of the gradient of one "
            "sample, the excess loss that it causes, and the total variance of the weights across "
            "the valley.",
            _learning(network),
        ),
        (
            Passage("The singular values are", {}, _values(network)),
            Passage(
                "The noise has a block of one entry for each direction and one of two rows for "
                "the pair.",
                {},
                (
                    theory.formula("noise-own"),
                    *(
                        equal(symbol("gradient_noise", f"{k + 1}{k + 1}"), value)
                        for k, value in enumerate(noises)
                    ),
                    equal(symbol("gradient_noise", "12"), mixed),
                ),
            ),
            Passage(
                "The excess loss is a quarter of the learning rate times the trace.",
                {},
                (equal(EXCESS, excess),),
            ),
            Passage(
                "The fluctuation solves the Lyapunov equation in each block,",
                {},
                (
                    theory.formula("lyapunov"),
                    *(
                        equal(symbol("fluctuation", f"{k + 1}{k + 1}"), value)
                        for k, value in enumerate(fluctuations)
                    ),
                    equal(
                        symbol("fluctuation", "12"),
                        pair.fluctuation.xreplace(names[0]).applyfunc(sp.nsimplify),
                    ),
                ),
            ),
            Passage("The traces add up to {total}.", {"total": equal(TOTAL, weight_variance)}),
        ),
        (
            Answer(EXCESS, excess, found.fluctuation.excess_loss),
            Answer(TOTAL, weight_variance, found.fluctuation.weight_variance),
        ),
    )


def _coupling_steps(
    coupling: BlockCoupling, names: dict[sp.Symbol, sp.Expr], labels: tuple[str, str]
) -> tuple[sp.Basic, ...]:
    """Blocks, fluctuations and Sylvester solution of one coupling with its numbers."""
    left, right = coupling.left, coupling.right

    def shown(role: str, label: str, matrix: sp.ImmutableMatrix) -> sp.Basic:
        value = matrix.xreplace(names)
        return equal(symbol(role, label), value[0] if value.rows == 1 else value)

    solution = coupling.coloured_orientation.xreplace(names)
    return (
        shown("hessian", labels[0], left.hessian),
        shown("hessian", labels[1], right.hessian),
        shown("gradient_noise", labels[0], left.noise),
        shown("fluctuation", labels[1], right.fluctuation),
        equal(sp.Symbol("y"), sp.ImmutableMatrix(solution)),
    )


def plane_diffusion(draw: Draw, theory: Theory) -> Exercise:
    """The diffusion coefficient of the only plane of two learned directions."""
    network = draw.network(axes=2, hidden=2)
    i, j = network.directions()
    numbers = {GAMMA: network.weight_decay, ETA: network.learning_rate}
    drift = theory.drift
    terms = [own_term(drift, *pair).xreplace(numbers) for pair in ((i, j), (j, i))]
    names = renaming(i=i, j=j) | numbers
    length = drift.squared_length.xreplace(names)
    coefficient = network.learning_rate**2 * sp.Add(*terms) / (2 * length**2)
    found = dense.evaluate(network.problem("plane"))
    name = symbol("diffusion_tensor", "12")
    return Exercise(
        "plane",
        "Diffusion in one plane",
        4,
        Passage(
            f"{_kind(network)} with two inputs, two outputs and {{p}} hidden units learns with "
            f"weight decay {{decay}}, learning rate {{rate}} and {_noise(network)}, one sample at "
            f"a time. {_given(network)} Find the diffusion coefficient {{D}} of its hidden "
            "rotation, per step.",
            {**_learning(network), "D": name},
        ),
        (
            Passage("The singular values are", {}, _values(network)),
            Passage(
                "The rotation couples the block of direction 1, a single number, to the block of "
                "the pair. The first of the Sylvester equations has a row {y} as its solution:",
                {"y": sp.Symbol("y")},
                (theory.formula("own-sylvester"), *_coupling_steps(
                    drift.own_term.couplings[0], names, ("11", "12"))),
            ),
            Passage(
                "With the same steps in the other direction, and with the two axes exchanged, the "
                "terms of both axes are",
                {},
                (
                    theory.formula("own-term"),
                    equal(sp.Symbol("T_121"), terms[0]),
                    equal(sp.Symbol("T_122"), terms[1]),
                ),
            ),
            Passage(
                "Their sum gives the variance of the rotation per step, and half of it the "
                "diffusion coefficient.",
                {},
                (
                    theory.formula("total"),
                    equal(symbol("metric", "12"), length),
                    equal(name, coefficient),
                ),
            ),
        ),
        (Answer(name, coefficient, float(found.drift.diffusion[0])),),
    )  # fmt: skip


def stimuli(draw: Draw, theory: Theory) -> Exercise:
    """Which of three stimuli loses its representation fastest."""
    while True:
        network = draw.network(axes=3, hidden=3)
        directions = network.directions()
        if len({d.singular_value for d in directions}) == 3:
            break
    numbers = {GAMMA: network.weight_decay, ETA: network.learning_rate}
    drift = theory.drift
    planes = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
    coefficients: dict[tuple[int, int], sp.Expr] = {}
    for i, j, l in planes:
        a, b, c = (directions[k] for k in (i, j, l))
        terms = (own_term(drift, a, b), own_term(drift, b, a), other_term(drift, a, b, c))
        length = drift.squared_length.xreplace(renaming(i=a, j=b))
        coefficients[i, j] = (
            network.learning_rate**2
            * sp.Add(*(term.xreplace(numbers) for term in terms))
            / (2 * length**2)
        )
    rates = [
        sp.Add(*(value for plane, value in coefficients.items() if k in plane)) for k in range(3)
    ]
    found = dense.evaluate(network.problem("stimuli"))
    order = sorted(range(3), key=lambda k: rates[k])
    return Exercise(
        "stimuli",
        "Which stimulus drifts fastest?",
        4,
        Passage(
            f"{_kind(network)} with three inputs, three outputs and {{p}} hidden units learns all "
            f"three directions, with weight decay {{decay}}, learning rate {{rate}} and "
            f"{_noise(network)}. {_given(network)} The diffusion coefficients of its planes are "
            "given below, rounded. At what rate does the representation of each input axis lose "
            "its autocorrelation, and which drifts fastest? Does the axis with the largest "
            "variance drift most slowly?",
            _learning(network),
            tuple(
                equal(symbol("diffusion_tensor", f"{i + 1}{j + 1}"), sp.Float(value, 6))
                for (i, j), value in coefficients.items()
            ),
        ),
        (
            Passage(
                "A representation along one axis leaves it by every plane that contains the axis:",
                {},
                (theory.formula("axis-decay"),),
            ),
            Passage(
                "The rates, per step, are",
                {},
                tuple(
                    equal(symbol("decay", k + 1), sp.Float(rate, 6)) for k, rate in enumerate(rates)
                ),
            ),
            Passage(
                "From the slowest to the fastest the axes are {order}. The axis with the largest "
                f"variance is {{largest}}: it {_slowest(order, network)}",
                {
                    "order": sp.Tuple(*(sp.Integer(k + 1) for k in order)),
                    "largest": sp.Integer(network.variances.index(max(network.variances)) + 1),
                },
            ),
        ),
        tuple(
            Answer(symbol("decay", k + 1), rate, found.stimuli[k].decay_rate)
            for k, rate in enumerate(rates)
        ),
    )


def _slowest(order: list[int], network: Network) -> str:
    largest = network.variances.index(max(network.variances))
    if order[0] == largest:
        return "drifts most slowly, as a stimulus that is met often does without label noise."
    return "does not drift most slowly here: gains, label noise and the third axis decide too."


def isotropic(draw: Draw, theory: Theory) -> Exercise:
    """Derive the isotropic diffusion constant, then put numbers into it."""
    size = draw.integer(3, 5)
    variance, decay = draw.number(VARIANCES), draw.number(WEIGHT_DECAYS)
    noise = draw.number(NOISES) if draw.flavour.label_noise else sp.Integer(0)
    rate = sp.Rational(1, 100)
    one = sp.Integer(1)
    network = Network((variance,) * size, (one,) * size, (noise,) * size, decay, rate, size)
    formula = theory.formula("isotropic")
    value = symbol("singular_value")
    numbers = {
        symbol("input_variance"): variance,
        symbol("gain"): one,
        value: 1 - decay / variance,
        GAMMA: decay,
        ETA: rate,
        symbol("batch"): one,
        INPUTS: sp.Integer(size),
        symbol("label_noise"): sp.sqrt(noise),
    }
    exact = formula.rhs.xreplace(numbers)
    axis = isotropic_direction()
    names = renaming(i=axis, j=axis)
    pair = theory.drift.own_term.couplings[0].right
    own, other = theory.isotropic_terms
    found = dense.evaluate(network.problem("isotropic"))
    name = symbol("diffusion_tensor")

    def block(role: str, matrix: sp.ImmutableMatrix) -> sp.Basic:
        return equal(symbol(role, "12"), matrix.xreplace(names).applyfunc(sp.factor))

    return Exercise(
        "isotropic",
        "The isotropic diffusion constant",
        5,
        Passage(
            "An autoencoder has {size} inputs, outputs and hidden units; every input has the same "
            "variance {variance} and every output the same label noise {sigma}. Derive the "
            "diffusion coefficient of any plane of its hidden layer, for one sample per step. "
            "Then put in the numbers {number}, {variance1}, {decay}, {rate} and {noise}.",
            {
                **_learning(network),
                "size": INPUTS,
                "variance": symbol("input_variance"),
                "sigma": symbol("label_noise") ** 2,
                "number": equal(INPUTS, sp.Integer(size)),
                "variance1": equal(symbol("input_variance"), variance),
            },
        ),
        (
            Passage(
                "All singular values are equal, and so are all blocks. With the gain one,",
                {},
                (
                    theory.formula("singular-value").xreplace({symbol("gain"): one}),
                    block("hessian", pair.hessian),
                    block("gradient_noise", pair.noise),
                    block("fluctuation", pair.fluctuation),
                ),
            ),
            Passage(
                "Solve the Sylvester equations for the two kinds of terms: an axis of the plane, "
                "and any other axis. The first is",
                {},
                (equal(sp.Symbol("T_121"), own),),
            ),
            Passage("and the second", {}, (equal(sp.Symbol("T_123"), other),)),
            Passage(
                "A plane has two of the first and {others} of the second, and the squared length "
                "of its tangent vector is {length}. The sum, ordered by the kinds of noise, is",
                {"others": INPUTS - 2, "length": equal(symbol("metric"), 4 * value)},
                (formula,),
            ),
            Passage(
                "where the gain is one here. With the numbers of the task",
                {},
                (equal(name, exact),),
            ),
        ),
        (Answer(name, exact, float(found.drift.diffusion[0])),),
    )


PROBLEMS: tuple[tuple[str, Problem], ...] = (
    ("active", active_directions),
    ("bottleneck", bottleneck),
    ("manifold", manifold),
    ("curvature", curvature),
    ("fluctuation", fluctuation),
    ("plane", plane_diffusion),
    ("stimuli", stimuli),
    ("isotropic", isotropic),
)
"""Every exercise by name, in the order of a sheet."""
