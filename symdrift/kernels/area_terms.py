"""The terms of the swept area with few operations: every block is solved once, then met in pairs.

A block ``(i, l)`` enters the areas of all planes ``(i, j)``.  What depends on it alone is computed
with it, and so is its share ``s_i / (s_i + s_l)`` of the squared overlaps: of two blocks each term
has the noise of one and the fluctuation of the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.kernels.positive import (
    PositiveBlock,
    coloured,
    coloured_column,
    coloured_row,
    determinant,
    shifted_determinant,
)
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift
from symdrift.theory.linear.normal_space import NormalBlock

WEIGHT_DECAY = Argument(GAMMA, "weight_decay")
SLACK = Argument(sp.Symbol("slack_l", real=True), "slack_l")
"""``gamma - kappa``: 0 for an active direction, and never a difference of rounded numbers."""

SOLVED = (
    "first", "second", "coupling", "determinant", "trace", "first_determinant",
    "second_determinant", "noise_11", "noise_12", "noise_22", "variance_11", "covariance_12",
    "variance_22",
)  # fmt: skip
"""What is known of a solved block, in this order."""

ENTRIES = ((0, 0), (0, 1), (1, 1))


def axis_arguments(index: str) -> tuple[Argument, ...]:
    """Variance, label noise and singular value of one direction."""
    return (
        Argument(symbol("input_variance", index), f"variance_{index}"),
        Argument(symbol("label_noise", index) ** 2, f"label_noise_{index}"),
        Argument(symbol("singular_value", index), f"singular_value_{index}"),
    )


def residual_argument(index: str) -> Argument:
    """What the learned map leaves of a gain."""
    return Argument(symbol("residual_map", index), f"residual_{index}")


def weight_share(block: NormalBlock) -> sp.Expr:
    """Squared weight of the first layer in the first unit vector of a block."""
    direction = block.directions[0]
    hidden_first = direction.vector[: _first_layer_size(block)]
    return sp.Add(*(entry**2 for entry in hidden_first)) / direction.squared_norm


def tight_determinant(block: NormalBlock) -> sp.Expr:
    """Of the Hessian of a block ``(i, l)``, by its slack."""
    coupling, slack = -block.hessian[0, 1], SLACK.value
    split = (GAMMA - coupling) * (GAMMA + coupling)
    return determinant(block.hessian) - split + slack * (2 * GAMMA - slack)


def area_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """A block solved, and what solved blocks add to the area of a plane, exactly or as white noise.

    Parameters
    ----------
    drift : RepresentativeDrift
    """
    return (
        _solved_block(drift),
        _own_term(drift),
        _joint_term(drift),
        _own_term_white_noise(drift),
        _joint_term_white_noise(drift),
    )


class _Steps(dict[sp.Symbol, sp.Expr]):
    """Named intermediate results, in order of evaluation."""

    def name(self, name: str, expression: sp.Expr) -> sp.Symbol:
        """Name a result."""
        found = sp.Symbol(name, positive=True)
        self[found] = expression
        return found

    def symmetric(self, name: str, matrix: sp.MatrixBase) -> sp.Matrix:
        """Name the entries of a symmetric matrix of two rows."""
        named = [self.name(f"{name}_{a + 1}{b + 1}", matrix[a, b]) for a, b in ENTRIES]
        return sp.Matrix([named[:2], named[1:]])

    def entries(self, name: str, matrix: sp.MatrixBase) -> sp.Matrix:
        """Name the entries of any matrix of two rows or columns."""
        rows, columns = matrix.shape
        return sp.Matrix(
            rows, columns, lambda a, b: self.name(f"{name}_{a + 1}{b + 1}", matrix[a, b])
        )


class _Solved:
    """A solved block ``(index, l)`` as arguments of a term, and as what they say of it.

    Noise and fluctuation contain its share.  The fluctuation is given four times as large, for the
    factors 2 of both equations that an area solves, and twice its entry beside the diagonal.
    """

    def __init__(self, index: str, coupling: sp.Expr | None = None) -> None:
        known = {name: sp.Symbol(f"{name}_{index}", positive=True) for name in SOLVED}
        self.arguments = tuple(Argument(value, value.name) for value in known.values())
        first, second, own_coupling, product, trace, *products = known.values()
        noise, fluctuation = products[2:5], products[5:]
        self.products = {first * product: products[0], second * product: products[1]}
        self.block = PositiveBlock(
            first, second, coupling or own_coupling, product, _symmetric(*noise), trace
        )
        first, beside, second = fluctuation
        self.fluctuation = _symmetric(first, beside / 2, second) / 4


def _symmetric(first: sp.Expr, beside: sp.Expr, second: sp.Expr) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix([[first, beside], [beside, second]])


def _form(row: sp.MatrixBase, matrix: sp.MatrixBase) -> sp.Expr:
    """``row matrix row'`` for two columns, nested."""
    first, second = row
    return first * (matrix[0, 0] * first + 2 * matrix[0, 1] * second) + matrix[1, 1] * second**2


