"""Results for this study: the general results in its symbols."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import sympy as sp

from symdrift.algebra.forms import Simplified, simplify_by, substitute
from symdrift.algebra.rational import RationalField, is_zero, replaced
from symdrift.derivation.chapter import Folded, Test, holds, step, vanishes
from symdrift.derivation.steps import Method, Sides, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import I_INDEX, J_INDEX, RANK, SYNAPTIC_NOISE
from symdrift.evaluation.next_order.cost import expected_duration
from symdrift.progress import log_stage
from symdrift.theory.block_invariants import blocks_of_study, counted
from symdrift.theory.block_solutions import term
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import counterparts
from symdrift.theory.linear.limits import (
    isotropic_diffusion,
    isotropic_extras,
    other_term,
    own_term,
    unmatched,
)
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import AlignedMinimum, Direction
from symdrift.theory.linear.propagator import decay_matrix
from symdrift.theory.special_cases import grouped_isotropic
from symdrift.theory.subject import Subject

EXPLICIT_AXES = 4
"""Largest number of axes for which the study is checked with full matrices."""
WRITTEN_PLANES, WRITTEN_AXES = 15, 10
"""Most planes, and most terms of one, that are added up in print."""
WRITTEN_TERMS = 100
"""Most terms of planes and axes that are looked at, one by one."""
WEIGHT = 6e-4
"""Seconds that the gradient of one weight takes, on one core of a desktop computer."""
READ_TERMS = 12
"""Longest sum in a term that a reader is shown."""
EXPANDED_TERMS = 200
"""Longest sum in a term that is written out at all, to be unfolded and copied."""
EXPANDED_SYMBOLS = 6
"""Most symbols that a formula may have to be written out."""

Place = tuple[tuple[int, int], int]
"""A plane and the axis of a term."""

SYNAPTIC_VARIANCE, SILENT_VARIANCE, SYNAPTIC_DECAY, SILENT_UNITS = sp.symbols(
    "synaptic_variance silent_variance synaptic_decay silent_units", positive=True
)

LATEX: dict[sp.Basic, str] = {
    SYNAPTIC_VARIANCE: r"V^{\varsigma}_{ij}",
    SILENT_VARIANCE: r"V^{\varsigma}_{i0}",
    SYNAPTIC_DECAY: r"\Delta^{\varsigma}_{i}",
    SILENT_UNITS: "(p - r)",
}


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
            yield _drift(examples, subject)
            yield blocks_of_study(examples, subject, _distinct_terms(subject)[:WRITTEN_TERMS])


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

    def summed() -> bool:
        """Decay matrix of three active axes and two silent units, plane by plane."""
        s = sp.symbols("s_1:4", positive=True)
        size = [*s, sp.Integer(0), sp.Integer(0)]
        variances = {
            (a, b): SYNAPTIC_NOISE**2 / (2 * (size[a] + size[b]))
            for a in range(3)
            for b in range(a + 1, 5)
        }
        decay = decay_matrix(variances, 5)
        return all(
            is_zero(
                decay[a, a]
                - sum(SYNAPTIC_NOISE**2 / (4 * (s[a] + other)) for other in s)
                + SYNAPTIC_NOISE**2 / (8 * s[a])
                - 2 * SYNAPTIC_NOISE**2 / (4 * s[a])
            )
            for a in range(3)
        )

    return step(
        study_direct=(SYNAPTIC_VARIANCE, direct),
        study_silent=(SILENT_VARIANCE, silent) if count != 0 else None,
        study_leak=(SYNAPTIC_DECAY, added),
        symbols={"silent": SILENT_UNITS},
        words={"leaks": leaks},
        checks=(
            holds(
                "For three active axes and two silent units the decay matrix of [eq:synaptic], "
                "plane by plane, has [eq:study-leak] on its diagonal.",
                Method.IDENTITY,
                summed,
            ),
        ),
    )


def in_study_symbols(subject: Subject) -> dict[sp.Symbol, sp.Expr]:
    """What stands for the global symbols in the study."""
    return {GAMMA: subject.weight_decay, ETA: subject.learning_rate, BATCH: subject.batch}


def _isotropic(examples: Examples, subject: Subject) -> Step:
    """Diffusion and decay rate

    All axes of this study are alike.<learned> Every singular value is [eq:study-value], every
    plane diffuses with [eq:study-diffusion], and the representation of every stimulus<seen>
    loses its autocorrelation at the rate [eq:study-rate], the sum over the planes through its
    axis.<others><called>
    """
    (axis,) = subject.directions
    value, diffusion, decay = (
        symbol(role) for role in ("singular_value", "diffusion_tensor", "decay")
    )
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
        study_rate=(decay, (rank - 1) * diffusion),
        symbols={
            **subject.inline,
            "rank": rank,
            "inputs_left": inputs_left,
            "outputs_left": outputs_left,
            "sizes": sp.And(*sizes),
        },
        words={
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

    <active><left_out><called>
    """
    explicit, _ = _explicit_minimum(subject)
    values: dict[sp.Expr, int] = {}
    for k in subject.active:
        values.setdefault(subject.directions[k].singular_value, k + 1)
    inactive = [d for d in subject.directions if not d.active]
    condition = [
        sp.Gt(d.input_variance * d.gain, subject.weight_decay, evaluate=False)
        for d in (subject.directions[k] for k in subject.active)
    ]
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
            "Their singular values follow from [eq:singular-value]; axes that are not listed "
            "repeat one that is. Indices count the axes of the inputs. Tables and figures count "
            "the planes of hidden axes, which stand in the order of decreasing singular value: at "
            "the numbers of the study they belong to the axes {hidden}."
        )
    rest = (
        "have a smaller loss reduction [eq:reduction]"
        if subject.minimum == 1
        else "are learned at a strict minimum of another loss: this one is number {number}"
    )
    return step(
        study_value={k: (symbol("singular_value", k), value) for value, k in values.items()},
        symbols={
            **subject.inline,
            "axes": sp.Tuple(*(sp.Integer(k + 1) for k in subject.active)),
            "hidden": sp.Tuple(*(sp.Integer(k + 1) for k in subject.hidden_axes)),
            "conditions": sp.And(*dict.fromkeys(condition)),
            "number": subject.minimum,
        },
        words={"active": active, "left_out": _left_out(inactive), "called": subject.called},
        checks=(
            vanishes(
                "The mean gradient of the network of this study vanishes in every weight at the "
                "canonical point.",
                explicit.mean_gradient.xreplace({GAMMA: subject.weight_decay}),
            ),
        ),
        assumptions=(
            "These axes are active, {conditions}; axes that are left out are below their "
            f"threshold or {rest}."
            if all(not c.is_Boolean or c not in (sp.true, sp.false) for c in condition)
            else "The numbers of the study decide which axes are active.",
        ),
    )


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


