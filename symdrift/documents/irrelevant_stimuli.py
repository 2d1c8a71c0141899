"""``docs/irrelevant_stimuli.md``: what irrelevant inputs add to the drift of each rule.

``python -m symdrift.documents.irrelevant_stimuli`` writes the page and its figure again; with
``--simulate`` the simulations beside it too, which takes about a minute.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from matplotlib.figure import Figure

from symdrift.algebra.rational import factor, leading_term
from symdrift.derivation.symbols import GAMMA, latex_names
from symdrift.errors import CheckFailed
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.figures.irrelevant_axes import RuleCurves, caption, draw
from symdrift.figures.style import save
from symdrift.files import write_text
from symdrift.study import Study
from symdrift.study.problem import Array
from symdrift.study.reader import study_from_document
from symdrift.theory.irrelevant_inputs import RULES, VARIANCE, EqualAxes
from symdrift.theory.rules.shipped_rules import TAU
from symdrift.theory.special_cases import IRRELEVANT_VARIANCE
from symdrift.typesetting.printer import TheoryPrinter

FOLDER = Path(__file__).parents[2] / "docs"
NAME = "irrelevant_stimuli"

DECAY = sp.Rational(1, 10)
SHOWN = tuple(sp.Rational(k, 100) for k in (1, 10, 25, 50, 75, 90))
SIMULATED = sp.S.Half
INPUTS, HIDDEN, MOST_INPUTS = 4, 2, 8
"""Inputs and hidden units beside simulations, and inputs where hidden units are varied."""

SUPERVISED = tuple(name for name in RULES if "supervised" in name)

PRECISION, SEED, RATE = 0.02, 1, 0.005


@dataclass(frozen=True)
class Case:
    """A rule with numbers for its parameters.

    Attributes
    ----------
    name : str
    rule : str
        A name in `RULES`.
    learning : Mapping
        What a study of it has in ``[learning]`` beside the rate.
    gain : int or None
        Of a teacher on irrelevant inputs; None for rules without a teacher.
    slowness : sympy.Rational
        ``tau``, where the rule has it.
    """

    name: str
    rule: str
    learning: Mapping[str, Any]
    gain: int | None = None
    slowness: sp.Rational = sp.S.One

    @property
    def axes(self) -> EqualAxes:
        return RULES[self.rule]()

    def numbers(self, variance: sp.Rational) -> dict[sp.Symbol, sp.Rational]:
        """Values of all symbols; learned variances are 1."""
        return {
            VARIANCE: sp.S.One, IRRELEVANT_VARIANCE: variance, GAMMA: DECAY, TAU: self.slowness,
        }  # fmt: skip

    @property
    def plane(self) -> str:
        """The first two hidden axes, as a validation names them."""
        return "12"

    def exact(self, variance: sp.Rational) -> EqualAxes:
        """All terms at any weight decay, in numbers."""
        return self.axes.at(self.numbers(variance))

    def rotation(self, variance: sp.Rational, sizes: tuple[int, int] = (INPUTS, HIDDEN)) -> float:
        """``V / eta^3`` of a plane."""
        return float(self.exact(variance).variance(*sizes))

    def small_rotation(self, variance: sp.Rational) -> float:
        """The same of the small form, at the sizes of simulations."""
        return float(self.axes.small.at(self.numbers(variance)).variance(INPUTS, HIDDEN))

    def study(self, variance: sp.Rational, sizes: tuple[int, int] = (INPUTS, HIDDEN)) -> Study:
        """The network of so many inputs and units in each hidden layer."""
        inputs, hidden = sizes
        left_out = inputs - hidden
        layered = self.learning.get("rule") == "deep_linear"
        network = {"inputs": inputs, "hidden": [hidden, hidden] if layered else hidden}
        document: dict[str, Any] = {
            "inputs": {"covariance": [1.0] * hidden + [float(variance)] * left_out},
            "learning": {"rate": RATE, **self.learning},
        }
        if self.gain is not None:
            network["outputs"] = inputs
            document["teacher"] = {"map": [1.0] * hidden + [float(self.gain)] * left_out}
        document["network"] = network
        return study_from_document(document, self.name, FOLDER, Study)


@dataclass(frozen=True)
class HiddenLayer(Case):
    """One of two hidden layers, whose terms have no closed form at any weight decay.

    Attributes
    ----------
    layer : int
    """

    layer: int = 1

    @property
    def plane(self) -> str:
        return f"hidden_{self.layer}.12"

    def exact(self, variance: sp.Rational) -> EqualAxes:
        """What full matrices give: differences of the smallest networks that have a term."""
        turned = partial(_turned, self.gain, self.layer, variance)
        pair, noise = turned(HIDDEN, HIDDEN), RATE**3
        parts = (
            pair,
            turned(HIDDEN + 1, HIDDEN + 1) - pair,
            turned(HIDDEN + 1, HIDDEN) - pair,
            turned(HIDDEN, HIDDEN, noise) - pair,
        )
        return EqualAxes(*map(sp.Float, parts))


@cache
def _turned(
    gain: int,
    layer: int,
    variance: sp.Rational,
    inputs: int,
    hidden: int,
    synaptic_noise: float = 0.0,
) -> float:
    """``V / eta^3`` of a hidden layer in the first plane of three layers."""
    case = next(case for case in LAYERS if case.gain == gain)
    study = case.study(variance, (inputs, hidden))
    study = study.with_values({"learning.synaptic_noise": synaptic_noise})
    drift = evaluate_any_rule(study.learner()).drift
    here = [
        place
        for place, plane in enumerate(drift.planes)
        if (plane.layer, plane.i, plane.j) == (f"hidden_{layer}", 1, 2)
    ]
    return float(drift.covariance[here, here].item()) / RATE**3


_DECAYING = {"weight_decay": float(DECAY)}
CASES = (
    Case("Oja's rule", "Oja's rule", {"rule": "oja"}),
    Case("tied autoencoder", "tied autoencoder", {"rule": "tied_autoencoder", **_DECAYING}),
    Case("similarity matching, τ = 1", "similarity matching",
         {"rule": "similarity_matching", "tau": 1.0}),
    Case("similarity matching, τ = 1/2", "similarity matching",
         {"rule": "similarity_matching", "tau": 0.5}, slowness=sp.S.Half),
    Case("two layers, autoencoder", "two layers, autoencoder", _DECAYING, gain=1),
    Case("two layers, supervised", "two layers, supervised", _DECAYING, gain=0),
)  # fmt: skip
LAYERS = tuple(
    HiddenLayer(
        *2 * (f"three layers, {task}, layer {layer}",),
        {"rule": "deep_linear", **_DECAYING}, gain=gain, layer=layer,
    )
    for task, gain in (("autoencoder", 1), ("supervised", 0))
    for layer in (1, 2)
)  # fmt: skip
"""Of three: numbers at any weight decay, and closed forms at a small one."""


def simulate(cases: Sequence[Case]) -> None:
    """Keep the ratio of simulation and theory of cases at a vanishing learning rate."""
    from symdrift.validation.extrapolate import validate_limit
    from symdrift.validation.validate_rule import validate_rule_limit

    for case in cases:
        study = case.study(SIMULATED)
        result = (
            validate_limit(study.problem(), seed=SEED, precision=PRECISION)
            if study.is_plain
            else validate_rule_limit(study.learner(), seed=SEED, precision=PRECISION)
        )
        (row,) = [row for row in result.rows if row.quantity == f"V[{case.plane}]"]
        if row.ratio is None:
            raise CheckFailed(f"the simulation of {case.name} gives no ratio")
        found = {
            "ratio": float(f"{row.ratio.value:.4g}"),
            "standard_error": float(f"{row.ratio.standard_error:.2g}"),
        }
        write_text(
            FOLDER / f"{NAME}.json", json.dumps(kept() | {case.name: found}, indent=1) + "\n"
        )


def page(simulated: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    parts = [_BEGINNING, _formulas(), _exponents(), _variances(), _hidden_units()]
    return "\n\n".join([*parts, _simulations(simulated), _figure_text(), _synaptic()]) + "\n"


def figure(simulated: Mapping[str, Any]) -> Figure:
    """All panels, with simulations."""
    variances = [sp.Rational(round(1000 * v), 1000) for v in np.geomspace(0.01, 0.9, 25)]
    sizes = range(2, MOST_INPUTS + 1)
    curves = []
    for case in (*CASES, *LAYERS):
        seen = _array(_seen(case, hidden) for hidden in sizes)
        point = simulated[case.name]
        curves.append(
            RuleCurves(
                case.name,
                _array(map(case.rotation, variances)),
                _array(map(case.small_rotation, variances)),
                seen / seen.max(),
                case.small_rotation(SIMULATED) / case.rotation(SIMULATED),
                (point["ratio"], point["standard_error"]),
            )
        )
    return draw(_array(map(float, variances)), np.array(sizes), curves)


def kept() -> dict[str, Any]:
    """The simulations beside the page, by case."""
    path = FOLDER / f"{NAME}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def write() -> list[Path]:
    """Write page and figure of the simulations that are kept."""
    simulated = kept()
    return [
        write_text(FOLDER / f"{NAME}.md", page(simulated)),
        save(figure(simulated), FOLDER / f"{NAME}.svg"),
    ]


_BEGINNING = r"""# Irrelevant inputs

