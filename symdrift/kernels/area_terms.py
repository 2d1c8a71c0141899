"""The terms of the swept area with few operations: every block is solved once, then met in pairs.

A block ``(i, l)`` enters the areas of all planes ``(i, j)``.  What depends on it alone is computed
with it, and so is its share ``s_i / (s_i + s_l)`` of the squared overlaps: each term has the noise
of both blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.kernels.positive import (
    CloseAxes,
    PositiveBlock,
    coloured,
    coloured_column,
    coloured_row,
    shifted_determinant,
)
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift
from symdrift.theory.linear.normal_space import NormalBlock

WEIGHT_DECAY = Argument(GAMMA, "weight_decay")
SLACK = Argument(sp.Symbol("slack_l", real=True), "slack_l")
"""``gamma - kappa``: 0 for an active direction, and never a difference of rounded numbers."""

MISSED = Argument(sp.Symbol("missed_value_l", positive=True), "missed_value_l")
"""The singular value of a direction that is worth learning and left out; 0 for any other."""

GAP = Argument(sp.Symbol("gap", positive=True), "gap")
"""``lambda_i s_i^2``, less the same of a direction l that is left out; it is not rounded before."""

CLOSENESS = (SLACK, MISSED, GAP)
"""What tells how close two directions are to a threshold or to a tie."""

SOLVED = (
    "first", "second", "coupling", "determinant", "trace", "first_determinant",
    "second_determinant", "noise_11", "noise_12", "noise_22", "doubled_12", "weight",
    "determinant_weight",
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


def close_axes(steps: Steps) -> tuple[CloseAxes, sp.Symbol]:
    """The axes of a block ``(i, l)``, and its determinant, in named steps."""
    (variance, _, value), (other, _, added) = (axis_arguments(index) for index in "il")
    total = steps.name("total", value.value + added.value)
    # Singular values add up where both axes are learned, and no other axis adds to a gap.
    more = variance.value * added.value * (value.value + total)
    axes = CloseAxes(
        variance=variance.value,
        other_variance=other.value,
        total=total,
        missed=MISSED.value,
        slack=SLACK.value,
        coupling=steps.name("coupling", residual_argument("l").value * other.value),
        gap=steps.name("separation", GAP.value + more),
        root=steps.name("root", sp.sqrt(steps.name("variances", variance.value * other.value))),
    )
    names = {part: steps.name(name, part) for name, part in (
        ("spread", axes.spread), ("worth", axes.worth)
    )}  # fmt: skip
    return axes, steps.name("determinant", axes.determinant.xreplace(names))


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


class Steps(dict[sp.Symbol, sp.Expr]):
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

    The noise contains its share.  With ``weight`` it has ``2 / tr(H)``, for the factors 2 of both
    equations that an area solves and the ``2 tr(H)`` of its fluctuation.
    """

    def __init__(self, index: str, coupling: sp.Expr | None = None) -> None:
        known = {name: sp.Symbol(f"{name}_{index}", positive=True) for name in SOLVED}
        self.arguments = tuple(Argument(value, value.name) for value in known.values())
        first, second, own_coupling, product, trace, *products = known.values()
        noise = products[2:5]
        self.doubled, self.weight, self.product_weight = products[5:]
        self.products = {first * product: products[0], second * product: products[1]}
        self.block = PositiveBlock(
            first, second, coupling or own_coupling, product, _symmetric(*noise), trace
        )

    def form(self, row: sp.MatrixBase) -> sp.Expr:
        """``row noise row'`` for two columns, nested."""
        first, second = row
        noise = self.block.noise
        return first * (noise[0, 0] * first + self.doubled * second) + noise[1, 1] * second**2

    def white(self, noise: sp.MatrixBase) -> sp.Expr:
        """``tr(noise Gamma)``, four times, as a sum of positive terms."""
        block = self.block
        moved = (noise * block.adjugate * block.noise * block.adjugate).trace()
        both = sp.expand((noise * block.noise).trace())
        return self.weight * (both + sp.expand(moved) / block.determinant)


def _symmetric(first: sp.Expr, beside: sp.Expr, second: sp.Expr) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix([[first, beside], [beside, second]])


