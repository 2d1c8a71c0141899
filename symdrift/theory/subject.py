"""A study as the directions of an aligned network, in the study's own symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import sympy as sp

from symdrift.derivation.symbolic import symbolic
from symdrift.derivation.symbols import symbol
from symdrift.derivation.vocabulary import KURTOSIS
from symdrift.errors import RequestError
from symdrift.evaluation.alignment import align
from symdrift.expressions import Expression, expanded_terms
from symdrift.quoting import shown
from symdrift.study import Study
from symdrift.study.problem import LearningProblem
from symdrift.study.symbol_names import renamed_variances
from symdrift.theory.active_axes import learned
from symdrift.theory.linear.points import Direction, learned_direction
from symdrift.theory.linear.two_axes import LABEL_NOISE

CALLED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "network.inputs": ("number of inputs",) * 2,
        "network.outputs": ("number of outputs",) * 2,
        "network.hidden": ("number of hidden units",) * 2,
        "inputs.covariance": ("input variance", "input variances"),
        "inputs.kurtosis": ("kurtosis of the inputs",) * 2,
        "inputs.stimuli": ("component of the stimuli", "components of the stimuli"),
        "inputs.probabilities": ("probability of a stimulus", "probabilities of the stimuli"),
        "inputs.components": ("number of principal components",) * 2,
        "teacher.map": ("gain of the teacher", "gains of the teacher"),
        "teacher.label_noise": ("variance of the label noise", "variances of the label noise"),
        "learning.rate": ("learning rate",) * 2,
        "learning.weight_decay": ("weight decay",) * 2,
        "learning.batch": ("batch size",) * 2,
        "learning.synaptic_noise": ("variance of the synaptic noise",) * 2,
        "learning.minimum": ("number of the minimum",) * 2,
        "learning.momentum": ("momentum",) * 2,
        "learning.tau": ("time of the weights within the layer",) * 2,
    }
)
"""What the numbers of a field are, one of them and several."""

SIZES = ("inputs", "outputs", "hidden")
"""Fields of a network, in the order of the letters n, m and p."""

_ENTRIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "inputs.covariance": ("entry of the input covariance", "entries of the input covariance"),
        "teacher.map": ("entry of the teacher", "entries of the teacher"),
    }
)
"""The same where the field is a matrix."""

MOST_TERMS = 100
"""Terms of a number of a study; the results hold its powers, multiplied out."""

_MOST_CALLED = 12
"""Numbers of a field that are listed with their symbols."""


Exact = Callable[[Expression], sp.Expr]


@dataclass(frozen=True)
class Subject:
    """What a study is about, ready to be put into the general results.

    Attributes
    ----------
    directions : tuple of Direction
        All axes in the order of the study, those of inputs without output and of
        outputs without input included.  One axis stands for all that are learned when a
        size is a symbol.
    inputs, outputs, hidden : sympy.Expr
        Sizes; symbols or integers.
    rank : sympy.Expr
        Number of learned axes.
    hidden_axes : tuple of int
        Positions of the active directions in the order of the hidden axes: by decreasing
        singular value at the study's numbers, or as they stand where it has none.
    learning_rate, weight_decay, batch : sympy.Expr
        The learning rate is the effective one where there is momentum.
    values : Mapping of sympy.Symbol to sympy.Expr
        The numbers that the study gives to its symbols, exactly.
    synaptic_noise : bool
        Whether every weight also receives a change of its own.
    minimum : sympy.Expr
        Number of the strict minimum in the order of losses.
    called : str
        Sentence that says what each of them stands for; empty where there is none.
    inline : dict of str to sympy.Basic
        Symbols that the sentence names.
    """

    directions: tuple[Direction, ...]
    hidden_axes: tuple[int, ...]
    inputs: sp.Expr
    outputs: sp.Expr
    hidden: sp.Expr
    rank: sp.Expr
    learning_rate: sp.Expr
    weight_decay: sp.Expr
    batch: sp.Expr
    values: Mapping[sp.Symbol, sp.Expr]
    synaptic_noise: bool
    minimum: sp.Expr
    called: str
    inline: Mapping[str, sp.Basic]

    @property
    def silent_units_drift(self) -> bool:
        """Whether noise of the synapses turns active axes into silent hidden units."""
        return self.synaptic_noise and self.hidden != self.rank

    @property
    def active(self) -> tuple[int, ...]:
        """Positions of the active directions."""
        return tuple(k for k, d in enumerate(self.directions) if d.active)

    @property
    def symbolic_size(self) -> bool:
        """Whether a size is a symbol, so that one axis stands for all that are learned."""
        return any(size.free_symbols for size in (self.inputs, self.outputs, self.hidden))


def is_aligned(study: Study) -> bool:
    """Whether teacher and Gaussian inputs share axes, as far as the study is written.

    The closed form then applies; an autoencoder is aligned with any covariance.
    """
    return study.inputs.gaussian and shares_axes(study)


def are_data(study: Study) -> bool:
    """Whether the inputs are given one by one, so that they may have a mean."""
    return study.inputs.covariance is None


def shares_axes(study: Study) -> bool:
    """Whether the teacher has the axes of the covariance that the study names."""
    if study.inputs.covariance is None:
        return False
    return _is_autoencoder(study) or (
        _is_diagonal(study.inputs.covariance) and _is_diagonal(study.teacher.map)
    )


def minimum_is_aligned(study: Study) -> bool:
    """Whether teacher and second moment of the inputs share axes, as far as they are written.

    They do for the identity as teacher, whatever the inputs and the label noise.
    """
    identity = study.teacher.map == "identity"
    return shares_axes(study) or (identity and study.network.inputs == study.network.outputs)


def has_open_sizes(study: Study) -> bool:
    """Whether a number of inputs, outputs or hidden units is a symbol."""
    return any(getattr(study.network, field).symbols for field in SIZES)


def is_isotropic(study: Study) -> bool:
    """Whether all axes of the teacher and of the inputs are written alike."""
    return study.teacher.map == "identity" and all(
        isinstance(part, Expression)
        for part in (study.inputs.covariance, study.teacher.label_noise)
    )


def is_isotropic_autoencoder(study: Study) -> bool:
    """Whether an isotropic study has as many outputs as inputs, so that all axes are alike."""
    return is_isotropic(study) and study.network.inputs == study.network.outputs


def has_explicit_rate(study: Study) -> bool:
    """Whether the formulas of two axes are about this study.

    Two inputs, two outputs, hidden units for both, fourth moments that one kurtosis gives and
    the same label noise in both outputs.
    """
    if has_open_sizes(study):
        return False
    inputs, outputs, hidden = (int(getattr(study.network, field).evaluate({})) for field in SIZES)
    noise = study.teacher.label_noise
    alike = not isinstance(noise, tuple) or noise[0] == noise[-1]
    return inputs == outputs == 2 <= hidden and alike and study.inputs.kurtosis is not None


def absent_sources(study: Study) -> tuple[sp.Symbol, ...]:
    """Sources of noise that a study of two axes does not have: kurtosis, label noise."""
    sources = {KURTOSIS: study.inputs.kurtosis, LABEL_NOISE: study.teacher.label_noise}

    def is_absent(value: Expression | tuple[Expression, ...] | None) -> bool:
        numbers = value if isinstance(value, tuple) else (value,)
        return all(not one or not (one.symbols or one.evaluate({})) for one in numbers)

    return tuple(source for source, value in sources.items() if is_absent(value))


def has_synaptic_noise(study: Study) -> bool:
    """Whether every weight also receives a change of its own."""
    noise = study.learning.synaptic_noise
    return bool(noise.symbols) or noise.evaluate({}) != 0


def subject_of(study: Study) -> Subject:
    """Read the directions of an aligned study.

    Raises
    ------
    RequestError
        When a size is a symbol without the network being isotropic or with too few hidden units,
        or a number of the study has too many terms.
    ValueError
        When the study is not aligned (see :func:`is_aligned`).
    """
    if not is_aligned(study):
        raise ValueError("the directions of a study are those of an aligned network")
    for field, value in study.numbers.items():
        terms = expanded_terms(value)
        if value.symbols and terms > MOST_TERMS:
            raise RequestError(
                field,
                f'= "{shown(str(value))}" multiplies out to {terms:.3g} terms, and a derivation '
                f"takes at most {MOST_TERMS}; write one symbol for it, and give that a value",
            )
    names = _in_derivation(study)

    def exact(value: Expression) -> sp.Expr:
        return symbolic(value, {name: names[name] for name in value.symbols})

    sizes = {field: exact(getattr(study.network, field)) for field in SIZES}
    open_sizes = [field for field, size in sizes.items() if not size.is_Integer]
    if open_sizes and not is_isotropic(study):
        raise RequestError(
            f"network.{open_sizes[0]}",
            f"= {sizes[open_sizes[0]]} is a symbol, so that all axes must be alike: one number "
            "for inputs.covariance and teacher.label_noise, and the identity as teacher.map",
        )
    values = _values(study, names)
    inputs = 1 if open_sizes else int(sizes["inputs"])
    outputs = 1 if open_sizes else int(sizes["outputs"])
    variances = _variances(study, inputs, exact)
    gains = _gains(study, inputs, outputs, exact)
    noise = study.teacher.label_noise
    noises = (
        [exact(noise)] * outputs if isinstance(noise, Expression) else [exact(v) for v in noise]
    )
    weight_decay = exact(study.numbers["learning.weight_decay"])
    active = _active(study, len(gains), 1 if open_sizes else int(sizes["hidden"]))
    zero = sp.Integer(0)
    directions = []
    for k in range(max(inputs, outputs)):
        variance = variances[k] if k < inputs else zero
        gain = gains[k] if k < len(gains) else zero
        index, noise = "" if open_sizes else str(k + 1), noises[k] if k < outputs else zero
        directions.append(
            learned_direction(index, variance, noise, gain, weight_decay)
            if k in active
            else Direction(index, variance, noise, zero, gain)
        )
    sentence, inline = called(study)
    turned, eigenvalues = _turned_axes(study, variances)
    rate = exact(study.learning.rate) / (1 - exact(study.learning.momentum))
    faster: tuple[str, dict[str, sp.Basic]] = (
        " With its momentum the learning rate in these results is the effective one, "
        "{effective_rate}.",
        {"effective_rate": rate},
    )
    moving, effective = faster if study.has_momentum else ("", {})
    return Subject(
        directions=tuple(directions),
        hidden_axes=active,
        rank=_learned(sizes, values) if open_sizes else sp.Integer(len(active)),
        learning_rate=rate,
        weight_decay=weight_decay,
        batch=exact(study.learning.batch),
        values=values,
        synaptic_noise=has_synaptic_noise(study),
        minimum=exact(study.learning.minimum),
        called=sentence + turned + moving,
        inline={**inline, **eigenvalues, **effective},
        **sizes,
    )


def _problem(study: Study) -> LearningProblem:
    """Task and network of a study; momentum moves no minimum."""
    return study.with_values({"learning.momentum": 0.0}).problem()


def _in_derivation(study: Study) -> dict[str, sp.Expr]:
    """What stands in the derivation of a study for each of its symbols."""
    sizes = {name for field in SIZES for name in getattr(study.network, field).symbols}
    return {
        name: sp.Symbol(name, positive=True, **({"integer": True} if name in sizes else {}))
        for name in study.symbols
    } | renamed(study)


def renamed(study: Study) -> dict[str, sp.Expr]:
    """Variances of the label noise as squares of the theory's letter, where they are called so."""
    found = renamed_variances(study)
    return {name: symbol("label_noise", index) ** 2 for name, index in found.items()}


