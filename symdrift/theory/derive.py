"""Deriving a study from end to end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import sympy as sp

from symdrift.cache import cached
from symdrift.derivation import marks, vocabulary
from symdrift.derivation.chapter import timed
from symdrift.derivation.marks import marks_of, shown_in
from symdrift.derivation.reliance import with_reliance
from symdrift.derivation.steps import Check, Compared, Derivation, Equation, Notation, Step
from symdrift.derivation.symbols import adapted_names, in_order, latex_names, symbol
from symdrift.errors import RequestError
from symdrift.progress import Progress, log_stage
from symdrift.study import Study
from symdrift.study.learning_rules import require_derivable
from symdrift.study.model import RULES
from symdrift.study.roles import ROLES
from symdrift.study.symbol_names import letters_of, printed_symbols
from symdrift.theory import (
    area,
    block_solutions,
    correlations,
    coupled_blocks,
    critical_rate,
    drift,
    fixed_points,
    fluctuation,
    frequency_order,
    hessian,
    hessian_blocks,
    imbalance,
    later_moments,
    later_orders,
    learned_axes,
    mean_square,
    misaligned,
    misaligned_rate,
    next_order,
    noise,
    noise_blocks,
    representation,
    results,
    seven_moments,
    small_numbers,
    special_cases,
    steady_rotation,
    step_orders,
    stimulus_frequency,
    strictness,
    symmetry,
    synaptic_noise,
    task,
    varied_terms,
)
from symdrift.theory.examples import Examples
from symdrift.theory.rules import (
    deep_area,
    deep_axes,
    deep_fluctuation,
    deep_network,
    deep_orbit,
    deep_results,
    deep_terms,
    general_rule,
    lateral_pairs,
    learned_pairs,
    left_out_axis,
    left_out_weights,
    momentum,
    own_results,
    rule_orbit,
    rule_results,
    written_rules,
)
from symdrift.theory.setting import ABOUT_ZERO, ZERO_MEAN, setting
from symdrift.theory.study_terms import in_study_symbols
from symdrift.theory.subject import (
    absent_sources,
    are_data,
    has_explicit_rate,
    has_synaptic_noise,
    is_aligned,
    is_isotropic_autoencoder,
    subject_of,
)

LEADING_ORDER = (
    fixed_points.minimum,
    learned_axes.learned_axes,
    symmetry.symmetry,
    hessian.curvature,
    hessian_blocks.hessian_blocks,
    strictness.strictness,
    noise.noise,
    noise_blocks.noise_blocks,
    fluctuation.fluctuation,
    fluctuation.fluctuation_blocks,
    area.area,
    drift.drift,
    representation.representation,
    representation.representation_on_axes,
)
"""What of `SHARED_AXES` comes before any other order of the learning rate than the leading one."""

SHARED_AXES = (
    *LEADING_ORDER,
    mean_square.mean_square,
    mean_square.mean_square_on_axes,
    critical_rate.critical_rate,
    seven_moments.seven_moments,
    imbalance.imbalance,
    imbalance.imbalance_of_equal_axes,
    small_numbers.small_numbers,
    small_numbers.small_numbers_on_axes,
    special_cases.special,
    later_orders.later_orders,
)
"""The theory behind the setting where teacher and Gaussian inputs share axes, in reading order.