def _explicit_minimum(
    subject: Subject,
) -> tuple[AlignedMinimum, dict[sp.Symbol, sp.Expr]]:
    """The network of the study, active axes first, and what its singular values stand for.

    The singular values stay symbols, so that their square roots do.
    """
    values: dict[sp.Symbol, sp.Expr] = {}
    active, inactive = [], []
    for k, direction in enumerate(subject.directions):
        if direction.active:
            value = symbol("singular_value", k + 1)
            values[value] = direction.singular_value
            active.append(replace(direction, singular_value=value))
        else:
            inactive.append(direction)
    minimum = AlignedMinimum(
        directions=(*active, *inactive),
        hidden=int(subject.hidden),
        inputs=int(subject.inputs),
        outputs=int(subject.outputs),
    )
    return minimum, values


def _drift(examples: Examples, subject: Subject) -> Step:
    """Diffusion tensor

    Different planes of this study are uncorrelated.<planes> Each term is [eq:term], or
    [eq:own-term] where two of its indices are equal, with the blocks that follow in
    [step:blocks-of-study].<terms> Half of a variance is the diffusion coefficient of its plane.
    """
    planes = _written_planes(subject)
    written = {
        place: _expanded(_term(examples, subject, *place)) for place in _terms_of_own_form(subject)
    }
    terms: dict[str, Folded | Sides] = {}
    for (plane, l), whole in written.items():
        if whole is not None:
            i, j, l = (k + 1 for k in (*plane, l))
            entry, told = term(i, j, l)
            terms[f"{i}-{j}-{l}"] = (
                Folded((entry, whole), (entry, told))
                if _longest_sum(whole) > READ_TERMS
                else (entry, whole)
            )
    sums = "the sum [eq:total]" + (", with equal terms counted" if planes else "")
    if not planes:
        text = f" Each has the variance {sums}."
    elif len(planes) == 1:
        text = f" Each has the variance [eq:study-variance-{next(iter(planes))}], {sums}."
    else:
        first, *_, last = planes
        text = (
            f" Their variances are [eq:study-variance-{first}] to [eq:study-variance-{last}], one "
            f"for all planes that are alike: each is {sums}."
        )
    return step(
        study_variance=planes,
        study_term=terms,
        words={"planes": text, "terms": _about_terms(terms.values())},
        identifier="study",
        checks=(
            *_drift_tests(examples, subject),
            *(
                [
                    holds(
                        "With numbers for all symbols the terms of each variance, as often as they "
                        "are counted, add up to the sum over all axes.",
                        Method.POINTS,
                        lambda: all(
                            counted(examples, subject, plane, _counts(subject, plane))
                            for plane in _distinct_planes(subject)
                        ),
                    )
                ]
                if planes
                else []
            ),
        ),
    )


