"""Results for this study: the variances of its planes and their terms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

import sympy as sp

from symdrift.algebra.rational import RationalField, is_zero, replaced
from symdrift.derivation.chapter import Folded, Test, holds, step
from symdrift.derivation.steps import Method, Sides, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import I_INDEX, J_INDEX, L_INDEX, TERM
from symdrift.theory.block_invariants import counted
from symdrift.theory.block_solutions import term
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import counterparts
from symdrift.theory.linear.limits import (
    other_term,
    own_term,
)
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import AlignedMinimum, Direction
from symdrift.theory.subject import Subject

EXPLICIT_AXES = 4
"""Largest number of axes for which the study is checked with full matrices."""
WRITTEN_PLANES, WRITTEN_AXES = 6, 10
"""Most planes, and most terms of one, that are added up in print one by one."""
ADDED_PLANES = 15
"""Most planes whose terms are added up in a check."""
WRITTEN_TERMS = 100
"""Most terms of planes and axes that are looked at, one by one."""
READ_TERMS = 12
"""Longest sum in a term that a reader is shown."""
EXPANDED_TERMS = 200
"""Longest sum in a term that is written out at all, to be unfolded and copied."""
EXPANDED_SYMBOLS = 6
"""Most symbols that a formula may have to be written out."""

Place = tuple[tuple[int, int], int]
"""A plane and the axis of a term."""


def in_study_symbols(subject: Subject) -> dict[sp.Symbol, sp.Expr]:
    """What stands for the global symbols in the study."""
    return {GAMMA: subject.weight_decay, ETA: subject.learning_rate, BATCH: subject.batch}


def explicit_minimum(
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


def diffusion_tensor(examples: Examples, subject: Subject) -> Step:
    """Diffusion tensor

    No plane of this study rotates steadily, and different planes are uncorrelated.<planes> Each
    term is [eq:term], or [eq:own-term] where its last index is equal to the first; where it is
    equal to the second, the first two indices change places. The blocks of the terms follow in
    [step:blocks-of-study].<terms> Half of a variance is the diffusion coefficient {D_ij} of its
    plane.
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
    if not planes:
        text = (
            " The plane of two active axes {i} and {j} has the variance [eq:study-variance], a sum "
            "over axes {l}. This is [eq:total] in the letters of the study."
        )
    elif len(planes) == 1:
        (only,) = planes
        text = (
            f" Each has the variance [eq:study-variance-{only}]. This is the sum [eq:total], with "
            "equal terms counted."
        )
    else:
        first, *_, last = planes
        text = (
            f" Their variances are [eq:study-variance-{first}] to [eq:study-variance-{last}], one "
            "for all planes that are alike. Each is the sum [eq:total], with equal terms counted."
        )
    return step(
        study_variance=planes or _every_plane(subject),
        study_term=terms,
        symbols={"D_ij": symbol("diffusion_tensor", "ij")},
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
                if len(_distinct_planes(subject)) <= ADDED_PLANES
                and len(subject.directions) <= WRITTEN_AXES
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
    """The variance of each plane as the sum of its terms, where equal ones are worth counting."""
    planes = _distinct_planes(subject)
    counts = {plane: _counts(subject, plane) for plane in planes}
    one_of_each = len(planes) > 1 and all({*count.values()} == {1} for count in counts.values())
    if one_of_each or len(planes) > WRITTEN_PLANES or max(map(len, counts.values())) > WRITTEN_AXES:
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


def _every_plane(subject: Subject) -> Sides:
    """The variance of any plane as the sum of its terms."""
    length = symbol("singular_value", "i") + symbol("singular_value", "j")
    scale = ((ETA / (2 * BATCH * length)) ** 2).xreplace(in_study_symbols(subject))
    terms = sp.Sum(TERM[I_INDEX, J_INDEX, L_INDEX], (L_INDEX, 1, len(subject.directions)))
    return symbol("rotation_covariance", "ij"), scale * terms


def _counts(subject: Subject, plane: tuple[int, int]) -> dict[int, int]:
    """Axes of the different terms of a plane, and how many there are of each."""
    kinds = _numbered_kinds(subject)
    i, j = plane
    own = {i: 2} if kinds[i] == kinds[j] else {i: 1, j: 1}
    others = [kinds[l] for l in range(len(kinds)) if l not in plane]
    return own | {l: others.count(kinds[l]) for l in _distinct_axes(kinds, plane) if l not in plane}


def _terms_of_own_form(subject: Subject) -> list[Place]:
    """The first term of each form."""
    forms: dict[tuple[object, ...], Place] = {}
    for plane, l in distinct_terms(subject)[:WRITTEN_TERMS]:
        forms.setdefault(_form(subject, (*plane, l)), (plane, l))
    return list(forms.values())


def distinct_terms(subject: Subject) -> list[Place]:
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
    minimum, singular_values = explicit_minimum(subject)
    values = in_study_symbols(subject)
    representative = examples.representative

    def vanishing(difference: sp.Expr) -> bool:
        exact = replaced(replaced(difference, singular_values), values)
        symbols = sorted(exact.free_symbols, key=lambda item: item.name)
        if len(symbols) <= EXPANDED_SYMBOLS:
            return is_zero(exact)
        # Quotients of primes of their own, so that no denominator vanishes by chance.
        point = {
            item: sp.Rational(sp.prime(2 * k + 5), sp.prime(2 * k + 4))
            for k, item in enumerate(symbols)
        }
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
