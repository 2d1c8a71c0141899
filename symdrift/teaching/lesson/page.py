"""The lesson as one HTML page that computes, with nothing to load."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import sympy as sp
from markupsafe import Markup

from symdrift.derivation.steps import Derivation
from symdrift.derivation.symbols import latex_names, symbol
from symdrift.documents.assembly import theory_printer
from symdrift.documents.prose import Fragment, Inline, Text, read_prose
from symdrift.documents.rendering import render_html
from symdrift.errors import RequestError
from symdrift.evaluation.alignment import Alignment
from symdrift.evaluation.closed_form import evaluate
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.evaluate import corrected_at_once
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.validity import MEANINGS, WARN_ABOVE, at_most_off, percent_off
from symdrift.kernels.javascript import javascript_kernels
from symdrift.quoting import script_json
from symdrift.rounding import THEORY_DIGITS, rounded
from symdrift.study import Study
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.study.roles import ROLES
from symdrift.teaching.lesson.claims import (
    Order,
    errs_without_decay,
    frequent_axis,
    on_axis,
    order,
)
from symdrift.teaching.lesson.controls import OCTAVE, Control, controls
from symdrift.teaching.lesson.scope import MOST_AXES, teachable
from symdrift.teaching.lesson.story import LAST_CONTROLS, Scene, scenes, stand_in
from symdrift.theory.derive import derive
from symdrift.typesetting import mathml
from symdrift.typesetting.lines import Names, lay_out

SEED = 1
"""Seed of the simulation when the page opens."""

_SCRIPTS = (
    "random.js", "network.js", "plot.js", "sliders.js", "figures.js", "questions.js", "page.js",
)  # fmt: skip
_WIDTH = 34.0
"""Room for an equation, in em."""


def lesson_html(study: Study) -> str:
    """Interactive page about a study; it loads nothing and works offline.

    Parameters
    ----------
    study : Study
        Aligned, with Gaussian inputs and all numbers given.

    Raises
    ------
    RequestError
        When the study is of another kind, too large, or outside the theory.
    CheckFailed
        When a step of the derivation fails.
    """
    problem = study.problem()
    aligned = teachable(problem)
    if isinstance(aligned, RequestError):
        raise aligned
    evaluation = corrected_at_once(problem, evaluate(problem))
    derivation = derive(study)
    sliders = controls(problem, aligned, evaluation)
    stimuli, compared, note = _compared(problem, aligned, evaluation, sliders)
    axis = _mixed(stimuli)
    if axis:
        sliders = tuple(
            replace(control, text=f"frequency of {axis}") if control.key == "frequency" else control
            for control in sliders
        )
    gains = any(control.role == "gain" for control in sliders)
    all_learned = evaluation.minimum.rank == np.count_nonzero(aligned.gains)
    story = scenes(
        compared,
        errs_without_decay(problem, aligned),
        all_learned,
        gains,
        percent_off(evaluation.expected_error("fluctuation.weight_variance")),
        axis,
    )
    writer = _Writer(derivation, story)
    return render_html(
        "lesson.html.jinja",
        title=study.title,
        study=study.name,
        note=note,
        scenes=[
            {
                "identifier": scene.identifier,
                "title": scene.title,
                "paragraphs": writer.paragraphs(scene.prose),
                "equations": [writer.display(label) for label in scene.equations],
                "symbols": [writer.meaning(*entry) for entry in scene.symbols.items()],
                "pictures": scene.pictures,
                "controls": [
                    {
                        "control": control,
                        "identifier": f"{scene.identifier}-{control.key.replace('.', '-')}",
                        "label": writer.label(control),
                    }
                    for control in _shown(scene.controls, sliders)
                ],
                "response": scene.response,
                "question": writer.paragraphs(scene.question),
                "reason": writer.paragraphs(scene.reason),
            }
            for scene in story
        ],
        seed=SEED,
        data=Markup(
            script_json(_data(problem, aligned, evaluation, stimuli, compared, sliders, story))
        ),
        kernels=Markup(javascript_kernels()),
        scripts=[Markup(script) for script in _scripts(axis)],
    )


def _compared(
    problem: LearningProblem,
    aligned: Alignment,
    evaluation: Evaluation,
    sliders: tuple[Control, ...],
) -> tuple[list[Stimulus], Order, str]:
    """Stimuli with a hidden representation, on the axes that teacher and inputs share.

    The first two are the first of the study's and the next that some slider tells from it; the
    learned axes take their place where there are no two such.  A sentence says so.
    """
    seen = {stimulus.name for stimulus in evaluation.stimuli if stimulus.squared_norm > 0}
    found = [
        Stimulus(stimulus.name, aligned.input_axes.T @ stimulus.vector)
        for stimulus in problem.stimuli
        if stimulus.name in seen
    ]
    outputs, inputs = problem.teacher.shape
    values = kernels.singular_values(
        aligned.input_variances,
        problem.weight_decay,
        aligned.gains,
        inputs=inputs,
        outputs=outputs,
        hidden=problem.hidden,
    )
    units = np.eye(inputs)
    axes = [Stimulus(f"axis {k + 1}", units[k]) for k in np.flatnonzero(values)]
    last = _shown(LAST_CONTROLS, sliders)
    # What is like the first is like all that are like it: no other pair is left to try.
    pairs = [[found[0], found[k], *found[1:k], *found[k + 1 :]] for k in range(1, len(found))]
    for stimuli in (*pairs, axes):
        compared = order(problem, aligned, stimuli, evaluation.minimum.rank, last)
        if compared is not None:
            shown = [] if stimuli is axes else [stimulus.name for stimulus in stimuli[:2]]
            named = [stimulus.name for stimulus in problem.stimuli]
            return stimuli, compared, stand_in(named, [s.name for s in found], shown)
    raise RequestError(
        "study",
        f'"{problem.study}" cannot become a lesson: no slider tells the drift of its stimuli apart',
    )


def _mixed(stimuli: list[Stimulus]) -> str:
    """Name of the axis whose frequency is moved, where the first stimulus lies along several."""
    if on_axis(stimuli[0]):
        return ""
    moved = frequent_axis(stimuli[0])
    name = f"axis {moved + 1}"
    # Coordinate axes of correlated inputs are called so as well, and are others.
    taken = any(
        stimulus.name == name and not (on_axis(stimulus) and frequent_axis(stimulus) == moved)
        for stimulus in stimuli
    )
    return f"principal {name}" if taken else name


def _shown(names: tuple[str, ...], sliders: tuple[Control, ...]) -> list[Control]:
    """Sliders of a scene, in its order."""
    return [
        control
        for name in names
        for control in sliders
        if control.key == name or control.key.startswith(f"{name}.")
    ]


def _data(
    problem: LearningProblem,
    aligned: Alignment,
    evaluation: Evaluation,
    stimuli: list[Stimulus],
    compared: Order,
    sliders: tuple[Control, ...],
    story: tuple[Scene, ...],
) -> dict[str, Any]:
    """The numbers of the study for the page's script, on the axes of the study."""
    outputs, inputs = problem.teacher.shape
    network = {
        "covariance": aligned.input_variances.tolist(),
        "gains": aligned.gains.tolist(),
        "label_noise": aligned.label_noise.tolist(),
        "batch": problem.batch,
        "inputs": inputs,
        "outputs": outputs,
        "hidden": problem.hidden,
    }
    return {
        "network": network,
        "stimuli": [
            {"name": stimulus.name, "vector": stimulus.vector.tolist()} for stimulus in stimuli
        ],
        "frequent": frequent_axis(stimuli[0]),
        "compares": compared.quantity,
        "order": {"above": compared.above, "bound": compared.bound},
        "octave": OCTAVE,
        "controls": [control.to_dict() for control in sliders],
        "steps": {
            scene.identifier: [control.key for control in _shown(scene.controls, sliders)]
            for scene in story
        },
        "seed": SEED,
        "warn_above": WARN_ABOVE,
        "validity": _validity(evaluation),
    }