What holds for any task comes first in each chapter, then what shared axes make of it.
"""

ANY_TASK = (
    fixed_points.minimum,
    fixed_points.optimality,
    symmetry.symmetry,
    hessian.curvature,
    noise.noise,
    noise.other_inputs,
    fluctuation.fluctuation,
    area.area,
    steady_rotation.rotation,
    representation.representation,
    mean_square.mean_square,
    imbalance.imbalance,
    small_numbers.small_numbers,
    later_orders.later_orders,
    synaptic_noise.synaptic_noise,
)
"""The theory behind the setting for any teacher and any inputs, in reading order."""

DEEP = (
    deep_orbit.deep_orbit,
    deep_fluctuation.deep_fluctuation,
    deep_area.deep_area,
    deep_terms.deep_terms,
)
"""The theory of three linear layers, in reading order."""

SECTIONS = (
    vocabulary,
    learned_axes,
    hessian,
    hessian_blocks,
    strictness,
    noise,
    noise_blocks,
    fluctuation,
    area,
    steady_rotation,
    step_orders,
    correlations,
    block_solutions,
    coupled_blocks,
    drift,
    representation,
    mean_square,
    critical_rate,
    seven_moments,
    imbalance,
    small_numbers,
    special_cases,
    varied_terms,
    stimulus_frequency,
    frequency_order,
    results,
    misaligned_rate,
    later_moments,
    later_orders,
    synaptic_noise,
    next_order,
    task,
    general_rule,
    written_rules,
    rule_orbit,
    left_out_weights,
    learned_pairs,
    lateral_pairs,
    momentum,
    rule_results,
    deep_network,
    deep_orbit,
    deep_axes,
    own_results,
    marks,
)
"""Modules that have symbols without a role, ``LATEX``, or meanings of symbols, ``MEANINGS``, in
the order of the table of notation."""

_FIXED: Mapping[sp.Basic, str] = {
    item: latex for section in SECTIONS for item, latex in section.LATEX.items()
}
"""Print of the symbols that play no role, in the default letters."""

_OWN_NAMES: Mapping[str, str] = {
    item.name: latex
    for item, latex in _FIXED.items()
    if isinstance(item, sp.Symbol) and item.is_positive
}
"""Print of those of them that a symbol of a study, which is positive, would be by its name."""

STEPS = 60
"""About how many steps a derivation has, for a progress bar."""


def derive(
    study: Study, progress: Progress | None = None, *, certified: bool = False
) -> Derivation:
    """Derive and check everything that a study asks for.

    A study whose teacher is aligned with Gaussian inputs gets the closed form, any other the
    general theory, with the explicit case of two axes where it is one.  Results are cached
    on disk under a key that contains the study, the source of this package and the
    versions of what it computes with.

    Parameters
    ----------
    study : Study
    progress : callable, optional
        Called with the number of steps done and expected.
    certified : bool
        Whether checks come with what they compare, which takes a second to read from disk and is
        only needed for a certificate.

    Raises
    ------
    RequestError
        When the study's numbers are outside the theory, or a symbol of the study has a letter
        that means something else in it.
    CheckFailed
        When an exact check does not hold; the message names the step.
    """
    require_derivable(study)
    require_free_names(study)
    chapters = _chapters(study)
    steps: list[Step] = []

    def counted(chapter: Chapter) -> tuple[Step, ...]:
        found = []
        for step in timed(chapter.steps()):
            found.append(step)
            if progress is not None:
                done = len(steps) + len(found)
                progress(done, max(STEPS, done))
        return tuple(found)

    for chapter in chapters:
        log_stage(f"deriving {study.name}: {chapter.name}")
        steps += _kept(chapter, counted, certified)
    if progress is not None:
        progress(len(steps), len(steps))
    used = {item for step in steps for item in _symbols_of(step)}
    parts = _parts(study, used)
    used = used.union(*parts.values())
    notation = (*_notation_table(study, used), *_further_notation(study, used))
    names = _symbol_names(study, used | shown_in(row.symbol for row in notation))
    return Derivation(
        study=study.name,
        title=study.title,
        notation=notation,
        steps=tuple(_named(step, names) for step in with_reliance(steps)),
        symbol_names=names,
        in_study=_in_study(study),
        parts=parts,
    )


def require_free_names(study: Study) -> None:
    """Refuse a symbol of a study that means something else in the theory.

    Raises
    ------
    RequestError
        Naming the field and the symbol.
    """
    for field, name, latex in printed_symbols(study):
        if _OWN_NAMES.get(name, latex) != latex:
            raise RequestError(
                field,
                f'names the symbol "{name}", a name that the derivation itself uses for another '
                f'quantity; choose another one, such as "own_{name}"',
            )


def _in_study(study: Study) -> Mapping[sp.Symbol, sp.Expr]:
    """What the study has for the symbols of the theory that all of its axes share."""
    if not (study.learning.rule == RULES[0] and is_aligned(study)):
        return {}
    return in_study_symbols(subject_of(study))


@dataclass(frozen=True)
class Chapter:
    """Steps that are derived and kept together.

    ``name`` and ``document`` identify them in the cache: what does not depend on the
    study has no document and is shared by all studies.
    """

    name: str
    document: object
    steps: Callable[[], Iterator[Step]]


def _kept(
    chapter: Chapter, derived: Callable[[Chapter], tuple[Step, ...]], certified: bool
) -> tuple[Step, ...]:
    """Steps from the cache, or derived now; what their checks compare is kept in a file of its own.

    That takes longer to read than the steps, and is written whenever these are derived.
    """
    now: list[tuple[Step, ...]] = []

    def fresh() -> tuple[Step, ...]:
        if not now:
            now.append(derived(chapter))
        return now[0]

    def compared() -> tuple[tuple[tuple[Compared, ...], ...], ...]:
        return tuple(tuple(check.compared for check in step.checks) for step in fresh())

    steps = cached(chapter.name, chapter.document, fresh, _are_steps)
    if not (certified or now):
        return steps
    sides = cached(f"{chapter.name}, compared", chapter.document, compared, _are_tuples)
    return tuple(
        replace(step, checks=tuple(map(_with_sides, step.checks, own)))
        for step, own in zip(steps, sides, strict=True)
    )


def _with_sides(check: Check, compared: tuple[Compared, ...]) -> Check:
    return replace(check, compared=compared)


def _are_tuples(found: object) -> bool:
    return isinstance(found, tuple) and all(isinstance(part, tuple) for part in found)


def _theory(study: Study, parts: Iterable[Callable[[Examples], Iterator[Step]]]) -> list[Chapter]:
    """Setting and theory, which depend on the study in one sentence about its inputs."""
    examples = Examples()
    inputs = ABOUT_ZERO if are_data(study) else ZERO_MEAN
    chapters = [Chapter("setting", inputs, lambda: setting(examples.generic, inputs))]
    chapters += [Chapter(part.__name__, None, partial(part, examples)) for part in parts]
    return chapters


def _chapters(study: Study) -> Iterable[Chapter]:
    if study.is_plain:
        return _aligned(study) if is_aligned(study) else _general(study)
    name = study.learning.rule
    if name == RULES[0]:
        return _faster(study)
    if name == "own":
        document = [study.name, study.document, study.data_digest()]
        return (
            Chapter("any-rule", None, general_rule.general_rule),
            Chapter("own-rule", document, lambda: own_results.own_results(study)),
        )
    deep = name == "deep_linear"
    general = Chapter("any-rule", None, general_rule.general_rule)
    theory = (
        *(Chapter(part.__name__, None, part) for part in DEEP),
    ) if deep else (
        Chapter("rule-orbit", name, partial(rule_orbit.rule_orbit, name)),
        Chapter("left-out-axis", name, partial(left_out_axis.left_out_axis, name)),
    )  # fmt: skip
    faster = (Chapter("momentum", None, momentum.momentum),) if study.has_momentum else ()
    # Before minutes are spent on what stands above these results.
    (deep_results if deep else rule_results).require_axes(study)
    results = deep_results.deep_results if deep else rule_results.rule_results
    own = Chapter("rule", [study.name, study.document], lambda: results(study))
    return general, *theory, *faster, own


def _aligned(study: Study) -> Iterator[Chapter]:
    """The closed form, and what it is for one study."""
    subject = subject_of(study)
    document = [study.name, study.document]
    examples = Examples()
    yield from _theory(study, SHARED_AXES)
    if has_synaptic_noise(study):
        yield Chapter("synaptic_noise", None, partial(synaptic_noise.synaptic_noise, examples))
    elif is_isotropic_autoencoder(study):
        yield Chapter("next_order", None, partial(next_order.next_order, examples))
    yield Chapter("results", document, lambda: results.results(examples, subject))
    if has_synaptic_noise(study):
        yield Chapter("synaptic-results", document, lambda: results.synaptic_results(subject))


def _faster(study: Study) -> Iterator[Chapter]:
    """The closed form at leading order, and what momentum makes of it for one study."""
    subject = subject_of(study)
    document = [study.name, study.document]
    examples = Examples()
    yield from _theory(study, LEADING_ORDER)
    yield Chapter("any-rule", None, general_rule.general_rule)
    yield Chapter("momentum", None, momentum.momentum)
    yield Chapter("faster", document, lambda: momentum.two_layers(examples, subject))
    yield Chapter("results", document, lambda: results.results(examples, subject))


def _general(study: Study) -> Iterator[Chapter]:
    """The theory of any task, two axes where the study has them, and the study itself."""
    document = [study.name, study.document, study.data_digest()]
    yield from _theory(study, ANY_TASK)
    if has_explicit_rate(study):
        absent = absent_sources(study)
        names = [source.name for source in absent]
        yield Chapter("two-axes", names, lambda: misaligned.two_axes(absent))
    yield Chapter("task", document, lambda: task.task(study))


def _are_steps(found: object) -> bool:
    return isinstance(found, tuple) and all(isinstance(step, Step) for step in found)


def _named(step: Step, names: dict[sp.Basic, str]) -> Step:
    """The step with the print of its symbols attached to its equations."""

    def own(equation: Equation) -> Equation:
        used = shown_in(_printed(equation))
        kept = {item: name for item, name in names.items() if item in used}
        return replace(equation, symbol_names=kept)

    return replace(step, equations=tuple(own(equation) for equation in step.equations))


_SIZES = {letter: vocabulary.COMMON[letter] for letter in "nmpr"}

_MEANINGS_OF_DATA = {
    "input": "input",
    "input_covariance": "second moment of the inputs about zero",
    "input_variance": "second moment of the inputs along an axis",
}


def _notation_table(study: Study, used: Collection[sp.Basic]) -> Iterator[Notation]:
    """Rows for the roles that a document uses, with or without an index."""
    stems = {str(item).partition("_")[0] for item in used if item not in _FIXED}
    meanings = _MEANINGS_OF_DATA if are_data(study) else {}
    own = _own_meanings(study)
    matrices = {
        "first_layer": vocabulary.FIRST_LAYER,
        "second_layer": vocabulary.SECOND_LAYER,
        "input": vocabulary.INPUT,
        "label_noise_sample": vocabulary.LABEL_NOISE,
        "input_covariance": vocabulary.INPUT_COVARIANCE,
        "teacher": vocabulary.TEACHER,
        "residual_map": vocabulary.RESIDUAL,
        "hessian": vocabulary.HESSIAN,
        "gradient_noise": vocabulary.NOISE,
        "fluctuation": vocabulary.FLUCTUATION,
        "generator": vocabulary.GENERATOR,
        "decay": representation.DECAY,
    }
    sizes = {"inputs": _SIZES["n"], "outputs": _SIZES["m"], "hidden": _SIZES["p"]}
    for key, role in ROLES.items():
        item = matrices.get(key) or sizes.get(key) or symbol(key)
        if role.name in stems or item in used:
            meaning = own.get(item, meanings.get(key, role.meaning))
            yield Notation(key, item, meaning, role.shape)


def _own_meanings(study: Study) -> Mapping[sp.Basic, str]:
    if study.learning.rule == RULES[0]:
        return {}
    layers = deep_network.OF_LAYERS if study.learning.rule == "deep_linear" else {}
    return {**general_rule.OF_AN_UPDATE, **layers}


def _further_notation(study: Study, used: Collection[sp.Basic]) -> Iterator[Notation]:
    """Rows for the symbols without a role that a document uses."""
    own = _own_meanings(study)
    rows = [row for section in SECTIONS for row in getattr(section, "MEANINGS", ())]
    if study.learning.rule == "own":
        rows += own_results.meanings_of(study)
    for item, meaning, size in rows:
        if (item.base if isinstance(item, sp.Indexed) else item) in used:
            yield Notation(str(item), item, own.get(item, meaning), size)


def _symbols_of(step: Step) -> set[sp.Basic]:
    """The symbols in the prose and the equations of a step."""
    displayed = (part for equation in step.equations for part in _printed(equation))
    return shown_in((*step.symbols.values(), *displayed))


def _parts(study: Study, used: set[sp.Basic]) -> dict[sp.Basic, tuple[sp.Basic, ...]]:
    """What stands in the prints of the symbols that are not the study's own."""
    own = {sp.Symbol(name, positive=True) for name in study.symbols}
    made_of = dict(pair for section in SECTIONS for pair in getattr(section, "MADE_OF", {}).items())
    shapes = {role.name: role.shape.split(" by ") for role in ROLES.values()}

    def sizes(item: sp.Basic) -> Iterator[sp.Basic]:
        """Letters that stand in the row of its role as the shape."""
        shape = [] if item in _FIXED else shapes.get(str(item).partition("_")[0], [])
        yield from (_SIZES[letter] for letter in shape if letter in _SIZES)

    return {
        item: parts
        for item in in_order(used - own)
        if (parts := (*marks_of(_default_print(item)), *made_of.get(item, ()), *sizes(item)))
    }


