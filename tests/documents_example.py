"""A derivation with every kind of mathematics that a document has to cope with."""

from __future__ import annotations

import sympy as sp

from symdrift.derivation.steps import Check, Derivation, Equation, Link, Method, Notation, Step

ETA, GAMMA = sp.symbols("eta gamma", positive=True)
EIGENVALUES = sp.symbols("lambda_1:4", positive=True)
L1, L2, L3 = EIGENVALUES
N, FIRST, SECOND, INPUT = sp.symbols("n i j l", integer=True, positive=True)
S, LAMBDA, V = sp.IndexedBase("s"), sp.IndexedBase("lambda"), sp.IndexedBase("V")
SYMBOL_NAMES: dict[sp.Basic, str] = {
    ETA: r"\eta",
    GAMMA: r"\gamma",
    L1: r"\lambda_{1}",
    L2: r"\lambda_{2}",
    L3: r"\lambda_{3}",
    LAMBDA.label: r"\lambda",
    S.label: "s",
    V.label: "V",
}
PASSED = Check("Both sides agree: {zero} & 100% of [eq:stationary]", Method.IDENTITY, True, 0.25)


def rational_function(power: int) -> sp.Expr:
    """A rational function with a long expanded numerator over a factored denominator."""
    numerator = sp.expand((L1 + 2 * L2 + 3 * L3 + 5 * GAMMA) ** power)
    return numerator / (64 * L1**2 * (L2 + L3) * (L1 + L2 - GAMMA) ** 2)


def wide_block() -> sp.Matrix:
    """A symmetric 2 x 2 block whose entries are too long to stand side by side."""
    diagonal = [sum(x**k * GAMMA ** (5 - k) for k in range(6)) for x in EIGENVALUES[:2]]
    coupling = sp.expand((L1 + L2 + GAMMA) ** 3)
    return sp.Matrix([[diagonal[0], coupling], [coupling, diagonal[1]]])


def hidden_area() -> sp.Basic:
    """A trace of long products of matrix symbols."""
    names = "YCYGHZ"
    matrices = [sp.MatrixSymbol(name, 2, 2) for name in names]
    product = matrices[0].T
    for matrix in matrices[1:] * 5:
        product = product * matrix
    return sp.Eq(
        V[FIRST, SECOND],
        ETA**2 / 4 * sp.Trace(product + matrices[1].T * matrices[0]),
        evaluate=False,
    )


def sum_over_inputs() -> sp.Basic:
    """The diffusion tensor as a sum over input directions."""
    weight = S[FIRST] * S[SECOND] / ((S[FIRST] + S[INPUT]) * (S[SECOND] + S[INPUT]))
    inner = (
        (S[FIRST] + S[INPUT]) ** 3 * LAMBDA[FIRST] ** 2 * LAMBDA[INPUT]
        + (S[SECOND] + S[INPUT]) ** 3 * LAMBDA[SECOND] ** 2 * LAMBDA[INPUT]
        + GAMMA**2 * (LAMBDA[FIRST] + LAMBDA[INPUT]) * (LAMBDA[SECOND] + LAMBDA[INPUT])
    )
    prefactor = ETA**2 / (4 * (S[FIRST] + S[SECOND]) ** 2)
    return sp.Eq(V[FIRST, SECOND], prefactor * sp.Sum(weight * inner, (INPUT, 1, N)))


def chains() -> tuple[Equation, ...]:
    """A chain with its reasons beside it, and one with long reasons above its lines."""
    square = (L1 + GAMMA) ** 2
    short = Link("50% of {gamma} & [eq:sum]", square), Link("expanded", sp.expand(square))
    long = (
        Link("A reason with [eq:short] in it. " * 4, sp.expand((L1 + L2 + GAMMA) ** 4)),
        Link("see [step:minimum]", (L1 + L2 + GAMMA) ** 4),
    )
    return tuple(
        Equation(label, sp.Eq(V[1, 1], links[-1].expression, evaluate=False), links=links)
        for label, links in (("chain", short), ("long-chain", long))
    )


def example_derivation() -> Derivation:
    """The example."""
    singular = sp.Piecewise((1 - GAMMA / L1, L1 > GAMMA), (0, True))
    weights, rotation = sp.MatrixSymbol("W", 3, 3), sp.MatrixSymbol("Q", 3, 3)
    hessian = sp.MatrixSymbol("H", 2, 2)
    steps = (
        Step(
            "minimum",
            "The minimum-loss manifold",
            "Stationarity & strictness",
            "At a minimum with weight decay {gamma} the gradient vanishes, see [eq:stationary] "
            "and [step:drift]. Special characters: 50% & $5 #1 a_b ^ ~ \\ < > “γ” {zero}.\n\n"
            "A second paragraph.",
            {"gamma": GAMMA, "zero": sp.Integer(0)},
            (
                Equation("stationary", sp.Eq(S[1], singular)),
                Equation("orbit", sp.Eq(weights, rotation * weights, evaluate=False)),
                Equation("active", L1 > GAMMA, sp.And(GAMMA > 0, L1 > 0)),
            ),
            ("Inputs are Gaussian with {gamma} below every eigenvalue.",),
            (PASSED,),
            seconds=1.0,
        ),
        Step(
            "hessian",
            "Normal fluctuations",
            "Hessian block",
            "The Hessian of [step:minimum] splits into blocks.",
            {"gamma": GAMMA},
            (Equation("hessian", sp.Eq(hessian, wide_block(), evaluate=False)), *chains()),
            (),
            (Check("The block is symmetric", Method.POINTS, True, 0.1),),
        ),
        Step(
            "drift",
            "Drift on the manifold",
            "Diffusion tensor",
            "Insert [eq:hessian] into the area.",
            {},
            (
                Equation("area", hidden_area()),
                Equation("sum", sum_over_inputs()),
                Equation("long", sp.Eq(V[1, 2], ETA**3 * rational_function(5))),
                Equation("short", sp.Eq(V[1, 2], ETA**3 * GAMMA**4 / (16 * L1)), L1 > GAMMA),
            ),
        ),
    )
    notation = (
        Notation("learning_rate", ETA, "learning rate", "per step"),
        Notation("weight_decay", GAMMA, "weight decay (L2), 100% positive", "scalar"),
        Notation("diffusion_tensor", V[FIRST, SECOND], "covariance of rotations", "rad^2/step"),
    )
    return Derivation("example", "An example & its 100% derivation", notation, steps, SYMBOL_NAMES)