def _validity(evaluation: Evaluation) -> dict[str, Any]:
    """What should be small at the study's values, and by how much its diffusion is off."""
    found = evaluation.validity
    planes = (f"drift.diffusion.{i}-{j}" for i, j in evaluation.drift.planes)
    said: dict[str, Any] = {
        "small": [[meaning, getattr(found, name)] for name, meaning in MEANINGS.items()],
        "over_critical": found.rate_over_critical,
        "diffusion_off": at_most_off(max(map(evaluation.expected_error, planes))),
    }
    return {name: rounded(value, THEORY_DIGITS) for name, value in said.items()}


def _scripts(axis: str) -> list[str]:
    """The page's script, in which the axis that is moved has a name or is the first stimulus'."""
    words = {
        "@moved": axis or "${name}",
        "@share": f"the share of {axis}" if axis else "its share",
        "@variance": f"the variance of {axis}" if axis else "its variance",
    }
    folder = resources.files("symdrift.teaching.lesson") / "scripts"
    scripts = []
    for name in _SCRIPTS:
        text = (folder / name).read_text("utf-8")
        for mark, word in words.items():
            text = text.replace(mark, word)
        scripts.append(text)
    return scripts


class _Writer:
    """Prose, labels and equations of the page in the notation of a derivation."""

    def __init__(self, derivation: Derivation, story: tuple[Scene, ...]) -> None:
        self._derivation = derivation
        roles = {row.role: row.symbol for row in derivation.notation if row.role in ROLES}
        shown = (
            found
            for scene in story
            for label in scene.equations
            for found in derivation.equation(label).expression.free_symbols
        )
        indices = {name: sp.Symbol(name) for name in ("i", "j", "l", "t")}
        self._symbols = {**indices, **{str(found): found for found in shown}, **roles}
        overrides = {role: derivation.symbol_names[found] for role, found in roles.items()}
        numbered = [
            symbol(role, index)
            for role in ("input_variance", "gain", "label_noise")
            for index in range(1, MOST_AXES + 1)
        ]
        self._printer = theory_printer(derivation).with_names(latex_names(overrides, numbered))
        self._names = Names(set(derivation.symbol_names.values()))

    def paragraphs(self, text: str) -> list[Markup]:
        """Paragraphs of prose with inline mathematics."""
        return [
            mathml.joined(self._fragment(piece) for piece in paragraph)
            for paragraph in read_prose(text, self._symbols, (), ())
        ]

    def _fragment(self, piece: Fragment) -> Markup:
        match piece:
            case Inline(expression=expression):
                return self._inline(expression)
            case Text(text=text):
                return Markup.escape(text)
        raise TypeError(f"{type(piece).__name__} has no place on the page")

    def meaning(self, name: str, text: str) -> Markup:
        """A symbol and what it stands for."""
        (paragraph,) = self.paragraphs(text)
        return Markup("{}: {}").format(self._inline(self._symbols[name]), paragraph)

    def display(self, label: str) -> Markup:
        """A displayed equation of the derivation."""
        equation = self._derivation.equation(label)
        layout = lay_out(
            equation.expression, self._printer, _WIDTH, self._names, equation.condition
        )
        return mathml.block(layout.rows)

    def label(self, control: Control) -> Markup:
        """Label of a slider: words, then the symbol."""
        if not control.role:
            return Markup.escape(control.text)
        found = symbol(control.role, control.index or "")
        # Labels of noise show a variance; the symbol is the standard deviation.
        shown = found**2 if control.role == "label_noise" else found
        return Markup("{} {}").format(control.text, self._inline(shown))

    def _inline(self, expression: sp.Basic) -> Markup:
        return mathml.inline(self._printer.doprint(expression))
