"""A rule of one's own, written as text: what one sample does, or what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symdrift.algebra.matrix_terms import (
    SAMPLE,
    SCALAR,
    Inverted,
    Letter,
    Term,
    degree,
    gradient,
    in_order,
    rebuilt,
    written,
)
from symdrift.algebra.matrix_text import RESERVED, NotATerm, is_name, term_of
from symdrift.errors import RequestError
from symdrift.quoting import shown
from symdrift.rules.rule import Axes, Matrix, Rule

TABLE = "rule"
"""Table of a study that holds the rule."""

MOST_PARTS = 500
"""Letters and operations of one term."""

_AT_HAND = ("x", "target", "weight_decay")


@dataclass(frozen=True)
class RuleText:
    """A rule as it is written.

    Attributes
    ----------
    weights : Mapping of str to (str, str)
        Weight matrices with what their rows and columns count: ``inputs``, ``outputs``,
        ``hidden``, or ``hidden_1``, ``hidden_2`` and so on.
    activity : Mapping of str to str
        By hidden axis its activity.
    update : Mapping of str to str
        By weight matrix what one sample changes; empty where a loss is given.
    loss : str
        What one sample costs; its negative slope is the update.
    define : Mapping of str to str
        Names for terms, in order: later ones may use earlier ones.
    parameters : Mapping of str to number
    """

    weights: Mapping[str, Axes]
    activity: Mapping[str, str]
    update: Mapping[str, str] = field(default_factory=dict)
    loss: str = ""
    define: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnRule(Rule):
    """A rule that a study writes down, whose axes fit.

    Attributes
    ----------
    text : RuleText
    teacher : Matrix or None
        ``A``, shape ``(m, n)``, of which ``target = A x + epsilon``; ``None`` without outputs.
    weight_decay : float or sympy.Expr
        What ``weight_decay`` means in the text.

    Raises
    ------
    RequestError
        Naming the text and the term in it where axes do not fit, or the basis of a hidden layer
        would matter.
    """

    text: RuleText
    teacher: Matrix | None = None
    weight_decay: Any = 0.0

    def __post_init__(self) -> None:
        # Reads everything once, so that what cannot be read is refused here.
        self._require_divisors([*self._update, *self._activity.values()])

    @property
    def weights(self) -> Mapping[str, Axes]:
        return self.text.weights

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        return rebuilt(self._update, self._values(weights, sample_input, label_noise))

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        found = rebuilt([*self._activity.values()], self._values(weights, sample_input, None))
        return dict(zip(self._activity, found, strict=True))

    @property
    def in_letters(self) -> tuple[Term, ...]:
        """What one sample changes in each weight matrix, with letters for all that has a name."""
        return self._update

    @cached_property
    def named(self) -> frozenset[str]:
        """Names of all letters that something depends on."""
        used = in_order([*self._update, *self._activity.values()])
        return frozenset(term.name for term in used if isinstance(term, Letter))

    def _require_divisors(self, terms: Sequence[Term]) -> None:
        """Refuse numbers to divide by that are zero."""
        numbers = {self._letters[name]: given for name, given in self.text.parameters.items()}
        numbers[self._letters["weight_decay"]] = self.weight_decay
        for term in in_order(terms):
            if isinstance(term, Inverted) and term.is_scalar:
                divisor = term.term
                letters = {part for part in in_order([divisor]) if isinstance(part, Letter)}
                if letters <= numbers.keys() and rebuilt([divisor], numbers)[0] == 0:
                    zero = f'"{written(divisor)}", which is 0' if letters else "0"
                    raise RequestError(TABLE, f"divides by {zero}")

    def _values(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix | None
    ) -> dict[Letter, Any]:
        """What letters mean, those that are used."""
        letters = self._letters
        values: dict[Letter, Any] = {letters["x"]: sample_input}
        values[letters["weight_decay"]] = self.weight_decay
        if self.teacher is not None and label_noise is not None:
            values[letters["target"]] = self.teacher @ sample_input + label_noise
        named = zip(self.weights, weights, strict=True)
        return values | {letters[n]: v for n, v in (*named, *self.text.parameters.items())}

    @cached_property
    def _letters(self) -> dict[str, Letter]:
        """Everything that has a name but terms."""
        found = {
            "x": Letter("inputs", SAMPLE, "x"),
            "weight_decay": Letter(SCALAR, SCALAR, "weight_decay"),
        }
        if self.teacher is not None:
            found["target"] = Letter("outputs", SAMPLE, "target")
        for name in self.text.parameters:
            _require_name(f"{TABLE}.parameters", name, found)
            found[name] = Letter(SCALAR, SCALAR, name)
        for name, axes in self.weights.items():
            _require_name(f"{TABLE}.weights", name, found)
            require_axes(name, axes, self.teacher is not None)
            found[name] = Letter(*axes, name)
        return found

    @cached_property
    def _names(self) -> dict[str, Term]:
        """The same with the terms that are defined."""
        found: dict[str, Term] = dict(self._letters)
        for name, text in self.text.define.items():
            _require_name(f"{TABLE}.define", name, found)
            found[name] = _read(f"{TABLE}.define.{name}", text, found)
        return found

    @cached_property
    def _update(self) -> tuple[Term, ...]:
        """What one sample changes in each weight matrix."""
        text = self.text
        if bool(text.loss) == bool(text.update):
            raise RequestError(TABLE, 'needs either "update" or "loss", and not both')
        if text.loss:
            return self._descent(_read(f"{TABLE}.loss", text.loss, self._names))
        _require_keys(f"{TABLE}.update", text.update, self.weights, "a weight matrix")
        found = []
        for name, axes in self.weights.items():
            term = _read(f"{TABLE}.update.{name}", text.update[name], self._names)
            _require_fit(f"{TABLE}.update.{name}", text.update[name], term, axes, name)
            found.append(term)
        return tuple(found)

    def _descent(self, loss: Term) -> tuple[Term, ...]:
        """Negative slope of the loss of a sample."""
        place = f"{TABLE}.loss"
        _require_fit(place, self.text.loss, loss, (SCALAR, SCALAR), "a loss")
        letters = [self._letters[name] for name in self.weights]
        one = term_of("1", {})
        found = []
        for letter, slope in zip(letters, gradient([loss], [one], letters), strict=True):
            if slope is None:
                raise RequestError(place, f"does not depend on {letter.name}, which never learns")
            found.append(-slope)
        return tuple(found)

    @cached_property
    def _activity(self) -> dict[str, Term]:
        """What is watched in each hidden layer."""
        place, found = f"{TABLE}.activity", {}
        if not self.hidden_axes:
            raise RequestError(f"{TABLE}.weights", "has no hidden axis, whose drift is asked")
        _require_keys(place, self.text.activity, self.hidden_axes, "a hidden axis")
        for axis in self.hidden_axes:
            text = self.text.activity[axis]
            term = _read(f"{place}.{axis}", text, self._names)
            _require_fit(f"{place}.{axis}", text, term, (axis, SAMPLE), "an activity")
            letters = self._letters
            heard = "target" in letters and degree(term, [letters["target"]]) > 0
            if heard or degree(term, [letters["x"]]) != 1:
                raise RequestError(
                    f"{place}.{axis}",
                    f'= "{shown(text)}" must be linear in x, and in nothing else of the sample',
                )
            found[axis] = term
        return found


def _read(place: str, text: str, names: Mapping[str, Term]) -> Term:
    try:
        term = term_of(text, names)
    except NotATerm as problem:
        raise RequestError(place, f'= "{shown(text)}" {problem}') from None
    if (parts := len(in_order([term]))) > MOST_PARTS:
        raise RequestError(
            place,
            f'= "{shown(text)}" has {parts} parts, what it names included; at most {MOST_PARTS} '
            "are allowed",
        )
    return term


def _require_name(place: str, name: str, taken: Mapping[str, object]) -> None:
    if is_name(name) and not (name in taken or name in _AT_HAND):
        return
    problem = "is no name: letters, digits and underscores are allowed"
    if name in RESERVED or name in _AT_HAND:
        problem = f"is taken: {', '.join((*_AT_HAND, *RESERVED))} mean something in every rule"
    elif name in taken:
        problem = "is taken: a parameter, weight matrix or earlier term has this name"
    raise RequestError(f"{place}.{shown(name)}", problem)


def require_axes(name: str, axes: Axes, outputs: bool) -> None:
    """Refuse axes of a weight matrix that are not there.

    Parameters
    ----------
    name : str
        Of the matrix.
    axes : tuple of (str, str)
    outputs : bool
        Whether there are outputs.
    """
    place = f"{TABLE}.weights.{name}"
    for axis in axes:
        stem, _, number = axis.partition("_")
        hidden = stem == "hidden" and ("_" not in axis or number.isdigit())
        if not hidden and axis not in ("inputs", "outputs"):
            raise RequestError(
                place,
                f'has the axis "{shown(axis)}"; axes are inputs, outputs, hidden, and '
                "hidden_1, hidden_2 and so on",
            )
        if axis == "outputs" and not outputs:
            raise RequestError(place, "has the axis outputs, and the study has none")


def _require_keys(
    place: str, given: Mapping[str, str], needed: Mapping[str, object] | tuple[str, ...], what: str
) -> None:
    for name in given:
        if name not in needed:
            raise RequestError(
                f"{place}.{shown(name)}", f"is not {what}; these are {', '.join(needed)}"
            )
    for name in needed:
        if name not in given:
            raise RequestError(f"{place}.{name}", "is missing")


def _require_fit(place: str, text: str, term: Term, axes: Axes, name: str) -> None:
    if (term.rows, term.columns) != tuple(axes):
        found, needed = (
            "a scalar" if SCALAR in pair else f"[{', '.join(pair)}]"
            for pair in ((term.rows, term.columns), axes)
        )
        raise RequestError(place, f'= "{shown(text)}" is {found}, and {name} is {needed}')
