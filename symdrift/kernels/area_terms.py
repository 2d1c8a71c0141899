"""The terms of the swept area with few operations: every block is solved once, then met in pairs.

A block ``(i, l)`` enters the areas of all planes ``(i, j)``.  What depends on it alone is computed
with it, and so is its share ``s_i / (s_i + s_l)`` of the squared overlaps: each term has the noise
of both blocks.  What stands beside the diagonals depends on ``l`` alone, and is computed once for
all blocks that have it.
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
    "first", "second", "determinant", "noise_11", "noise_22", "weight", "determinant_weight",
    "bare_1", "bare_2",
)  # fmt: skip
"""What is known of a solved block, in this order."""

BESIDE = {name: sp.Symbol(name, positive=True) for name in (
    "coupling", "noise_12", "doubled_12", "squared_coupling", "coupled_noise", "squared_noise"
)}  # fmt: skip
"""What all blocks of one direction l have beside their diagonals, in this order."""

BESIDE_ARGUMENTS = tuple(Argument(value, name) for name, value in BESIDE.items())

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
        _beside_blocks(drift),
        _solved_block(drift, learned=False),
        _solved_block(drift, learned=True),
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

    def __init__(self, index: str) -> None:
        known = [sp.Symbol(f"{name}_{index}", positive=True) for name in SOLVED]
        self.arguments = tuple(Argument(value, value.name) for value in known)
        first, second, product, noise, other_noise, self.weight, self.product_weight, *bare = known
        self.bare = bare
        self.block = PositiveBlock(
            first,
            second,
            BESIDE["coupling"],
            product,
            _symmetric(noise, BESIDE["noise_12"], other_noise),
        )

    def form(self, row: sp.MatrixBase) -> sp.Expr:
        """``row noise row'`` for two columns, nested."""
        first, second = row
        noise = self.block.noise
        turned = noise[0, 0] * first + BESIDE["doubled_12"] * second
        return first * turned + noise[1, 1] * second**2

    def white(self, noise: sp.MatrixBase) -> sp.Expr:
        """``tr(noise Gamma)``, four times, as a sum of positive terms."""
        block = self.block
        moved = (noise * block.adjugate * block.noise * block.adjugate).trace()
        both = sp.expand((noise * block.noise).trace())
        return self.weight * (both + sp.expand(moved) / block.determinant)


def _symmetric(first: sp.Expr, beside: sp.Expr, second: sp.Expr) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix([[first, beside], [beside, second]])


def _beside_blocks(drift: RepresentativeDrift) -> ScalarFunction:
    (variance, *_), residual = axis_arguments("l"), residual_argument("l")
    coupling, noise, doubled = (BESIDE[name] for name in ("coupling", "noise_12", "doubled_12"))
    results = {
        "coupling": residual.value * variance.value,
        "noise_12": _noise(drift, (0, 1), coupling),
        "doubled_12": 2 * noise,
        "squared_coupling": coupling**2,
        "coupled_noise": coupling * doubled,
        "squared_noise": noise * doubled,
    }
    return ScalarFunction(
        "_beside_blocks",
        "What all blocks (i, l) of a direction l have beside their diagonals.",
        "For B = 1: kappa = -H_12, c = o C_12 / s_i with the share o = s_i / (s_i + s_l), 2 c, "
        "kappa^2, 2 kappa c and 2 c^2",
        (variance, residual, WEIGHT_DECAY),
        BESIDE,
        {BESIDE[name]: expression for name, expression in results.items()},
    )


def _noise(drift: RepresentativeDrift, place: tuple[int, int], coupling: sp.Expr) -> sp.Expr:
    """Noise of a block with its share; ``s_i``, which all terms of a plane have, waits."""
    share = weight_share(drift.pair_block)
    # What an active direction leaves is gamma / lambda_i, and the coupling is E_l lambda_l.
    residual_i, residual_l = (residual_argument(index).value for index in "il")
    names = {symbol("input_variance", "l"): coupling / residual_l}
    if place == (0, 0):
        names = {1 / symbol("input_variance", "i"): residual_i / GAMMA}
    return _short(drift.pair_block.noise[place] * share / sp.numer(share), names)


def _solved_block(drift: RepresentativeDrift, *, learned: bool) -> ScalarFunction:
    pair, steps = drift.pair_block, Steps()
    rows = [(*axis_arguments(index), residual_argument(index)) for index in "il"]
    total = sum(row[2].value for row in rows)
    if learned:
        coupling: sp.Expr = GAMMA
        names = {total: steps.name("total", total)}
    else:
        axes, determinant = close_axes(steps)
        coupling, names = axes.coupling, {total: axes.total}
    bare = [steps.name(f"bare_{k + 1}", _short(pair.hessian[k, k] - GAMMA, names)) for k in (0, 1)]
    first, second = (
        steps.name(name, GAMMA + part) for name, part in zip(("first", "second"), bare, strict=True)
    )
    if learned:
        product = (bare[0] + GAMMA) * (bare[1] + GAMMA) - coupling**2
        determinant = steps.name("determinant", sp.collect(sp.expand(product), GAMMA))
    weight = steps.name("weight", 2 / (first + second))
    results = {name: sp.Symbol(name, positive=True) for name in SOLVED} | {
        "noise_11": _noise(drift, (0, 0), coupling),
        "noise_22": _noise(drift, (1, 1), coupling),
        "determinant_weight": weight * determinant,
    }
    return ScalarFunction(
        "_learned_block" if learned else "_solved_block",
        f"What terms need of the block (i, l){' of two learned directions' * learned}.",
        "For B = 1: H_11, H_22, det(H), o C_11 / s_i and o C_22 / s_i with the share o = s_i / "
        "(s_i + s_l), 2 / tr(H), 2 det(H) / tr(H), H_11 - gamma and H_22 - gamma",
        (*rows[0], *rows[1], *(() if learned else CLOSENESS), WEIGHT_DECAY),
        results,
        steps,
    )