def _solved_block(drift: RepresentativeDrift) -> ScalarFunction:
    pair, steps, share = drift.pair_block, _Steps(), weight_share(drift.pair_block)
    value, values = sp.fraction(share)
    total = steps.name("total", values)
    coupling = steps.name("coupling", -pair.hessian[0, 1])
    bare = [
        steps.name(f"bare_{k + 1}", _short(pair.hessian[k, k] - GAMMA, {values: total}))
        for k in (0, 1)
    ]
    hessian = sp.ImmutableMatrix([[bare[0] + GAMMA, -coupling], [-coupling, bare[1] + GAMMA]])
    # What an active direction leaves is gamma / lambda_i, and the coupling is E_l lambda_l.
    residual_i, residual_l = (residual_argument(index).value for index in "il")
    active = {1 / symbol("input_variance", "i"): residual_i / GAMMA}
    any_axis = {symbol("input_variance", "l"): coupling / residual_l}
    noise = {
        (a, b): value * _short(pair.noise[a, b] * share / value, any_axis if b else active)
        for a, b in ENTRIES
    }
    block = PositiveBlock(
        steps.name("first", hessian[0, 0]),
        steps.name("second", hessian[1, 1]),
        coupling,
        steps.name("determinant", determinant(hessian).xreplace({GAMMA - coupling: SLACK.value})),
        sp.ImmutableMatrix(steps.symmetric("noise", _symmetric(*noise.values()))),
    )
    trace = steps.name("trace", block.trace)
    scale = steps.name("scale", 2 / (trace * block.determinant))
    moved = steps.entries("moved", block.noise * block.adjugate)
    doubled = block.determinant * block.noise + block.adjugate * moved
    results = {name: sp.Symbol(name, positive=True) for name in SOLVED} | {
        "first_determinant": block.first * block.determinant,
        "second_determinant": block.second * block.determinant,
        "variance_11": scale * doubled[0, 0],
        "covariance_12": 2 * scale * doubled[0, 1],
        "variance_22": scale * doubled[1, 1],
    }
    return ScalarFunction(
        "_solved_block",
        "What terms need of the block (i, l).",
        "H Gamma + Gamma H = C, per eta and for B = 1: H, det(H), tr(H), H_11 det(H), H_22 det(H), "
        "o C and 4 o Gamma (twice beside the diagonal), with the share o = s_i / (s_i + s_l)",
        (
            *axis_arguments("i"),
            residual_argument("i"),
            *axis_arguments("l"),
            residual_argument("l"),
            SLACK,
            WEIGHT_DECAY,
        ),
        results,
        steps,
    )


