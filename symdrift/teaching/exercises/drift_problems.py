"""Exercises about noise and drift, up to the isotropic diffusion constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.evaluation import dense
from symdrift.teaching.exercises.drawing import Draw, Network
from symdrift.teaching.exercises.exercise import Answer, Exercise, Passage
from symdrift.teaching.exercises.statements import (
    EXCESS,
    NOISE,
    TOTAL,
    Theory,
    averaged,
    equal,
    given,
    kind,
    label_noise,
    learning,
    of_one_sample,
    samples,
    singular_values,
)
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming
from symdrift.theory.linear.limits import diffusion, isotropic_direction
from symdrift.theory.linear.points import Direction
from symdrift.theory.linear.stochastic_area import BlockCoupling


def fluctuation(draw: Draw, theory: Theory) -> Exercise:
    """Gradient noise, stationary fluctuation and excess loss."""
    network = draw.network(axes=2, hidden=2)
    directions = network.directions()
    numbers = {GAMMA: network.weight_decay, ETA: network.learning_rate}
    pair = theory.drift.own_term.couplings[0].right
    own = theory.drift.diagonal_block
    names = [renaming(i=directions[k], j=directions[1 - k]) | numbers for k in range(2)]
    curvatures = [own.hessian[0].xreplace(names[k]) for k in range(2)]
    noises = [own.noise[0].xreplace(names[k]) / network.batch for k in range(2)]
    mixed = pair.noise.xreplace(names[0]) / network.batch
    fluctuations = [own.fluctuation[0].xreplace(names[k]) / network.batch for k in range(2)]
    spread = pair.fluctuation.xreplace(names[0]) / network.batch
    total = sp.Add(*noises, mixed.trace())
    excess = network.learning_rate * total / 4
    problem = network.problem("fluctuation")
    found = dense.evaluate(problem)
    point = dense.solve_minimum(problem.teacher, problem.input_covariance, problem.weight_decay, 2)
    covariance = dense.gradient_noise(point, problem.inputs, problem.label_noise, problem.batch)
    weight_variance = sp.Add(*fluctuations, spread.trace())
    return Exercise(
        "fluctuation",
        "Noise, fluctuation, excess loss",
        3,
        Passage(
            f"{kind(network)} with two inputs, two outputs and {{p}} hidden units has learned "
            f"both directions, with weight decay {{decay}}, learning rate {{rate}}, "
            f"{label_noise(network)} and {samples(network)}. {given(network)} "
            "Find the total noise {trace} of the gradient of one step, the excess loss {excess} "
            "that it causes, and the total variance {total} of the weights across the valley.",
            {
                **learning(network),
                "trace": NOISE,
                "excess": EXCESS,
                "total": TOTAL,
            },
        ),
        (
            Passage("The singular values are", {}, singular_values(network)),
            Passage(
                "The noise has a block of one entry for each direction and one of two rows for "
                f"the pair.{averaged(network)}",
                {},
                (
                    theory.formula("noise-own"),
                    theory.formula("noise-pair"),
                    *(
                        equal(symbol("gradient_noise", f"{k + 1}{k + 1}"), value)
                        for k, value in enumerate(noises)
                    ),
                    equal(symbol("gradient_noise", "12"), mixed),
                ),
            ),
            Passage(
                "The total noise is the sum of the traces, and the excess loss a quarter of the "
                "learning rate times it.",
                {},
                (equal(NOISE, total), equal(EXCESS, excess)),
            ),
            Passage(
                "The Hessian has the same blocks,",
                {},
                (
                    *(
                        equal(symbol("hessian", f"{k + 1}{k + 1}"), value)
                        for k, value in enumerate(curvatures)
                    ),
                    equal(symbol("hessian", "12"), pair.hessian.xreplace(names[0])),
                ),
            ),
            Passage(
                "and the fluctuation solves the Lyapunov equation in each of them.",
                {},
                (
                    theory.formula("lyapunov"),
                    *(
                        equal(symbol("fluctuation", f"{k + 1}{k + 1}"), value)
                        for k, value in enumerate(fluctuations)
                    ),
                    equal(
                        symbol("fluctuation", "12"),
                        spread.applyfunc(sp.nsimplify),
                    ),
                ),
            ),
            Passage("The traces add up to {total}.", {"total": equal(TOTAL, weight_variance)}),
        ),
        (
            Answer(NOISE, total, float(np.trace(covariance))),
            Answer(EXCESS, excess, found.fluctuation.excess_loss),
            Answer(TOTAL, weight_variance, found.fluctuation.weight_variance),
        ),
    )


def _block_steps(coupling: BlockCoupling, names: dict[sp.Symbol, sp.Expr]) -> tuple[sp.Basic, ...]:
    """Curvature, noise and fluctuation of the two blocks of direction 1, with numbers."""

    def shown(role: str, label: str, matrix: sp.ImmutableMatrix) -> sp.Basic:
        value = matrix.xreplace(names)
        return equal(symbol(role, label), value[0] if value.rows == 1 else value)

    blocks = (("11", coupling.left), ("12", coupling.right))
    return (
        *(shown("hessian", label, block.hessian) for label, block in blocks),
        *(shown("gradient_noise", label, block.noise) for label, block in blocks),
        *(shown("fluctuation", label, block.fluctuation) for label, block in blocks),
    )


def _diffusion(
    drift: RepresentativeDrift, area: sp.Expr, i: Direction, j: Direction, network: Network
) -> sp.Expr:
    numbers = {ETA: network.learning_rate, BATCH: sp.Integer(network.batch)}
    return diffusion(drift, area, i, j).xreplace(numbers)


def plane_diffusion(draw: Draw, theory: Theory) -> Exercise:
    """The diffusion coefficient of the only plane of two learned directions."""
    network = draw.network(axes=2, hidden=2)
    i, j = network.directions()
    numbers = {GAMMA: network.weight_decay, ETA: network.learning_rate}
    drift = theory.drift
    # All numbers at once: expressions that stay symbolic in between take a hundred times longer.
    names = renaming(i=i, j=j) | numbers
    exact = drift.own_term.exact
    terms = [exact.xreplace(names), exact.xreplace(renaming(i=j, j=i) | numbers)]
    forward, backward = drift.own_term.couplings
    length = drift.squared_length.xreplace(names)
    coefficient = _diffusion(drift, sp.Add(*terms), i, j, network)
    found = dense.evaluate(network.problem("plane"))
    name = symbol("diffusion_tensor", "12")
    return Exercise(
        "plane",
        "Diffusion in one plane",
        4,
        Passage(
            f"{kind(network)} with two inputs, two outputs and {{p}} hidden units learns with "
            f"weight decay {{decay}}, learning rate {{rate}}, {label_noise(network)} and "
            f"{samples(network)}. {given(network)} Find the diffusion coefficient {{D}} of its "
            "hidden rotation, per step.",
            {**learning(network), "D": name},
        ),
        (
            Passage("The singular values are", {}, singular_values(network)),
            Passage(
                "The rotation couples the block of direction 1, a single number, to the block of "
                f"the pair.{of_one_sample(network)} The formulas for curvature and noise, and the "
                "Lyapunov equation for the fluctuation, give",
                {"batch": learning(network)["batch"]},
                _block_steps(forward, names),
            ),
            Passage(
                "The rows {y} and {z} solve the Sylvester equations. The order of the two entries "
                "does not matter, as long as it is the same in every block of the pair.",
                {"y": sp.Symbol("y"), "z": sp.Symbol("z")},
                (
                    theory.formula("own-sylvester"),
                    equal(sp.Symbol("y"), forward.coloured_orientation.xreplace(names)),
                    equal(sp.Symbol("z"), -backward.coloured_orientation.T.xreplace(names)),
                ),
            ),
            Passage(
                "With the overlap of the two blocks this gives the term of axis 1. The same steps "
                "with the two axes exchanged give that of axis 2.",
                {},
                (
                    theory.formula("own-overlap"),
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
        names = renaming(i=a, j=b, l=c) | numbers
        terms = (
            drift.own_term.exact.xreplace(names),
            drift.own_term.exact.xreplace(renaming(i=b, j=a) | numbers),
            drift.other_term.exact.xreplace(names),
        )
        coefficients[i, j] = _diffusion(drift, sp.Add(*terms), a, b, network)
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
            f"{kind(network)} with three inputs, three outputs and {{p}} hidden units learns all "
            f"three directions, with weight decay {{decay}}, learning rate {{rate}}, "
            f"{label_noise(network)} and {samples(network)}. {given(network)} The "
            "diffusion coefficients {D} of its planes are given below, rounded. At what rate "
            "{rate_k} does the representation of each input axis lose its autocorrelation, and "
            "which drifts fastest? Does the axis with the largest variance drift most slowly?",
            {
                **learning(network),
                "rate_k": symbol("decay", "k"),
                "D": symbol("diffusion_tensor", "ij"),
            },
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
    noise = network.noises[0] != 0
    if order[0] == network.variances.index(max(network.variances)):
        return f"drifts most slowly{', in spite of the label noise' if noise else ''}."
    reasons = [
        *(["the gains"] if any(gain != 1 for gain in network.gains) else []),
        *(["the label noise"] if noise else []),
        "the other axes",
    ]
    return f"does not drift most slowly here, for {' and '.join(reasons)} count as well."


def isotropic(draw: Draw, theory: Theory) -> Exercise:
    """Derive the isotropic diffusion constant, then put numbers into it."""
    size = draw.integer(3, 5)
    single = draw.network(axes=1, hidden=1, gains=False)
    network = replace(
        single,
        variances=single.variances * size,
        gains=single.gains * size,
        noises=single.noises * size,
        hidden=size,
    )
    formula, one = theory.formula("isotropic"), sp.Integer(1)
    numbers = {
        **renaming(**{"": network.learned(0)}),
        symbol("gain"): one,
        GAMMA: network.weight_decay,
        ETA: network.learning_rate,
        BATCH: sp.Integer(network.batch),
        INPUTS: sp.Integer(size),
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
            "diffusion coefficient {D} of any plane of its hidden layer, for weight decay {gamma}, "
            "learning rate {eta} and {B} samples in a step. Then put in the numbers {number}, "
            "{variance1}, {decay}, {rate}, {noise} and {batch}.",
            {
                **learning(network),
                "size": INPUTS,
                "variance": symbol("input_variance"),
                "sigma": symbol("label_noise") ** 2,
                "D": name,
                "gamma": GAMMA,
                "eta": ETA,
                "B": BATCH,
                "number": equal(INPUTS, sp.Integer(size)),
                "variance1": equal(symbol("input_variance"), network.variances[0]),
            },
        ),
        (
            Passage(
                "All singular values are equal, and so are all blocks."
                f"{of_one_sample(network)} With the gain one,",
                {"batch": learning(network)["batch"]},
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
                {
                    "others": INPUTS - 2,
                    "length": equal(symbol("metric"), theory.drift.squared_length.xreplace(names)),
                },
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