def _short(expression: sp.Expr, names: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    """A product of few factors, some of which have names."""
    return sp.factor(sp.factor(sp.expand(sp.factor(expression)).subs(names)).subs(names))


class _Form:
    """``F(X) = tr(C_P X C_Q X')`` of matrices with ``(turn_1 x, turn_2 x)`` beside the diagonal.

    ``x`` comes in units of the coupling.
    """

    def __init__(
        self, steps: Steps, left: _Solved, right: _Solved, turns: Sequence[sp.Expr]
    ) -> None:
        p, q = left.block.noise, right.block.noise
        turned, back = (
            [steps.name(f"{name}_{k + 1}", noise[k, k] * turn) for k, turn in enumerate(by)]
            for name, noise, by in (("turned", p, turns), ("back", q, turns[::-1]))
        )
        self.diagonal = [
            steps.name("noise_11", p[0, 0] * q[0, 0]),
            BESIDE["squared_noise"],
            steps.name("noise_22", p[1, 1] * q[1, 1]),
        ]
        self.mixed = [
            steps.name(f"mixed_{k + 1}", BESIDE["coupled_noise"] * (turned[k] + back[k]))
            for k in (0, 1)
        ]
        self.square = steps.name(
            "square",
            BESIDE["squared_coupling"]
            * (
                turned[0] * back[1]
                + turned[1] * back[0]
                + BESIDE["squared_noise"] * sp.Mul(turns[0] * turns[1], evaluate=False)
            ),
        )

    def beside(self, value: sp.Expr) -> list[sp.Expr]:
        """What ``x`` adds to what the diagonal is multiplied by, and alone."""
        return [*(value * part for part in self.mixed), self.square * value**2]

    def of(self, first: sp.Expr, second: sp.Expr, beside: Sequence[sp.Expr]) -> sp.Expr:
        """``F`` of a diagonal and of what is beside it."""
        own, both, other = self.diagonal
        return (
            first * (own * first + both * second + beside[0])
            + second * (other * second + beside[1])
            + beside[2]
        )


def _joint_term(drift: RepresentativeDrift) -> ScalarFunction:
    left, right, steps = _Solved("p"), _Solved("q"), Steps()
    p, q = left.block, right.block
    forward, backward = coloured(p, q), coloured(q, p)
    sums = {p.first + q.first: "firsts", p.second + q.second: "seconds"} | {
        p.first * q.determinant + q.first * p.determinant: "crossed_1",
        p.second * q.determinant + q.second * p.determinant: "crossed_2",
    }
    names = {expression: steps.name(name, expression) for expression, name in sums.items()}
    firsts, seconds, *_ = names.values()
    scales = [steps.name(f"scale_{k + 1}", forward.scales[k]) for k in (0, 1)]
    ahead, behind = (
        [steps.name(f"{name}_{k + 1}", found.weights[k, k].subs(names)) for k in (0, 1)]
        for name, found in (("ahead", forward), ("behind", backward))
    )
    # The sum of both solutions is 2.
    resultant = steps.name("resultant", scales[0] * ahead[0] + scales[1] * behind[0])
    inverse = steps.name("inverse", 1 / resultant)
    turns = [steps.name(f"turn_{k + 1}", inverse * scales[k]) for k in (0, 1)]
    both = steps.name("both", turns[0] * scales[1])
    form = _Form(steps, left, right, turns)
    difference = steps.name("difference", p.determinant - q.determinant)
    outer = steps.entries("outer", sp.Matrix([form.beside(difference)]))
    still = form.beside(steps.name("traces", firsts + seconds))
    areas = []
    for name, diagonal, beside in (
        ("forward", [turns[k] * ahead[k] for k in (0, 1)], [-outer[0], -outer[1], outer[2]]),
        ("backward", [turns[1 - k] * behind[k] for k in (0, 1)], outer),
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
        (*left.arguments, *right.arguments, *BESIDE_ARGUMENTS),
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
        (*left.arguments, *right.arguments, *BESIDE_ARGUMENTS),
        {"area": sp.Mul(_joint_factor(drift) / 4, sum(areas), evaluate=False)},
    )


def _own_term(drift: RepresentativeDrift) -> ScalarFunction:
    solved, steps, pair = _Solved("q"), Steps(), drift.own_term.couplings[0].right
    block = solved.block
    curvature = steps.name("curvature", drift.diagonal_block.hessian[0])
    noise = steps.name("noise", _own_noise(drift) / 2)
    # The rows of the block (j, i) are those of (i, j) exchanged: (1 1) H, without differences.
    bare = {
        sp.factor(pair.hessian[k, k] - GAMMA): found
        for k, found in zip((1, 0), solved.bare, strict=True)
    }
    kept = sp.Matrix(
        [[sp.factor(pair.hessian[k, k] + pair.hessian[0, 1]).xreplace(bare) for k in (1, 0)]]
    )
    shifted = shifted_determinant(curvature, block)
    row = coloured_row(curvature, block, kept) * shifted / 2
    column = coloured_column(curvature, block) * shifted / (2 * curvature)
    inverse = steps.name("inverse", 1 / sp.horner(shifted, curvature))
    moved = {block.coupling + curvature: steps.name("moved", block.coupling + curvature)}
    row = steps.entries("forward", inverse * row)
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
    return (*axis_arguments("i"), *solved.arguments, *BESIDE_ARGUMENTS, WEIGHT_DECAY)


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