def _default_print(item: sp.Basic) -> str:
    """LaTeX of a symbol in the default letters, as far as it matters what marks are in it."""
    label = item.label if isinstance(item, sp.IndexedBase) else item
    stem, _, index = str(item).partition("_")
    return _FIXED.get(label, f"{stem}_{{{index}}}")


def _printed(equation: Equation) -> Iterator[sp.Basic]:
    """What stands on the lines of an equation: itself and the condition behind it."""
    yield equation.expression
    if equation.brief is not None:
        yield equation.brief
    yield from (link.expression for link in equation.links)
    if equation.condition is not None:
        yield equation.condition


def _symbol_names(study: Study, used: Collection[sp.Basic]) -> dict[sp.Basic, str]:
    named = latex_names(study.notation, [item for item in used if item not in _FIXED])
    # Learning rate and small parameters lead a product, as the theory writes it.
    ranks = {role.name: rank for rank, role in enumerate(ROLES.values())}
    ordered = sorted(in_order(named), key=lambda item: ranks[str(item).partition("_")[0]])
    # With an index in the place of the number of an axis a letter is still the study's.
    indexed = (
        f"{stem}_{index}"
        for name in study.symbols
        for stem, _, number in [name.rpartition("_")]
        if number.isdigit()
        for index in "il"
    )
    own = {sp.Symbol(name, positive=True) for name in (*study.symbols, *indexed)}
    adapted = adapted_names(letters_of(study), used, _FIXED, own)
    return {item: named[item] for item in ordered} | adapted
