"""Deriving a study from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import sympy as sp

from symdrift.cache import cached
from symdrift.chain import curvature as curvature_section
from symdrift.chain import drift as drift_section
from symdrift.chain import noise as noise_section
from symdrift.chain import normal as normal_section
from symdrift.chain import representation as representation_section
from symdrift.chain import special as special_section
from symdrift.chain import vocabulary
from symdrift.chain.area import area
from symdrift.chain.examples import Examples
from symdrift.chain.minimum import minimum
from symdrift.chain.results import results
from symdrift.chain.setting import setting
from symdrift.chain.steps import timed
from symdrift.chain.subject import subject_of
from symdrift.chain.symmetry import symmetry
from symdrift.derivation import Derivation, Equation, Notation, Step
from symdrift.notation import adapted_names, latex_names, symbol
from symdrift.roles import ROLES
from symdrift.study import Study

STEPS = 42
"""About how many steps a derivation has, for a progress bar."""

Progress = Callable[[int, int], None]


def derive(study: Study, progress: Progress | None = None) -> Derivation:
    """Derive and check everything that a study asks for.

    Results are cached on disk under a key that contains the study, the source of this
    package and the versions of what it computes with.

    Parameters
    ----------
    study : Study
        Aligned, with Gaussian inputs.
    progress : callable, optional
        Called with the number of steps done and expected.

    Raises
    ------
    RequestError
        When the study has no symbolic derivation.
    CheckFailed
        When an exact check does not hold; the message names the step.
    """
    subject = subject_of(study)
    examples = Examples()
    done = 0

    def counted(steps: Iterator[Step]) -> tuple[Step, ...]:
        nonlocal done
        found = []
        for step in timed(steps):
            found.append(step)
            done += 1
            if progress is not None:
                progress(done, max(STEPS, done))
        return tuple(found)

    theory = cached("theory", None, lambda: counted(_theory(examples)), _are_steps)
    own = cached(
        "results",
        [study.name, study.document],
        lambda: counted(results(examples, subject)),
        _are_steps,
    )
    if progress is not None:
        progress(len(theory) + len(own), len(theory) + len(own))
    steps = (*theory, *own)
    names = _symbol_names(study, steps)
    return Derivation(
        study=study.name,
        title=study.title,
        notation=_notation_table(),
        steps=tuple(_named(step, names) for step in steps),
        symbol_names=names,
    )


def _are_steps(found: object) -> bool:
    return isinstance(found, tuple) and all(isinstance(step, Step) for step in found)


def _named(step: Step, names: dict[sp.Basic, str]) -> Step:
    """The step with the print of its symbols attached to its equations."""

    def own(equation: Equation) -> Equation:
        used = equation.expression.atoms(sp.Symbol, sp.MatrixSymbol, sp.IndexedBase)
        kept = {item: name for item, name in names.items() if item in used}
        return replace(equation, symbol_names=kept)

    return replace(step, equations=tuple(own(equation) for equation in step.equations))


def _theory(examples: Examples) -> Iterator[Step]:
    """Everything that holds for any aligned study."""
    yield from setting(examples.generic)
    yield from minimum(examples.generic)
    yield from symmetry(examples.generic)
    yield from curvature_section.curvature(examples)
    yield from noise_section.noise(examples)
    yield from normal_section.normal(examples)
    yield from area(examples.generic)
    yield from drift_section.drift(examples)
    yield from representation_section.representation(examples)
    yield from special_section.special(examples)


def _notation_table() -> tuple[Notation, ...]:
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
        "decay": representation_section.DECAY,
    }
    sizes = {
        "inputs": vocabulary.COMMON["n"],
        "outputs": vocabulary.COMMON["m"],
        "hidden": vocabulary.COMMON["p"],
    }
    return tuple(
        Notation(
            role=key,
            symbol=matrices.get(key) or sizes.get(key) or symbol(key),
            meaning=role.meaning,
            shape=role.shape,
        )
        for key, role in ROLES.items()
    )


def _symbol_names(study: Study, steps: tuple[Step, ...]) -> dict[sp.Basic, str]:
    fixed: dict[sp.Basic, str] = dict(vocabulary.LATEX)
    for section in (
        curvature_section,
        noise_section,
        normal_section,
        drift_section,
        representation_section,
        special_section,
    ):
        fixed |= section.LATEX
    used: set[sp.Basic] = set()
    for step in steps:
        for expression in (*step.symbols.values(), *(e.expression for e in step.equations)):
            used |= expression.atoms(sp.Symbol, sp.MatrixSymbol, sp.IndexedBase)
    used |= {row.symbol for row in _notation_table()}
    named = latex_names(study.notation, [item for item in used if item not in fixed])
    # Learning rate and small parameters lead a product, as the theory writes it.
    ranks = {role.name: rank for rank, role in enumerate(ROLES.values())}
    ordered = sorted(
        named, key=lambda item: (ranks[str(item).partition("_")[0]], str(item), str(type(item)))
    )
    return {item: named[item] for item in ordered} | adapted_names(study.notation, used, fixed)