Inputs that a task has no use for are not learned, yet they make what is learned drift. Here all
learned axes of Gaussian inputs have variance $\lambda$, and the $n - p$ others, which no hidden
unit has, a smaller variance $\nu$. The rules are blind to rotations of the $p$ hidden units; in
each plane of two of them the layer turns by a variance per step of

$$V = \eta^3 \left( T_{\text{pair}} + (p - 2)\, T_{\text{third}} + (n - p)\, T_\perp \right),$$

where the first two terms come from the learned axes themselves and $T_\perp$ from each irrelevant
one. All terms are exact at leading order in the learning rate $\eta$, for batches of one sample
without label noise; only those of three layers, where layers 1 and 2 are the hidden ones with $p$
units each, are at leading order in the weight decay $\gamma$ too: of the autoencoder where $\nu$
is larger than it, of the supervised network at any $\nu$. *Small* means the leading order in
$\gamma$ first and in $\nu$ then; these are the forms that are quoted from arXiv:2510.21588, where
it has the rule.

This page is made by `python -m symdrift.documents.irrelevant_stimuli`, and with `--simulate` its
simulations are too, the same to the last digit, which takes 40 seconds of one processor."""


def _formulas() -> str:
    lines = ["## The terms of each rule"]
    for name in RULES:
        axes = RULES[name]()
        small = axes.small
        ratio = factor(leading_term(axes.irrelevant / small.irrelevant, GAMMA)[0])
        own = (
            "The learned axes make no noise: $T_{\\text{pair}} = T_{\\text{third}} = 0$."
            if axes.pair == axes.third == 0
            else f"$$T_{{\\text{{pair}}}} = {_latex(axes.pair)}, \\qquad "
            f"T_{{\\text{{third}}}} = {_latex(axes.third)}$$"
        )
        lines += [
            f"**{name[0].upper()}{name[1:]}.**",
            own,
            f"$$T_\\perp = {_latex(axes.irrelevant)}, \\qquad "
            f"T_\\perp^{{\\text{{small}}}} = {_latex(small.irrelevant)}$$",
            "Exact over small, without weight decay: "
            f"$T_\\perp / T_\\perp^{{\\text{{small}}}} = {_latex(ratio)}$.",
        ]
    two, first, second = (f"${_latex(_lowest(name))}$" for name in SUPERVISED)
    lines.append(
        "For supervised layers the two limits cannot be exchanged: where $\\nu$ is much smaller "
        f"than the weight decay, an irrelevant input adds {two} to two layers, and {first} and "
        f"{second} to the hidden layers of three; the small forms above, linear in $\\nu$, are far "
        "too large. These are the only ones of these rules whose drift by irrelevant inputs "
        "vanishes with the weight decay: their teacher asks for nothing along them, so that they "
        "leave no error."
    )
    return "\n\n".join(lines)


def _lowest(name: str) -> sp.Expr:
    """What an irrelevant input adds at a variance far below the weight decay."""
    coefficient, exponent = leading_term(RULES[name]().irrelevant, IRRELEVANT_VARIANCE)
    return coefficient * IRRELEVANT_VARIANCE**exponent


def exponents(axes: EqualAxes) -> tuple[int | None, int, int]:
    """Powers of small numbers: of the weight decay in the noise of learned axes, where they make
    any; of the weight decay, then of the irrelevant variance in what an irrelevant input adds.
    """
    own = leading_term(axes.pair, GAMMA)[1] if axes.pair else None
    coefficient, decay = leading_term(axes.irrelevant, GAMMA)
    return own, decay, leading_term(coefficient, IRRELEVANT_VARIANCE)[1]


def _exponents() -> str:
    rows = []
    for name in RULES:
        own, *powers = exponents(RULES[name]())
        learned = ("none", "–") if own is None else ("3", str(own))
        rows.append([name, *learned, "3", *map(str, powers), "1"])
    return (
        "## The rules side by side\n\n"
        "Exponents of either noise where first the weight decay and then the irrelevant variance "
        "is small:\n\n"
        + _table(
            ["rule", "learned axes: $\\eta$", "$\\gamma$",
             "irrelevant inputs: $\\eta$", "$\\gamma$", "$\\nu$", "$n - p$"],
            rows,
        )
        + "\n\nA network leaves errors on what it has learned only where weight decay pulls at it, "
        "and their noise turns the layer with the fourth power of the decay. The two matrices of "
        "similarity matching learn at speeds of their own, which turns the layer without any "
        "decay unless $\\tau = 1$. Irrelevant inputs need no decay either, unless a teacher asks "
        "for nothing along them. Without them the "
        "autoencoder of three layers is the supervised network."
    )  # fmt: skip


def _variances() -> str:
    rows = []
    for case in (*CASES, *LAYERS):
        cells = []
        for variance in SHOWN:
            exact, small = case.rotation(variance), case.small_rotation(variance)
            cells.append(f"{exact:.3g} / {small:.3g} = {exact / small:.3g}")
        rows.append([case.name, *cells])
    return (
        "## Against the variance of irrelevant inputs\n\n"
        f"$V / \\eta^3$ (rad²), exact / small = ratio, for {INPUTS} inputs of which {HIDDEN} "
        f"are learned, $\\lambda = 1$, $\\gamma = {_latex(DECAY)}$.\n\n"
        + _table(["rule", *(f"ν = {float(v):g}" for v in SHOWN)], rows)
        + "\n\nThe drift diverges where irrelevant inputs begin to compete for a hidden unit, "
        "$\\nu \\to \\lambda$, except for supervised layers; small forms know nothing of that. "
        "At the smallest $\\nu$ the autoencoders' ratios are those of noise of the learned axes, "
        "of order $\\gamma^4$, which the small forms leave out. Exact of three layers is here and "
        "below what full matrices give at this weight decay; what the ratios of supervised ones "
        "have beyond 1 is mostly its higher orders."
    )


def _simulations(simulated: Mapping[str, Any]) -> str:
    rows = []
    for case in (*CASES, *LAYERS):
        exact, small = case.rotation(SIMULATED), case.small_rotation(SIMULATED)
        ratio, error = (simulated[case.name][key] for key in ("ratio", "standard_error"))
        over = exact / small
        rows.append([
            case.name, f"{exact:.4g}", f"{ratio:.3f} ± {error:.3f}",
            f"{ratio * over:.3f} ± {error * over:.3f}",
        ])  # fmt: skip
    return (
        "## Beside simulations\n\n"
        f"The same networks at $\\nu = {_latex(SIMULATED)}$, simulated at several learning rates; "
        "ratios are extrapolated to a vanishing one and have one standard error.\n\n"
        + _table(
            ["rule", "exact $V/\\eta^3$ (rad²)", "simulation / exact", "simulation / small"], rows
        )
    )


def _hidden_units() -> str:
    sizes = range(2, MOST_INPUTS + 1)
    rows = [
        [case.name, *(f"{_seen(case, hidden):.3g}" for hidden in sizes)]
        for case in (*CASES, *LAYERS)
    ]
    return (
        "## Against the number of hidden units\n\n"
        "A stimulus along a learned axis turns in $p - 1$ planes, and its direction in the "
        f"hidden layer diffuses by $(p - 1) V / 2$. With {MOST_INPUTS} inputs, "
        f"$\\nu = {_latex(SIMULATED)}$ and other numbers as above, $(p - 1) V / 2 \\eta^3$ (rad²) "
        "is\n\n"
        + _table(["rule", *(f"p = {p}" for p in sizes)], rows)
        + "\n\nWhere only irrelevant inputs make noise it is proportional to $(p - 1)(n - p)$: not "
        "monotone in $p$, largest in the middle, and zero at $p = n$, where nothing is left out. "
        "What autoencoders keep there is of order $\\gamma^4$; "
        "similarity matching with $\\tau \\neq 1$ and supervised layers have noise of their own, "
        "which grows with $p$."
    )


def _figure_text() -> str:
    beside = f"{INPUTS} inputs and {HIDDEN} hidden units"
    numbers = f"{float(SIMULATED):g}", f"{float(DECAY):g}"
    text = caption(beside, MOST_INPUTS, *numbers)
    return f"![Drift against irrelevant inputs]({NAME}.svg)\n\n*{text}*"


def _synaptic() -> str:
    lines, rows = [], []
    for name in RULES:
        lines.append(f"| {name} | ${_latex(RULES[name]().synaptic)}$ |")
    for case in (*CASES, *LAYERS):
        direct = float(case.exact(SIMULATED).synaptic)
        few, many = (
            case.rotation(SIMULATED, sizes=(inputs, HIDDEN)) for inputs in (HIDDEN, MOST_INPUTS)
        )
        rows.append([
            case.name, f"{direct:.3g}", f"{few:.3g}", f"{many:.3g}",
            f"{RATE**3 * many / direct:.2g}",
        ])  # fmt: skip
    return (
        "## Learning noise and synaptic noise\n\n"
        "Noise of variance $\\varsigma^2$ on every weight at each step has a part along the "
        "orbit and turns the layer directly. The variance of the rotation per step is the squared "
        "length of the left null vector that reads it, times $\\varsigma^2$, for three layers at "
        "leading order in the weight decay:\n\n"
        "| rule | $V / \\varsigma^2$ |\n| --- | --- |\n"
        + "\n".join(lines)
        + "\n\nNeither the number of irrelevant inputs nor their variance is in it, nor is the "
        "learning rate. Learning noise turns the layer in no single step: the layer turns by the "
        "area that its own fluctuation sweeps, which is of order $\\eta^3$ and grows with every "
        "irrelevant input. So irrelevant inputs tell the two apart. Without any and with "
        f"{MOST_INPUTS - HIDDEN} of them, at $\\nu = {_latex(SIMULATED)}$, $p = {HIDDEN}$ and "
        "other numbers as above:\n\n"
        + _table(
            ["rule", "synaptic $V/\\varsigma^2$", f"learning $V/\\eta^3$, n = {HIDDEN}",
             f"learning $V/\\eta^3$, n = {MOST_INPUTS}",
             f"equal at $\\varsigma^2$ =, n = {MOST_INPUTS}, $\\eta$ = {RATE:g}"],
            rows,
        )
        + "\n\nThe last column is the synaptic noise at which both are as large; it grows with "
        "the third power of the learning rate. Of a network that has nothing but what it learns, "
        "Oja's rule and similarity matching with $\\tau = 1$ drift by synaptic noise alone."
    )  # fmt: skip


def _seen(case: Case, hidden: int) -> float:
    """``(p - 1) V / (2 eta^3)`` of `MOST_INPUTS` inputs."""
    return (hidden - 1) / 2 * case.rotation(SIMULATED, sizes=(MOST_INPUTS, hidden))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _latex(expression: sp.Expr) -> str:
    names = latex_names({}, [GAMMA, VARIANCE]) | {IRRELEVANT_VARIANCE: r"\nu", TAU: r"\tau"}
    return TheoryPrinter(names, (GAMMA,)).doprint(sp.sympify(expression)).latex


def _array(values: Iterable[float]) -> Array:
    return np.array(list(values), dtype=np.float64)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog=f"python -m symdrift.documents.{NAME}",
        description=f"Write docs/{NAME}.md and its figure again.",
    )
    parser.add_argument(
        "--simulate", nargs="*", metavar="RULE", choices=[case.name for case in (*CASES, *LAYERS)],
        help="simulate these again first, all where none is named; takes a minute",
    )  # fmt: skip
    asked = parser.parse_args().simulate
    if asked is not None:
        simulate([case for case in (*CASES, *LAYERS) if not asked or case.name in asked])
    for path in write():
        print(path)
