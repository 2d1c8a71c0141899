"""Exercises about the minimum: what is learned, the manifold of minima, its walls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp

from symdrift.derivation.symbols import GAMMA, INPUTS, symbol
from symdrift.evaluation import dense
from symdrift.evaluation.dense.coordinates import joined
from symdrift.teaching.exercises.drawing import Draw
from symdrift.teaching.exercises.exercise import Answer, Exercise, Passage
from symdrift.teaching.exercises.statements import (
    DIMENSION,
    LOSS,
    RANK,
    Theory,
    equal,
    given,
    kind,
    label_noise,
    learning,
    singular_values,
)
from symdrift.theory.hessian_blocks import COUPLING
from symdrift.theory.linear.aligned import renaming
from symdrift.theory.linear.points import AlignedMinimum, Direction, loss_reduction


def _smallest_loss(directions: tuple[Direction, ...], weight_decay: sp.Expr) -> sp.Expr:
    """Expected loss at the minimum: each direction contributes by itself."""
    losses = [AlignedMinimum((d,), hidden=1, inputs=1, outputs=1).loss for d in directions]
    return sp.Add(*losses).subs(GAMMA, weight_decay)


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
    loss = _smallest_loss(directions, network.weight_decay)
    found = dense.evaluate(network.problem("active"))
    references = iter(found.minimum.singular_values)
    ordered = sorted(learned, key=lambda d: (-d.singular_value, int(d.index)))
    return Exercise(
        "active",
        "Is this direction active?",
        1,
        Passage(
            f"{kind(network)} with four inputs, four outputs and {{p}} hidden units learns with "
            f"weight decay {{decay}} and {label_noise(network)}. {given(network)} Which {{r}} "
            "of the four directions does it learn? What are the singular values {s} of the "
            "learned map, and what is the smallest expected loss {loss}?",
            {**learning(network), "r": RANK, "s": symbol("singular_value", "k"), "loss": LOSS},
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
                singular_values(network),
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
        reductions = [
            loss_reduction().xreplace(renaming(**{"": network.learned(k)})) for k in range(4)
        ]
        if len(set(reductions)) == 4:
            break
    directions = network.directions()
    kept = [d for d in directions if d.active]
    loss = _smallest_loss(directions, network.weight_decay)
    found = dense.evaluate(network.problem("bottleneck"))
    ordered = sorted(kept, key=lambda d: (-d.singular_value, int(d.index)))
    return Exercise(
        "bottleneck",
        "A bottleneck",
        2,
        Passage(
            f"{kind(network)} with four inputs and four outputs has only {{p}} hidden units. The "
            f"weight decay is {{decay}}, with {label_noise(network)}. {given(network)} All four "
            "directions are worth learning. Which two does the network keep, and what are their "
            "singular values {s}? What is the smallest expected loss {loss}?",
            {**learning(network), "s": symbol("singular_value", "k"), "loss": LOSS},
        ),
        (
            Passage(
                "Learning a direction lowers the loss by",
                {},
                (theory.formula("reduction"),),
            ),
            Passage(
                "For the four directions this is",
                {},
                tuple(
                    equal(sp.Symbol(f"reduction_{k + 1}"), value)
                    for k, value in enumerate(reductions)
                ),
            ),
            Passage(
                "The two largest belong to the directions {kept}. They are learned with",
                {"kept": sp.Tuple(*(sp.Integer(d.index) for d in kept))},
                singular_values(network),
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
            f"{kind(network)} with {{n}} inputs, as many outputs and {{p}} hidden units learns "
            f"all of its directions, with weight decay {{decay}} and {label_noise(network)}. "
            f"{given(network)} What is the dimension {{dim}} of its manifold of minima? What is "
            "the squared length {length} of the tangent vector of the rotation of the hidden "
            "units that carry the directions 1 and 2?",
            {
                **learning(network),
                "n": equal(INPUTS, sp.Integer(rank)),
                "dim": DIMENSION,
                "length": symbol("metric", "12"),
            },
        ),
        (
            Passage(
                "Rotations that involve at least one of the {r} learned units move the point:",
                {"r": equal(RANK, sp.Integer(rank))},
                (theory.formula("dimension"), equal(DIMENSION, value)),
            ),
            Passage(
                "The squared length follows from the singular values:",
                {},
                (
                    theory.formula("metric"),
                    *singular_values(network)[:2],
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
            f"{kind(network)} with two inputs, two outputs and {{p}} hidden units has learned "
            f"both directions, with weight decay {{decay}}. {given(network)} Write down the "
            "Hessian block {H} of the two weight directions that mix the axes 1 and 2, and find "
            "its eigenvalues {h1} and {h2}.",
            {**learning(network), "H": name, "h1": sp.Symbol("h_1"), "h2": sp.Symbol("h_2")},
        ),
        (
            Passage("The singular values are", {}, singular_values(network)),
            Passage(
                "With both directions learned, the block is",
                {},
                # Learned directions are coupled by the weight decay alone.
                (theory.formula("hessian-pair").xreplace({COUPLING: GAMMA}), equal(name, exact)),
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