def _about_terms(terms: Collection[Folded | Sides]) -> str:
    """Sentences about the terms that are written out."""
    shown = sum(not isinstance(part, Folded) for part in terms)
    text = ""
    if shown:
        which = "Those that are short" if shown < len(terms) else "They"
        text += f" {which} are also written out, one of each form, in the symbols of their axes."
    return text


def _written_planes(subject: Subject) -> dict[str, Sides]:
    """The variance of each plane as the sum of its terms, where these can be listed."""
    planes = _distinct_planes(subject)
    counts = {plane: _counts(subject, plane) for plane in planes}
    if len(planes) > WRITTEN_PLANES or max(map(len, counts.values())) > WRITTEN_AXES:
        return {}
    shown: dict[str, Sides] = {}
    for plane in planes:
        i, j = (k + 1 for k in plane)
        length = symbol("singular_value", i) + symbol("singular_value", j)
        scale = (ETA / (2 * BATCH * length)) ** 2
        total = sp.Add(*(count * term(i, j, l + 1)[0] for l, count in counts[plane].items()))
        name = symbol("rotation_covariance", f"{i}{j}" if j < 10 else f"{i}_{j}")
        shown[f"{i}-{j}"] = (name, scale.xreplace(in_study_symbols(subject)) * total)
    return shown


def _counts(subject: Subject, plane: tuple[int, int]) -> dict[int, int]:
    """Axes of the different terms of a plane, and how many there are of each."""
    kinds = _numbered_kinds(subject)
    i, j = plane
    own = {i: 2} if kinds[i] == kinds[j] else {i: 1, j: 1}
    others = [kinds[l] for l in range(len(kinds)) if l not in plane]
    return own | {
        l: others.count(kinds[l]) for l in _distinct_axes(kinds, plane) if l not in plane
    }


def _terms_of_own_form(subject: Subject) -> list[Place]:
    """The first term of each form."""
    forms: dict[tuple[object, ...], Place] = {}
    for plane, l in _distinct_terms(subject)[:WRITTEN_TERMS]:
        forms.setdefault(_form(subject, (*plane, l)), (plane, l))
    return list(forms.values())


def _distinct_terms(subject: Subject) -> list[Place]:
    """Planes and axes of the terms, one of each kind."""
    kinds = _numbered_kinds(subject)
    return [(plane, l) for plane in _distinct_planes(subject) for l in _distinct_axes(kinds, plane)]


def _distinct_planes(subject: Subject) -> list[tuple[int, int]]:
    """Planes of active axes, one of each kind: equal axes are interchangeable."""
    kinds = _numbered_kinds(subject)
    found: dict[frozenset[int], tuple[int, int]] = {}
    for i, j in combinations(subject.active, 2):
        found.setdefault(frozenset((kinds[i], kinds[j])), (i, j))
    return list(found.values())


def _distinct_axes(kinds: Sequence[int], plane: tuple[int, int]) -> list[int]:
    """Axes ``l`` of the terms of a plane, one of each kind; its own come first."""
    i, j = plane
    others: dict[int, int] = {}
    for l, kind in enumerate(kinds):
        if l not in plane:
            others.setdefault(kind, l)
    return [i, *([j] if kinds[i] != kinds[j] else []), *others.values()]


