"""Derivatives of the formulas by their arguments, accumulated backwards through their steps.

What a function assigns is differentiated line by line: the derivative by a quantity is the sum over
the lines that use it, so that all derivatives together cost a few times what the formula costs,
however many arguments there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdrift.derivation.symbols import symbol
from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.area_terms import (
    CLOSENESS,
    GAP,
    MISSED,
    SLACK,
    WEIGHT_DECAY,
    axis_arguments,
    residual_argument,
)
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift
from symdrift.theory.linear.points import active_direction


def gradient(function: ScalarFunction) -> ScalarFunction:
    """The result of a function, followed by its derivatives by each of its arguments.

    Parameters
    ----------
    function : ScalarFunction
        With one result.
    """
    (result,) = function.results
    steps = _steps(function)
    shares: dict[sp.Symbol, list[sp.Expr]] = defaultdict(list)
    shares[_named(result)].append(sp.Integer(1))
    backwards: dict[sp.Symbol, sp.Expr] = {}
    for name, expression in reversed(steps.items()):
        share = sp.Add(*shares.pop(name, ()))
        if not (share.is_Number or share.is_Symbol):
            backwards[_named(f"by_{name}")] = share
            share = _named(f"by_{name}")
        for part in sorted(expression.free_symbols, key=str):
            shares[part].append(share * _partial(name, expression, part))
    return replace(
        function,
        name=f"{function.name}_gradient",
        summary=f"{function.summary[:-1]}, and its derivatives.",
        results={result: _named(result)}
        | {
            f"by_{argument.name}": sp.Add(*shares[_named(argument.name)])
            for argument in function.arguments
        },
        arguments=tuple(Argument(_named(each.name), each.name) for each in function.arguments),
        intermediates=steps | backwards,
    )


def gradient_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """Derivatives of what the numbers of an aligned network are made of."""
    known = {function.name: function for function in aligned_kernels(drift)}
    kept = ("_residual", "_loss", "_batch_share", "_excess_loss", "_diffusion")
    functions = (
        *_learned(),
        *(known[name] for name in kept),
        *_fluctuations(known),
        _own_area(known),
        _joint_area(known),
        known["_squared_component"],
    )
    return tuple(map(gradient, functions))


def _named(name: str) -> sp.Symbol:
    return sp.Symbol(name, positive=True)


def _steps(
    function: ScalarFunction, suffix: str = "", arguments: Mapping[str, sp.Expr] | None = None
) -> dict[sp.Symbol, sp.Expr]:
    """What a function assigns, in order; its names with a suffix, its arguments as others."""
    names: dict[str, sp.Expr] = {each.name: _named(each.name) for each in function.arguments}
    names |= arguments or {}
    steps = {}
    for name, expression in function.statements():
        known = {part: names[part.name] for part in expression.free_symbols}
        names[name] = _named(name + suffix)
        steps[names[name]] = expression.xreplace(known)
    return steps


def _partial(name: sp.Symbol, expression: sp.Expr, part: sp.Symbol) -> sp.Expr:
    """Derivative of a named expression; by a divisor it is what the name stands for, divided."""
    power = expression.as_powers_dict().get(part, sp.Integer(0))
    if power.is_negative and not (expression / part**power).has(part):
        return power * name / part
    return sp.diff(expression, part)


def _learned() -> tuple[ScalarFunction, ...]:
    """What a direction learns, and how far below its threshold another one is."""
    variance, gain = symbol("input_variance"), symbol("gain")
    arguments = (Argument(variance, "variance"), Argument(gain, "gain"), WEIGHT_DECAY)
    value = gain - active_direction("").residual
    return (
        ScalarFunction(
            "_learned_value",
            "Singular value of an active direction.",
            f"s = {value}",
            arguments,
            {"singular_value": value},
        ),
        ScalarFunction(
            "_slack",
            "What a direction lacks to be worth learning.",
            "gamma - lambda a",
            arguments,
            {"slack": sp.expand(-variance * value)},
        ),
    )


def _fluctuations(known: Mapping[str, ScalarFunction]) -> tuple[ScalarFunction, ...]:
    """Sums over a block; the second direction counts where its mirror image is no block."""
    mirrored = sp.Symbol("mirrored", real=True)
    own, pair = known["_own_fluctuation"], known["_pair_fluctuation"]
    functions = []
    for what in ("variance", "noise"):
        steps = _steps(pair)
        total = _named(f"{what}_il") + mirrored * _named(f"{what}_li")
        called = "Fluctuation" if what == "variance" else "Gradient noise"
        functions += [
            replace(
                own,
                name=f"_own_{what}",
                summary=f"{called} of the direction (i, i), per eta and for B = 1.",
                results={what: own.results[f"{what}_ii"]},
            ),
            replace(
                pair,
                name=f"_pair_{what}",
                summary=f"{called} of the block (i, l), per eta and for B = 1.",
                arguments=(
                    *(Argument(_named(each.name), each.name) for each in pair.arguments),
                    Argument(mirrored, "mirrored"),
                ),
                results={what: total},
                intermediates=_needed(steps, total),
            ),
        ]
    return tuple(functions)


def _needed(steps: Mapping[sp.Symbol, sp.Expr], result: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    """Those of the steps on which a result rests."""
    needed, kept = set(result.free_symbols), {}
    for name, expression in reversed(list(steps.items())):
        if name in needed:
            needed |= expression.free_symbols
            kept[name] = expression
    return dict(reversed(kept.items()))


def _row(index: str) -> tuple[Argument, ...]:
    return (*axis_arguments(index), residual_argument(index))


def _joint_area(known: Mapping[str, ScalarFunction]) -> ScalarFunction:
    """The term of the directions i, j and l, with the blocks that it takes."""
    block, joint, beside = known["_solved_block"], known["_joint_term"], known["_beside_blocks"]
    swapped = {each.name: _named(new.name) for each, new in zip(_row("i"), _row("j"), strict=True)}
    gaps = [Argument(_named(name), name) for name in ("gap_i", "gap_j")]
    of_i, of_j = ({GAP.name: gap.value} for gap in gaps)
    return replace(
        joint,
        name="_joint_area",
        summary="What the direction l adds to the swept area of (i, j).",
        arguments=(*_row("i"), *_row("j"), *_row("l"), *CLOSENESS[:2], *gaps, WEIGHT_DECAY),
        intermediates=_needed(
            _steps(beside)
            | _steps(block, "_p", of_i)
            | _steps(block, "_q", swapped | of_j)
            | _steps(joint),
            _named("area"),
        ),
        results={"area": _named("area")},
    )


def _own_area(known: Mapping[str, ScalarFunction]) -> ScalarFunction:
    """The term of the directions i and j alone, with the block that it takes."""
    block, own, beside = known["_solved_block"], known["_own_term"], known["_beside_blocks"]
    moved = {
        each.name: _named(new.name)
        for index, other in ("ij", "li")
        for each, new in zip(_row(index), _row(other), strict=True)
    }
    variance, _, value = (_named(each.name) for each in axis_arguments("j"))
    moved |= {SLACK.name: sp.Integer(0), MISSED.name: sp.Integer(0), GAP.name: variance * value**2}
    steps = _steps(beside, "", moved) | _steps(block, "_q", moved) | _steps(own)
    return replace(
        own,
        name="_own_area",
        summary="What the direction (i, i) adds to the swept area of (i, j).",
        arguments=(*_row("i"), *_row("j"), WEIGHT_DECAY),
        intermediates=_needed(steps, _named("area")),
        results={"area": _named("area")},
    )