def _short(expression: sp.Expr, names: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    """A product of few factors, some of which have names."""
    return sp.factor(sp.factor(sp.expand(sp.factor(expression)).subs(names)).subs(names))


def _joint_term(drift: RepresentativeDrift) -> ScalarFunction:
    left, steps = _Solved("p"), _Steps()
    right = _Solved("q", left.block.coupling)
    p, q = left.block, right.block
    forward, backward = coloured(p, q), coloured(q, p)
    difference = steps.name("difference", q.determinant - p.determinant)
    names = left.products | right.products | {
        q.determinant - p.determinant: difference,
        p.determinant - q.determinant: -difference,
        p.trace * q.determinant: steps.name("crossed_p", p.trace * q.determinant),
        q.trace * p.determinant: steps.name("crossed_q", q.trace * p.determinant),
    }  # fmt: skip
    resultant = steps.name("resultant", forward.resultant.xreplace(names))
    inverse = steps.name("inverse", 1 / resultant)
    beside = steps.name("beside", inverse * forward.weights[0, 1].xreplace(names))
    scales = [steps.name(f"scale_{k + 1}", forward.scales[k]) for k in (0, 1)]
    squares = steps.symmetric("scales", sp.Matrix(scales) * sp.Matrix([scales]))
    areas = []
    for name, found, sign, order, one, other in (
        ("forward", forward, 1, (0, 1), left, right),
        ("backward", backward, -1, (1, 0), right, left),
    ):
        first, second = (
            steps.name(f"{name}_{k + 1}", inverse * found.weights[k, k].xreplace(names))
            for k in (0, 1)
        )
        weights = _symmetric(first, sign * beside, second)
        noise = steps.symmetric(
            f"{name}_noise",
            sp.Matrix(2, 2, lambda a, b: one.block.noise[a, b] * squares[order[a], order[b]]),  # noqa: B023
        )
        moved = steps.entries(f"{name}_moved", noise * weights)
        swept = steps.symmetric(f"{name}_swept", weights * moved)
        areas.append(4 * sp.expand((swept * other.fluctuation).trace()))
    return ScalarFunction(
        "_joint_term",
        "What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).",
        "o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y "
        "H_Q = 2 H_Q and H_P Z + Z H_Q = 2 H_P, both as 2 diag(scales) weights / resultant",
        (*left.arguments, *right.arguments),
        {"area": _joint_factor(drift) * sum(areas)},
        steps,
    )


def _joint_term_white_noise(drift: RepresentativeDrift) -> ScalarFunction:
    left, right = _Solved("p"), _Solved("q")
    areas = (
        4 * sp.expand((one.block.noise * other.fluctuation).trace())
        for one, other in ((left, right), (right, left))
    )
    return ScalarFunction(
        "_joint_term_white_noise",
        "What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).",
        "o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) per eta and for B = 1: the white-noise "
        "approximation",
        (*left.arguments, *right.arguments),
        {"area": sp.Mul(_joint_factor(drift) / 4, sum(areas), evaluate=False)},
    )


def _own_term(drift: RepresentativeDrift) -> ScalarFunction:
    solved, steps, pair = _Solved("q"), _Steps(), drift.own_term.couplings[0].right
    block, values = solved.block, [symbol("singular_value", index) for index in "ij"]
    curvature = steps.name("curvature", drift.diagonal_block.hessian[0])
    noise = steps.name("noise", sp.factor(drift.diagonal_block.noise[0]))
    total = steps.name("total", sum(values))
    # The rows of the block (j, i) are those of (i, j) exchanged: (1 1) H, without differences.
    kept = sp.Matrix(
        [[_short(pair.hessian[k, k] + pair.hessian[0, 1], {sum(values): total}) for k in (1, 0)]]
    )
    shifted = shifted_determinant(curvature, block)
    row = coloured_row(curvature, block, kept) * shifted / 2
    column = coloured_column(curvature, block) * shifted / (2 * curvature)
    inverse = steps.name("inverse", 1 / sp.horner(shifted, curvature))
    row = steps.entries("forward", inverse * row)
    column = steps.entries("backward", inverse * column)
    area = _form(row, 4 * solved.fluctuation) + 2 * curvature * _form(column, block.noise)
    return ScalarFunction(
        "_own_term",
        "What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).",
        "o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with h Y + Y H = "
        "2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)",
        _own_arguments(solved),
        {"area": _own_factor(drift) * noise * area},
        steps,
    )


def _own_term_white_noise(drift: RepresentativeDrift) -> ScalarFunction:
    solved, steps, ones = _Solved("q"), _Steps(), sp.ones(1, 2)
    curvature = steps.name("curvature", drift.diagonal_block.hessian[0])
    noise = sp.factor(drift.diagonal_block.noise[0])
    area = _form(ones, 4 * solved.fluctuation) / 4
    area += _form(ones, solved.block.noise) / (2 * curvature)
    return ScalarFunction(
        "_own_term_white_noise",
        "What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).",
        "o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) with (1 1) between the two, per eta and for B = "
        "1: the white-noise approximation",
        _own_arguments(solved),
        {"area": _own_factor(drift) * noise * area},
        steps,
    )


def _own_arguments(solved: _Solved) -> tuple[Argument, ...]:
    variance, _, value = axis_arguments("j")
    return (*axis_arguments("i"), variance, value, *solved.arguments, WEIGHT_DECAY)


def _joint_factor(drift: RepresentativeDrift) -> sp.Expr:
    """What is left of the squared overlap when both blocks have their share of it."""
    share, values = weight_share(drift.pair_block), _values()
    shares = share * share.xreplace({values["i"]: values["j"]})
    return sp.cancel(drift.other_term.couplings[0].overlap ** 2 / shares)


def _own_factor(drift: RepresentativeDrift) -> sp.Expr:
    """The same for the block ``(j, i)`` alone."""
    share, values = weight_share(drift.pair_block), _values()
    share = share.xreplace({values["i"]: values["j"], values["l"]: values["i"]})
    return sp.cancel(drift.own_term.couplings[0].overlap ** 2 / share)


def _values() -> dict[str, sp.Symbol]:
    return {index: symbol("singular_value", index) for index in "ijl"}


def _first_layer_size(block: NormalBlock) -> int:
    """Coordinates of the first layer, for a sub-network with as many inputs as outputs."""
    return int(block.directions[0].vector.rows) // 2