def _numbered_kinds(subject: Subject) -> list[int]:
    """For each axis the number of its kind."""
    numbers: dict[tuple[sp.Expr, ...], int] = {}
    return [numbers.setdefault(_kind(d), len(numbers)) for d in subject.directions]


def _kind(direction: Direction) -> tuple[sp.Expr, ...]:
    return (
        direction.input_variance,
        direction.label_noise,
        direction.singular_value,
        direction.residual,
    )


def _form(subject: Subject, axes: tuple[int, int, int]) -> tuple[object, ...]:
    """What decides the form of a term: how each axis enters, and which axes are equal.

    Symbols that belong to one axis are replaced by placeholders, so that terms that differ
    only in the names of their axes have one form.
    """
    i, j, l = axes
    # The term l = j is the term l = i with the two units exchanged.
    ordered = (j, i, l) if l == j else (i, j, l)
    shared = subject.weight_decay.free_symbols
    kinds = [_kind(subject.directions[k]) for k in ordered]
    described = []
    for kind in kinds:
        own = sorted(
            set().union(*(part.free_symbols for part in kind)) - shared, key=lambda s: s.name
        )
        names = {item: sp.Symbol(f"axis_{k}", positive=True) for k, item in enumerate(own)}
        described.append(tuple(part.xreplace(names) for part in kind))
    return (l in (i, j), tuple(described), tuple(kinds.index(kind) for kind in kinds))


def _term(examples: Examples, subject: Subject, plane: tuple[int, int], l: int) -> sp.Expr:
    """The term of a plane and an axis ``l`` in the symbols of the study."""
    drift = examples.representative
    directions = subject.directions
    i, j = (directions[k] for k in plane)
    if l in plane:
        own, partner = (i, j) if l == plane[0] else (j, i)
        found = own_term(drift, own, partner)
    else:
        found = other_term(drift, i, j, directions[l])
    return replaced(found, in_study_symbols(subject))


def _expanded(found: sp.Expr) -> sp.Expr | None:
    """The factored term, or nothing when it is too long to be written out."""
    if not found.free_symbols:
        return sp.Float(found, 10)
    if len(found.free_symbols) > EXPANDED_SYMBOLS:
        return None
    field = RationalField([found])
    numerator, denominator = field.fraction(found)
    if len(numerator) > 4 * EXPANDED_TERMS:
        return None
    shown = field.factors(numerator) / field.factors(denominator)
    return shown if _longest_sum(shown) <= EXPANDED_TERMS else None


def _longest_sum(expression: sp.Expr) -> int:
    return max((len(part.args) for part in expression.atoms(sp.Add)), default=0)


def _drift_tests(examples: Examples, subject: Subject) -> list[Test]:
    minimum, singular_values = _explicit_minimum(subject)
    values = in_study_symbols(subject)
    representative = examples.representative

    def vanishing(difference: sp.Expr) -> bool:
        exact = replaced(replaced(difference, singular_values), values)
        symbols = sorted(exact.free_symbols, key=lambda item: item.name)
        if len(symbols) <= EXPANDED_SYMBOLS:
            return is_zero(exact)
        point = {item: sp.Rational(k + 5, k + 3) for k, item in enumerate(symbols)}
        return is_zero(replaced(exact, point))

    def explicit() -> bool:
        space = NormalSpace(minimum)
        return all(
            vanishing(entry)
            for missed in (space.missed_curvature, space.missed_noise)
            for entry in set(missed)
        ) and all(
            vanishing(pair.found.area_variance - replaced(pair.generic.area_variance, pair.names))
            for pair in counterparts(space, representative)
        )

    def general(i: int, j: int) -> sp.Expr:
        return representative.rotation_variance(minimum.directions, i, j)

    parts = [part for direction in subject.directions for part in _kind(direction)]
    used = set().union(*(part.free_symbols for part in (*parts, subject.learning_rate)))
    how = Method.IDENTITY if len(used) <= EXPANDED_SYMBOLS else Method.POINTS
    tests = [
        holds(
            "The variance of a plane does not depend on the order of its units.",
            how,
            lambda: vanishing(general(0, 1) - general(1, 0)),
        )
    ]
    if len(minimum.directions) <= EXPLICIT_AXES:
        tests.append(
            holds(
                f"The full matrices of the network of this study, with "
                f"{len(minimum.directions)} axes, give the same terms as the "
                "representative indices.",
                how,
                explicit,
            )
        )
    return tests