def _solved_block(drift: RepresentativeDrift) -> ScalarFunction:
    pair, steps, share = drift.pair_block, Steps(), weight_share(drift.pair_block)
    value, values = sp.fraction(share)
    axes, determinant = close_axes(steps)
    total, coupling = axes.total, axes.coupling
    bare = [
        steps.name(f"bare_{k + 1}", _short(pair.hessian[k, k] - GAMMA, {values: total}))
        for k in (0, 1)
    ]
    hessian = sp.ImmutableMatrix([[bare[0] + GAMMA, -coupling], [-coupling, bare[1] + GAMMA]])
    # What an active direction leaves is gamma / lambda_i, and the coupling is E_l lambda_l.
    residual_i, residual_l = (residual_argument(index).value for index in "il")
    active = {1 / symbol("input_variance", "i"): residual_i / GAMMA}
    any_axis = {symbol("input_variance", "l"): coupling / residual_l}
    # All that a plane adds up has both of its singular values as factors, which wait until then.
    noise = {
        (a, b): _short(pair.noise[a, b] * share / value, any_axis if b else active)
        for a, b in ENTRIES
    }
    block = PositiveBlock(
        steps.name("first", hessian[0, 0]),
        steps.name("second", hessian[1, 1]),
        coupling,
        determinant,
        sp.ImmutableMatrix(steps.symmetric("noise", _symmetric(*noise.values()))),
    )
    trace = steps.name("trace", block.trace)
    weight = steps.name("weight", 2 / trace)
    results = {name: sp.Symbol(name, positive=True) for name in SOLVED} | {
        "first_determinant": block.first * block.determinant,
        "second_determinant": block.second * block.determinant,
        "doubled_12": 2 * block.noise[0, 1],
        "determinant_weight": weight * block.determinant,
    }
    return ScalarFunction(
        "_solved_block",
        "What terms need of the block (i, l).",
        "For B = 1: H, det(H), tr(H), H_11 det(H), H_22 det(H), o C / s_i with the share o = s_i / "
        "(s_i + s_l), 2 o C_12 / s_i, 2 / tr(H) and 2 det(H) / tr(H)",
        (
            *axis_arguments("i"),
            residual_argument("i"),
            *axis_arguments("l"),
            residual_argument("l"),
            *CLOSENESS,
            WEIGHT_DECAY,
        ),
        results,
        steps,
    )