def _values(study: Study, names: Mapping[str, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
    """The study's numbers by the symbols of the derivation, exactly."""
    numbers = {name: symbolic(value, {}) for name, value in study.values.items()}
    plain = {names[name]: number for name, number in numbers.items() if name in names}
    return {
        (item if item.is_Symbol else item.base): (number if item.is_Symbol else sp.sqrt(number))
        for item, number in plain.items()
    }


def _learned(sizes: Mapping[str, sp.Expr], values: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """How many of the equal axes of a study with open sizes are learned.

    The smaller of the numbers of inputs and outputs, where that is known without values or by
    those of the study.

    Raises
    ------
    RequestError
        When there are fewer hidden units, as far as this is known.
    """
    inputs, outputs, hidden = (sizes[field] for field in SIZES)
    excess = inputs - outputs
    if excess.is_nonnegative is None:
        excess = excess.xreplace(dict(values))
    rank = sp.Min(inputs, outputs)
    if excess.is_nonnegative is not None:
        rank = outputs if excess.is_nonnegative else inputs
    learned, spare = rank, hidden - rank
    if spare.is_nonnegative is None:
        spare, hidden, rank = (item.xreplace(dict(values)) for item in (spare, hidden, rank))
    if spare.is_negative:
        raise RequestError(
            "network.hidden",
            f"= {hidden} cuts through a tie: all {rank} axes that could be learned lower the loss "
            f"equally, and there is no strict minimum; at least {rank} hidden units are needed",
        )
    return learned


def called(study: Study) -> tuple[str, dict[str, sp.Basic]]:
    """Sentence that says what each symbol of a study stands for, and its inline symbols.

    Empty for a study without symbols.
    """
    symbols: dict[str, sp.Basic] = {}
    parts = []
    network, names, own = study.network, _in_derivation(study), renamed(study)
    alike = network.inputs == network.outputs == network.hidden
    sizes = {"network": ("number of inputs, outputs and hidden units",) * 2} if alike else {}
    for field, nouns in {**sizes, **CALLED}.items():
        if alike and field.startswith("network."):
            continue
        matrix = f"{field}.0.0" in study.numbers
        one, several = _ENTRIES.get(field, nouns) if matrix else nouns
        found = dict.fromkeys(
            symbolic(value, {name: names[name] for name in value.symbols})
            if str(value) not in own
            else str(value)
            for path, value in study.numbers.items()
            if path.startswith(field) and value.symbols
        )
        marks = []
        for value in list(found)[:_MOST_CALLED]:
            if isinstance(value, str):
                marks.append(value)
                continue
            marks.append(f"{{called_{len(symbols)}}}")
            symbols[f"called_{len(symbols)}"] = value
        if marks:
            more = [f"{len(found) - len(marks)} more"] if len(found) > len(marks) else []
            parts.append(
                f"{_listed([*marks, *more])} for the {one if len(found) == 1 else several}"
            )
    if not parts:
        return "", {}
    sentence = f" The study writes {_listed(parts)}."
    for k, value in enumerate(own.values()):
        symbols[f"own_{k}"] = value
    if own:
        letters = "its letter stands" if len(own) == 1 else "their letters stand"
        sentence += (
            f" As {letters} for something else in the theory, {_listed(list(own))} "
            f"{'is' if len(own) == 1 else 'are'} written "
            f"{_listed([f'{{own_{k}}}' for k in range(len(own))])} here."
        )
    return sentence, symbols


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _variances(study: Study, inputs: int, exact: Exact) -> list[sp.Expr]:
    covariance = study.inputs.covariance
    if covariance is None:
        raise TypeError("inputs that are given one by one have no variances along axes")
    if isinstance(covariance, Expression):
        return [exact(covariance)] * inputs
    if isinstance(covariance[0], Expression):
        return [exact(value) for value in covariance]
    matrix = [[exact(value) for value in row] for row in covariance]
    if _is_autoencoder(study) and not sp.Matrix(matrix).is_diagonal():
        # Every orthonormal basis is an axis of the identity: take that of the covariance.
        return [symbol("input_variance", k + 1) for k in range(inputs)]
    return [matrix[k][k] for k in range(inputs)]


def _turned_axes(study: Study, variances: Sequence[sp.Expr]) -> tuple[str, dict[str, sp.Basic]]:
    """Sentence that says what the axes are where the covariance is a full matrix."""
    if _is_diagonal(study.inputs.covariance):
        return "", {}
    text = (
        " The covariance of this study is a full matrix: its axes are the eigenvectors, and "
        "{eigenvalues} the eigenvalues"
    )
    named: dict[str, sp.Basic] = {"eigenvalues": sp.Tuple(*variances)}
    axes = None if study.missing else align(_problem(study))
    if axes is None or isinstance(axes, str):
        return f"{text}.", named
    named["eigenvalue_numbers"] = sp.Tuple(*(sp.Float(v, 5) for v in axes.input_variances))
    return f"{text}, here {{eigenvalue_numbers}}.", named


def _gains(study: Study, inputs: int, outputs: int, exact: Exact) -> list[sp.Expr]:
    teacher = study.teacher.map
    if isinstance(teacher, str):
        return [sp.Integer(1)] * min(inputs, outputs)
    if isinstance(teacher[0], Expression):
        gains = [exact(value) for value in teacher]
    else:
        matrix = [[exact(value) for value in row] for row in teacher]
        gains = [matrix[k][k] for k in range(min(inputs, outputs))]
    # A negative gain is a positive one with its output axis reversed; of an expression such as
    # cos(phi) the study's numbers decide.
    numbers = [] if study.missing else list(np.diagonal(_problem(study).teacher))
    negative = [
        gain.is_negative or (gain.is_negative is None and bool(numbers) and numbers[k] < 0)
        for k, gain in enumerate(gains)
    ]
    return [-gain if reverse else gain for gain, reverse in zip(gains, negative, strict=True)]


def _is_autoencoder(study: Study) -> bool:
    """The identity as teacher, with the same label noise in every direction."""
    return (
        study.teacher.map == "identity"
        and study.network.inputs == study.network.outputs
        and isinstance(study.teacher.label_noise, Expression)
    )


def _is_diagonal(value: object) -> bool:
    """Whether a map or covariance is given by a diagonal, or as a matrix that has no more."""
    if not (isinstance(value, tuple) and isinstance(value[0], tuple)):
        return True
    return all(
        row == column
        or symbolic(entry, {name: sp.Symbol(name, positive=True) for name in entry.symbols}) == 0
        for row, entries in enumerate(value)
        for column, entry in enumerate(entries)
    )


def _active(study: Study, aligned: int, hidden: int) -> tuple[int, ...]:
    """Active positions: by the study's numbers where there are any, else the first axes."""
    if study.missing:
        return tuple(range(min(aligned, hidden)))
    problem = _problem(study)
    axes = align(problem)
    if isinstance(axes, str):
        raise RequestError("inputs.covariance", f"cannot be derived symbolically: {axes}")
    # Studies without a strict minimum are refused, with open sizes as well.
    positions, _ = learned(problem, axes)
    return (0,) if has_open_sizes(study) else tuple(positions.tolist())
