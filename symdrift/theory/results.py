"""Results for this study: the general results in its symbols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from symdrift.algebra.forms import Simplified, simplify_by, substitute
from symdrift.algebra.rational import is_zero
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import I_INDEX, J_INDEX, RANK, SYNAPTIC_NOISE
from symdrift.evaluation.next_order.cost import expected_duration
from symdrift.progress import log_stage
from symdrift.theory.block_invariants import blocks_of_study, with_index
from symdrift.theory.examples import Examples
from symdrift.theory.linear.limits import (
    isotropic_diffusion,
    isotropic_extras,
    unmatched,
)
from symdrift.theory.linear.points import Direction
from symdrift.theory.linear.propagator import decay_matrix
from symdrift.theory.representation import RATE
from symdrift.theory.special_cases import grouped_isotropic
from symdrift.theory.study_terms import (
    WRITTEN_TERMS,
    diffusion_tensor,
    distinct_terms,
    explicit_minimum,
    in_study_symbols,
)
from symdrift.theory.subject import Subject

WEIGHT = 6e-4
"""Seconds that the gradient of one weight takes, on one core of a desktop computer."""

SYNAPTIC_VARIANCE, SILENT_VARIANCE, SYNAPTIC_DECAY, SILENT_UNITS = sp.symbols(
    "synaptic_variance silent_variance synaptic_decay silent_units", positive=True
)

LATEX: dict[sp.Basic, str] = {
    SYNAPTIC_VARIANCE: r"V^{\varsigma}_{ij}",
    SILENT_VARIANCE: r"V^{\varsigma}_{i0}",
    SYNAPTIC_DECAY: r"\Delta^{\varsigma}_{i}",
    SILENT_UNITS: "(p - r)",
}

MEANINGS = (
    (SYNAPTIC_VARIANCE, "what the noise of synapses adds to a covariance", "rad^2 per step"),
    (SILENT_VARIANCE, "what turns axis i into a silent hidden unit", "rad^2 per step"),
    (SYNAPTIC_DECAY, "what both add to the decay", "per step"),
    (SILENT_UNITS, "number of silent hidden units", "scalar"),
)


def results(examples: Examples, subject: Subject) -> Iterator[Step]:
    """Singular values and diffusion tensor of the study."""
    if subject.symbolic_size:
        yield _isotropic(examples, subject)
    else:
        weights = 2 * len(subject.directions) ** 2
        if foreseen := expected_duration(WEIGHT * weights):
            log_stage(f"checking the gradient in {weights} weights{foreseen}")
        yield _study_minimum(subject)
        if len(subject.active) > 1:
            yield diffusion_tensor(examples, subject)
            yield blocks_of_study(examples, subject, distinct_terms(subject)[:WRITTEN_TERMS])


def synaptic_results(subject: Subject) -> Iterator[Step]:
    """What noise of the synapses adds to the results of an aligned study."""
    yield _study_synaptic(subject)


def _study_synaptic(subject: Subject) -> Step:
    """What the synapses add

    The noise of the synapses of this study adds [eq:study-direct] to the variance [eq:total]
    of every plane of active axes.<leaks> The decay of the representation along the axis {i}
    grows by [eq:study-leak], where {silent} is the number of silent hidden units; the sum runs
    over the active axes and contains the axis itself, which the term with the minus sign takes
    back. The kernels evaluate the part of the gradients.
    """
    values = sp.IndexedBase("s")
    count = subject.hidden - subject.rank
    direct = SYNAPTIC_NOISE**2 / (
        2 * (symbol("singular_value", "i") + symbol("singular_value", "j"))
    )
    silent = SYNAPTIC_NOISE**2 / (2 * symbol("singular_value", "i"))
    others = sp.Sum(
        SYNAPTIC_NOISE**2 / (4 * (values[I_INDEX] + values[J_INDEX])), (J_INDEX, 1, RANK)
    )
    added = (
        others
        - SYNAPTIC_NOISE**2 / (8 * values[I_INDEX])
        + SILENT_UNITS * SYNAPTIC_NOISE**2 / (4 * values[I_INDEX])
    )
    leaks = (
        ""
        if count == 0
        else " A plane of the axis {i} and a silent hidden unit has [eq:study-silent]."
    )

    def summed() -> Iterator[tuple[sp.Expr, sp.Expr]]:
        """Decay matrix of three active axes and two silent units, plane by plane."""
        s = sp.symbols("s_1:4", positive=True)
        size = [*s, sp.Integer(0), sp.Integer(0)]
        variances = {
            (a, b): SYNAPTIC_NOISE**2 / (2 * (size[a] + size[b]))
            for a in range(3)
            for b in range(a + 1, 5)
        }
        decay = decay_matrix(variances, 5)
        for a in range(3):
            learned = sum(SYNAPTIC_NOISE**2 / (4 * (s[a] + other)) for other in s)
            silent = 2 * SYNAPTIC_NOISE**2 / (4 * s[a])
            yield decay[a, a], learned - SYNAPTIC_NOISE**2 / (8 * s[a]) + silent

    return step(
        study_direct=(SYNAPTIC_VARIANCE, direct),
        study_silent=(SILENT_VARIANCE, silent) if count != 0 else None,
        study_leak=(SYNAPTIC_DECAY, added),
        symbols={"silent": SILENT_UNITS},
        words={"leaks": leaks},
        checks=(
            vanishes(
                "For three active axes and two silent units the decay matrix of [eq:synaptic], "
                "plane by plane, has [eq:study-leak] on its diagonal.",
                *summed(),
            ),
        ),
    )


def _isotropic(examples: Examples, subject: Subject) -> Step:
    """Diffusion and decay rate

    <given> Its axes are alike, so that any orthonormal basis will do for them.<learned> Here every
    singular value is [eq:study-value] and every plane diffuses with [eq:study-diffusion]; as the
    planes through an axis are equally many for all, the representation of every stimulus<seen>
    loses its autocorrelation at the rate [eq:study-rate].<others><called>
    """
    (axis,) = subject.directions
    value, diffusion = symbol("singular_value"), symbol("diffusion_tensor")
    undecided = isinstance(subject.rank, sp.Min)
    rank = RANK if undecided else subject.rank
    drift = examples.representative
    grouped = [
        grouped_isotropic(part).expression
        for part in (isotropic_diffusion(drift), *isotropic_extras(drift))
    ]

    def parts(rank: sp.Expr) -> list[Simplified]:
        """What learned axes make, and what an input and an output without partner add."""
        names = {
            symbol("input_variance"): axis.input_variance,
            symbol("label_noise"): sp.sqrt(axis.label_noise),
            symbol("gain"): axis.gain,
            INPUTS: rank,
        }
        in_symbols = substitute("the symbols of the study", names | in_study_symbols(subject))
        return [simplify_by(part, in_symbols) for part in grouped]

    def total(rank: sp.Expr, inputs: sp.Expr, outputs: sp.Expr) -> sp.Expr:
        learned, by_input, by_output = (part.expression for part in parts(rank))
        return learned + (inputs - rank) * by_input + (outputs - rank) * by_output

    unseen, unasked = unmatched(axis)
    given, given_symbols = _given(subject)

    def summed(inputs: int, outputs: int) -> bool:
        """Three learned axes and what else the network has, term by term, at a point."""
        axes = (*[axis] * 3, *[unseen] * (inputs - 3), *[unasked] * (outputs - 3))
        pairwise = drift.rotation_variance(axes, 0, 1).xreplace(in_study_symbols(subject))
        explicit = total(*map(sp.Integer, (3, inputs, outputs))).xreplace(
            {value: axis.singular_value}
        )
        symbols = sorted(pairwise.free_symbols | explicit.free_symbols, key=lambda s: s.name)
        point = {item: sp.Rational(k + 3, 2 * k + 2) for k, item in enumerate(symbols)}
        half = pairwise / (2 * subject.batch**2)
        return is_zero(half.xreplace(point) - explicit.xreplace(point))

    inputs_left, outputs_left = subject.inputs - rank, subject.outputs - rank
    larger = subject.inputs if rank == subject.outputs else subject.outputs
    needed = [sp.Ge(subject.hidden, rank), *([] if undecided else [sp.Ge(larger, rank)])]
    sizes = [condition for condition in needed if condition.is_Relational]
    return step(
        study_rank=(RANK, subject.rank) if undecided else None,
        study_value=(value, axis.singular_value),
        study_diffusion=(diffusion, total(rank, subject.inputs, subject.outputs)),
        study_rate=(RATE, (rank - 1) * diffusion),
        symbols={
            **subject.inline,
            **given_symbols,
            "rank": rank,
            "inputs_left": inputs_left,
            "outputs_left": outputs_left,
            "sizes": sp.And(*sizes),
        },
        words={
            "given": given,
            "learned": _all_learned(subject, undecided),
            "seen": "" if inputs_left == 0 else " on learned axes",
            "others": _beyond_the_learned(inputs_left, outputs_left),
            "called": subject.called,
        },
        identifier="study",
        checks=(
            holds(
                "For three axes half the sum over representative indices, in the symbols of the "
                "study, equals [eq:study-diffusion].",
                Method.POINTS,
                lambda: summed(3, 3),
            ),
            *(
                [
                    holds(
                        "So it does for three learned axes, with two further inputs and with two "
                        "further outputs.",
                        Method.POINTS,
                        lambda: summed(5, 3) and summed(3, 5),
                    )
                ]
                if inputs_left != 0 or outputs_left != 0
                else []
            ),
        ),
        assumptions=(
            "The weight decay is smaller than input variance times gain.",
            *(["The sizes satisfy {sizes}."] if sizes else []),
        ),
        simplified=parts(rank),
    )


def _all_learned(subject: Subject, undecided: bool) -> str:
    """Sentences about how many axes are learned, where these are not all."""
    if subject.inputs == subject.outputs == subject.hidden:
        return ""
    text = (
        " As many are learned as there are inputs with an output of their own, "
        f"{'[eq:study-rank]' if undecided else '{rank}'}."
    )
    if subject.hidden != subject.rank and not subject.synaptic_noise:
        text += " Hidden units beyond these stay silent."
    if subject.rank == 1 and not subject.silent_units_drift:
        text += " One hidden axis has no other to rotate into: nothing can drift in this study."
    return text


def _beyond_the_learned(inputs_left: sp.Expr, outputs_left: sp.Expr) -> str:
    """Sentences about inputs without output and outputs without input."""
    text = ""
    if inputs_left != 0:
        text += (
            " The term with the factor {inputs_left} comes from the inputs that no output asks "
            "for: the error of a learned output correlates with them by chance."
        )
    if outputs_left != 0:
        text += (
            " The term with the factor {outputs_left} comes from the outputs without an input of "
            "their own, which add label noise alone."
        )
    return text


def _study_minimum(subject: Subject) -> Step:
    """Singular values

    <given> <active><left_out><called>
    """
    explicit, _ = explicit_minimum(subject)
    given, given_symbols = _given(subject)
    values: dict[sp.Expr, int] = {}
    for k in subject.active:
        values.setdefault(subject.directions[k].singular_value, k + 1)
    inactive = [d for d in subject.directions if not d.active]
    active_axes = {k: subject.directions[k] for k in subject.active}
    pulls = {k: d.input_variance * d.gain for k, d in active_axes.items()}
    # Axes whose numbers differ in their index alone are told once.
    of_any_axis = {
        (with_index(d.singular_value, k + 1, "i"), with_index(pulls[k], k + 1, "i"))
        for k, d in active_axes.items()
    }
    alike = len(values) > 1 and len(of_any_axis) == 1
    (value, pull), *_ = of_any_axis
    condition = [
        sp.Gt(product, subject.weight_decay, evaluate=False)
        for product in ([pull] if alike else pulls.values())
    ]
    first, *others = (f"[eq:study-value-{k}]" for k in values.values())
    shown = "[eq:study-value]" if alike else f"{first} to {others[-1]}" if others else first
    if len(subject.active) == 1:
        active = (
            f"One axis of this study is active, that of input {subject.active[0] + 1}. Its "
            "singular value follows from [eq:singular-value]."
        )
        if not subject.silent_units_drift:
            active += (
                " One hidden axis has no other to rotate into: nothing can drift in this study, "
                "and every rate of drift is zero."
            )
    else:
        active = (
            "The active axes of this study, in the order of the axes of its inputs, are {axes}. "
            f"The singular values of active axes are {shown}, by [eq:singular-value]."
        )
        if not alike and len(values) < len(subject.active):
            active += " Axes that are not listed repeat one that is."
        active += (
            " Indices count the axes of the inputs. Hidden axes stand in the order of decreasing "
            "singular value: at the numbers of the study "
        )
        active += (
            "this is the same order."
            if subject.hidden_axes == subject.active
            else "they belong to the axes {hidden}."
        )
    below = "have a smaller loss reduction [eq:reduction]"
    if subject.minimum != 1:
        below = "are learned at a strict minimum of another loss: this one is number {number}"
    rest = f"; axes that are left out are below their threshold or {below}" if inactive else ""
    return step(
        study_value=(
            (symbol("singular_value", "i"), value)
            if alike
            else {k: (symbol("singular_value", k), value) for value, k in values.items()}
        ),
        symbols={
            **subject.inline,
            **given_symbols,
            "axes": sp.Tuple(*(sp.Integer(k + 1) for k in subject.active)),
            "hidden": sp.Tuple(*(sp.Integer(k + 1) for k in subject.hidden_axes)),
            "conditions": sp.And(*dict.fromkeys(condition)),
            "number": subject.minimum,
        },
        words={
            "given": given,
            "active": active,
            "left_out": _left_out(inactive),
            "called": subject.called,
        },
        checks=(
            vanishes(
                "The mean gradient of the network of this study vanishes in every weight at the "
                "canonical point.",
                explicit.mean_gradient.xreplace({GAMMA: subject.weight_decay}),
            ),
        ),
        assumptions=(
            f"These axes are active, {{conditions}}{rest}."
            if all(not c.is_Boolean or c not in (sp.true, sp.false) for c in condition)
            else "The numbers of the study decide which axes are active.",
        ),
    )


def _given(subject: Subject) -> tuple[str, dict[str, sp.Basic]]:
    """A sentence that says what the study puts into the theory, and its inline symbols.

    Sizes, batch, and gain and label noise where one number says them; what is zero has no axis.
    """
    gains = {d.gain for d in subject.directions if d.input_variance != 0}
    noise = {d.label_noise for d in subject.directions}
    symbols: dict[str, sp.Basic] = {
        "given_inputs": subject.inputs,
        "given_outputs": subject.outputs,
        "given_hidden": subject.hidden,
        "given_batch": subject.batch,
        "given_gain": next(iter(gains)),
        "given_noise": sp.sqrt(next(iter(noise))),
    }
    sizes = [
        f"{{given_{plural}}} {noun if symbols[f'given_{plural}'] == 1 else noun + 's'}"
        for plural, noun in (("inputs", "input"), ("outputs", "output"), ("hidden", "hidden unit"))
    ]
    samples = "one sample" if subject.batch == 1 else "{given_batch} samples"
    told = ["the gain of every axis is {given_gain}"] if len(gains) == 1 else []
    if noise == {sp.Integer(0)}:
        told.append("there is no label noise")
    elif len(noise) == 1:
        told.append("the label noise of every output is {given_noise}")
    given = f"This study has {sizes[0]}, {sizes[1]} and {sizes[2]}, with {samples} in each step"
    return "; ".join([given, *([", and ".join(told)] if told else [])]) + ".", symbols


def _left_out(directions: Sequence[Direction]) -> str:
    """Sentences about the axes that are not learned, for each reason."""
    without_input = [d for d in directions if d.input_variance == 0]
    without_gain = [d for d in directions if d.input_variance != 0 and d.gain == 0]
    below = len(directions) - len(without_input) - len(without_gain)
    text = ""
    if below:
        axes = "One axis is" if below == 1 else f"{below} axes are"
        own = "its whole gain" if below == 1 else "their whole gains"
        text += f" {axes} left out and keep{'s' if below == 1 else ''} {own} as residual."
    if without_gain:
        axes = "One input" if len(without_gain) == 1 else f"{len(without_gain)} inputs"
        text += f" {axes} that no output asks for, with a gain of 0, can only add noise."
    if without_input:
        one = len(without_input) == 1
        axes, own = ("One output", "its") if one else (f"{len(without_input)} outputs", "their")
        text += (
            f" {axes} without an input of {own} own, with a gain of 0, can only add label noise."
        )
    return text