def _short(expression: sp.Expr, names: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    """A product of few factors, some of which have names."""
    return sp.factor(sp.factor(sp.expand(sp.factor(expression)).subs(names)).subs(names))


class _Form:
    """``F(X) = tr(C_P X C_Q X')`` of matrices with ``(turn_1 x, turn_2 x)`` beside the diagonal."""

    def __init__(
        self, steps: Steps, left: _Solved, right: _Solved, turns: Sequence[sp.Expr]
    ) -> None:
        p, q, (one, other) = left.block.noise, right.block.noise, turns
        first, last = (
            steps.name(f"turned_{k + 1}", p[k, k] * turn) for k, turn in enumerate(turns)
        )
        ahead, behind = (
            steps.name(f"doubled_{k + 1}", left.doubled * turn) for k, turn in enumerate(turns)
        )
        self.diagonal = steps.symmetric(
            "noise", _symmetric(p[0, 0] * q[0, 0], left.doubled * q[0, 1], p[1, 1] * q[1, 1])
        )
        self.mixed = [
            steps.name("mixed_1", first * right.doubled + behind * q[0, 0]),
            steps.name("mixed_2", ahead * q[1, 1] + last * right.doubled),
        ]
        self.square = steps.name(
            "square", (first * q[1, 1] + behind * q[0, 1]) * one + last * q[0, 0] * other
        )

    def beside(self, value: sp.Expr) -> list[sp.Expr]:
        """What ``x`` adds to what the diagonal is multiplied by, and alone."""
        return [*(value * part for part in self.mixed), self.square * value**2]

    def of(self, first: sp.Expr, second: sp.Expr, beside: Sequence[sp.Expr]) -> sp.Expr:
        """``F`` of a diagonal and of what is beside it."""
        noise = self.diagonal
        return (
            first * (noise[0, 0] * first + noise[0, 1] * second + beside[0])
            + second * (noise[1, 1] * second + beside[1])
            + beside[2]
        )


def _joint_term(drift: RepresentativeDrift) -> ScalarFunction:
    left, steps = _Solved("p"), Steps()
    right = _Solved("q", left.block.coupling)
    p, q = left.block, right.block
    forward, backward = coloured(p, q), coloured(q, p)
    difference = steps.name("difference", p.determinant - q.determinant)
    names = left.products | right.products | {
        p.trace * q.determinant: steps.name("crossed_p", p.trace * q.determinant),
        q.trace * p.determinant: steps.name("crossed_q", q.trace * p.determinant),
    }  # fmt: skip
    scales = [steps.name(f"scale_{k + 1}", forward.scales[k]) for k in (0, 1)]
    ahead, behind = (
        [steps.name(f"{name}_{k + 1}", found.weights[k, k].xreplace(names)) for k in (0, 1)]
        for name, found in (("ahead", forward), ("behind", backward))
    )
    # The sum of both solutions is 2.
    resultant = steps.name("resultant", scales[0] * ahead[0] + scales[1] * behind[0])
    inverse = steps.name("inverse", 1 / resultant)
    turns = [steps.name(f"turn_{k + 1}", inverse * scales[k]) for k in (0, 1)]
    firsts = steps.name("firsts", p.first + q.first)
    seconds = steps.name("seconds", p.second + q.second)
    both = steps.name("both", turns[0] * scales[1])
    form = _Form(steps, left, right, turns)
    mixed = steps.entries(
        "outer", sp.Matrix([form.beside(steps.name("beside", p.coupling * difference))])
    )
    still = form.beside(steps.name("still_beside", p.coupling * (firsts + seconds)))
    areas = []
    for name, diagonal, beside in (
        ("forward", [turns[k] * ahead[k] for k in (0, 1)], [-mixed[0], -mixed[1], mixed[2]]),
        ("backward", [turns[1 - k] * behind[k] for k in (0, 1)], mixed),
        ("still", [both * seconds, both * firsts], still),
    ):
        first, second = (steps.name(f"{name}_{k + 1}", diagonal[k]) for k in (0, 1))
        areas.append(steps.name(f"{name}_area", form.of(first, second, beside)))
    weights = (right.weight, left.weight, right.product_weight + left.product_weight)
    return ScalarFunction(
        "_joint_term",
        "What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).",
        "o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with "
        "H_P Y + Y H_Q = 2 H_Q, H_P Z + Z H_Q = 2 H_P and H_P W + W H_Q = 2: of "
        "F(X) = tr(C_P X C_Q X') it is "
        "o^2 (F(Y) / (2 tr(H_Q)) + F(Z) / (2 tr(H_P)) + F(W) (det(H_Q) / (2 tr(H_Q)) + det(H_P) / "
        "(2 tr(H_P)))) / (s_i s_j)",
        (*left.arguments, *right.arguments),
        {"area": _joint_factor(drift) * sum(w * f for w, f in zip(weights, areas, strict=True))},
        steps,
    )


def _joint_term_white_noise(drift: RepresentativeDrift) -> ScalarFunction:
    left, right = _Solved("p"), _Solved("q")
    areas = (left.white(right.block.noise), right.white(left.block.noise))
    return ScalarFunction(
        "_joint_term_white_noise",
        "What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).",
        "o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) per eta and for B = 1: the white-"
        "noise approximation",
        (*left.arguments, *right.arguments),
        {"area": sp.Mul(_joint_factor(drift) / 4, sum(areas), evaluate=False)},
    )


def _own_term(drift: RepresentativeDrift) -> ScalarFunction:
    solved, steps, pair = _Solved("q"), Steps(), drift.own_term.couplings[0].right
    block, values = solved.block, [symbol("singular_value", index) for index in "ij"]
    curvature = steps.name("curvature", drift.diagonal_block.hessian[0])
    noise = steps.name("noise", _own_noise(drift) / 2)
    total = steps.name("total", sum(values))
    # The rows of the block (j, i) are those of (i, j) exchanged: (1 1) H, without differences.
    kept = sp.Matrix(
        [[_short(pair.hessian[k, k] + pair.hessian[0, 1], {sum(values): total}) for k in (1, 0)]]
    )
    shifted = shifted_determinant(curvature, block)
    row = coloured_row(curvature, block, kept) * shifted / 2
    column = coloured_column(curvature, block) * shifted / (2 * curvature)
    inverse = steps.name("inverse", 1 / sp.horner(shifted, curvature))
    turned = {curvature * total: steps.name("turned", curvature * total)}
    moved = {block.coupling + curvature: steps.name("moved", block.coupling + curvature)}
    row = steps.entries("forward", inverse * row.subs(turned))
    column = steps.entries("backward", inverse * column.subs(moved))
    area = solved.weight * solved.form(row)
    area += (solved.product_weight + 2 * curvature) * solved.form(column)
    return ScalarFunction(
        "_own_term",
        "What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).",
        "o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with "
        "h Y + Y H = 2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)",
        _own_arguments(solved),
        {"area": 2 * _own_factor(drift) * noise * area},
        steps,
    )


def _own_term_white_noise(drift: RepresentativeDrift) -> ScalarFunction:
    solved, steps, ones = _Solved("q"), Steps(), sp.ones(1, 2)
    curvature = steps.name("curvature", drift.diagonal_block.hessian[0])
    noise = _own_noise(drift)
    area = solved.white(ones.T * ones) / 4
    area += solved.form(ones) / (2 * curvature)
    return ScalarFunction(
        "_own_term_white_noise",
        "What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).",
        "o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) with (1 1) between the two, per eta "
        "and for B = 1: the white-noise approximation",
        _own_arguments(solved),
        {"area": _own_factor(drift) * noise * area},
        steps,
    )


def _own_noise(drift: RepresentativeDrift) -> sp.Expr:
    """Noise of the direction ``(i, i)``, without the singular value that waits."""
    return sp.cancel(drift.diagonal_block.noise[0] / symbol("singular_value", "i"))


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
