"""Arithmetic in named symbols, read from text without ever evaluating code.

The language is names, decimal numbers, ``+ - * / **``, parentheses, ``sqrt(...)``,
``cos(...)`` and ``sin(...)``.  Numbers are kept exactly as they are written: ``0.2`` is one fifth.
An exponent is a rational number, so that ``x**2``, ``x**-1`` and ``x**(3/2)`` are
expressions and ``x**y`` is not.
"""

from __future__ import annotations

import math
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.quoting import shown

Array = NDArray[np.float64]

LONGEST_TEXT = 500
"""Characters in one expression."""
DEEPEST_NESTING = 40
"""Parentheses, signs and powers inside one another."""
LARGEST_EXPONENT = 64
"""Magnitude of the exponents along one path of an expression, multiplied together."""
LARGEST_NUMBER = 1e100
"""Magnitude of a number as written; the smallest is its inverse."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<operator>\*\*|[-+*/()]))",
    re.ASCII,
)
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {"cos": math.cos, "sin": math.sin}
_RESERVED = ("sqrt", *_FUNCTIONS)
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}
_SIGN = 3
"""How tightly signs and powers bind: a sign may stand before each operand, ``a*-b``."""
_NO_NUMBERS = frozenset(["inf", "infinity", "nan"])
"""What arithmetic makes of a number that is none; as a name it would ask for a value."""


class _Malformed(ValueError):
    """Rest of the sentence that says what is wrong with an expression."""


class _OutOfRange(_Malformed):
    """The expression is one, with numbers or powers beyond what is allowed."""


class _Underflow(ArithmeticError):
    """A product or power that is not zero came out as zero."""


class Expression(ABC):
    """A number written as arithmetic in named symbols; immutable and hashable."""

    @property
    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols, each once, in order of appearance."""

    @abstractmethod
    def _float(self, values: Mapping[str, float]) -> float: ...

    @abstractmethod
    def _array(self, values: Mapping[str, Array]) -> Array: ...

    @abstractmethod
    def _text(self, binding: int) -> str:
        """Text, parenthesised unless it binds at least as tightly as ``binding``."""

    def __str__(self) -> str:
        return self._text(0)

    def evaluate(self, values: Mapping[str, float], field: str = "the expression") -> float:
        """Number for given values of the symbols.

        Parameters
        ----------
        values : Mapping of str to float
            A value for each of ``symbols``; others are ignored.
        field : str
            What an error message calls the expression.

        Raises
        ------
        RequestError
            When a value is missing, or the result is not a finite real number.
        """
        where = " at these values" if self.symbols else ""
        try:
            result = self._float(values)
        except KeyError as error:
            raise RequestError(field, f'= "{self}" needs a value for {error.args[0]}') from None
        except ZeroDivisionError:
            raise RequestError(field, f'= "{self}" divides by zero') from None
        except _Underflow:
            raise RequestError(
                field, f'= "{self}" is not zero, and too small for double precision{where}'
            ) from None
        except OverflowError:
            result = math.inf
        except ValueError:
            result = math.nan
        if not math.isfinite(result):
            raise RequestError(
                field, f'= "{self}" is not a finite real number of double precision{where}'
            )
        return result

    def evaluate_all(self, values: Mapping[str, Array]) -> Array:
        """Numbers for many values of the symbols, NaN where `evaluate` would refuse.

        Parameters
        ----------
        values : Mapping of str to ndarray
            A value for each of ``symbols``, shapes that broadcast.
        """
        with np.errstate(all="ignore"):
            result = np.asarray(self._array(values), dtype=float)
        return np.where(np.isfinite(result), result, np.nan)


@dataclass(frozen=True)
class Number(Expression):
    """An exact rational number."""

    value: Fraction

    @property
    def symbols(self) -> tuple[str, ...]:
        return ()

    def _float(self, values: Mapping[str, float]) -> float:
        return float(self.value)

    def _array(self, values: Mapping[str, Array]) -> Array:
        return np.asarray(float(self.value))

    def _text(self, binding: int) -> str:
        text = _decimal(self.value)
        quotient = "/" in text and binding > 1
        return f"({text})" if quotient or (self.value < 0 and binding > _SIGN) else text


@dataclass(frozen=True)
class Symbol(Expression):
    """A named quantity."""

    name: str

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.name,)

    def _float(self, values: Mapping[str, float]) -> float:
        return float(values[self.name])

    def _array(self, values: Mapping[str, Array]) -> Array:
        return values[self.name]

    def _text(self, binding: int) -> str:
        return self.name


@dataclass(frozen=True)
class Operation(Expression):
    """Sum, difference, product or quotient of two expressions."""

    operator: str
    left: Expression
    right: Expression

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.left.symbols + self.right.symbols))

    def _float(self, values: Mapping[str, float]) -> float:
        left, right = self.left._float(values), self.right._float(values)
        result = _ARITHMETIC[self.operator](left, right)
        if result == 0 and left and right and self.operator in "*/":
            raise _Underflow
        return result

    def _array(self, values: Mapping[str, Array]) -> Array:
        left, right = self.left._array(values), self.right._array(values)
        result: Array = _ARITHMETIC[self.operator](left, right)  # type: ignore[arg-type, assignment]
        if self.operator in "*/":
            return np.where((result == 0) & (left != 0) & (right != 0), np.nan, result)
        return result

    def _text(self, binding: int) -> str:
        own = _BINDING[self.operator]
        space = " " if own == 1 else ""
        right = self.right._text(own + 1)
        text = f"{self.left._text(own)}{space}{self.operator}{space}{right}"
        return f"({text})" if own < binding else text


@dataclass(frozen=True)
class Negation(Expression):
    """An expression with the opposite sign."""

    operand: Expression

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.operand.symbols

    def _float(self, values: Mapping[str, float]) -> float:
        return -self.operand._float(values)

    def _array(self, values: Mapping[str, Array]) -> Array:
        return -self.operand._array(values)

    def _text(self, binding: int) -> str:
        text = f"-{self.operand._text(_SIGN)}"
        return f"({text})" if binding > _SIGN else text


@dataclass(frozen=True)
class Power(Expression):
    """An expression raised to a rational number; a square root is the power one half."""

    base: Expression
    exponent: Fraction

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.base.symbols

    def _float(self, values: Mapping[str, float]) -> float:
        base = self.base._float(values)
        if self.exponent == Fraction(1, 2):
            return math.sqrt(base)
        if base == 0 and self.exponent < 0:
            return 1 / base
        result = math.pow(base, self.exponent)
        if result == 0 and base:
            raise _Underflow
        return result

    def _array(self, values: Mapping[str, Array]) -> Array:
        base = self.base._array(values)
        if self.exponent == Fraction(1, 2):
            return np.asarray(np.sqrt(base))
        result = np.power(base, float(self.exponent))
        return np.where((result == 0) & (base != 0), np.nan, result)

    def _text(self, binding: int) -> str:
        if self.exponent == Fraction(1, 2):
            return f"sqrt({self.base._text(0)})"
        exponent = _decimal(self.exponent)
        exponent = f"({exponent})" if "/" in exponent else exponent
        text = f"{self.base._text(_SIGN + 1)}**{exponent}"
        return f"({text})" if binding > _SIGN else text


@dataclass(frozen=True)
class Function(Expression):
    """Cosine or sine of an expression, in radians."""

    name: str
    operand: Expression

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.operand.symbols

    def _float(self, values: Mapping[str, float]) -> float:
        return _FUNCTIONS[self.name](self.operand._float(values))

    def _array(self, values: Mapping[str, Array]) -> Array:
        function: np.ufunc = getattr(np, self.name)
        return np.asarray(function(self.operand._array(values)))

    def _text(self, binding: int) -> str:
        return f"{self.name}({self.operand._text(0)})"


def is_name(text: str) -> bool:
    """Whether a text can name a symbol: letters, digits, underscores; no function, no ``inf``."""
    return _NAME.fullmatch(text) is not None and text.lower() not in (*_RESERVED, *_NO_NUMBERS)


def number(value: int | float, field: str = "the number") -> Number:
    """Exact expression of a number; a float means its shortest decimal representation.

    Raises
    ------
    RequestError
        When the number is not finite, or absurdly large or small.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError(field, f"= {value} must be a finite number")
    try:
        if isinstance(value, int):
            if abs(value) > LARGEST_NUMBER:
                raise _beyond(hex(value))
            return Number(Fraction(value))
        return Number(_exact(repr(float(value))))
    except _Malformed as problem:
        raise RequestError(field, str(problem)) from None


def parse(text: str, field: str = "the expression") -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        For example ``"lambda_1"``, ``"2/n"`` or ``"sqrt(1 - rho**2)"``.
    field : str
        What an error message calls the expression.

    Raises
    ------
    RequestError
        When the text is too long or is not an expression.
    """
    if len(text) > LONGEST_TEXT:
        raise RequestError(
            field, f"is an expression of {len(text)} characters; at most {LONGEST_TEXT} are allowed"
        )
    try:
        expression = _Parser(text).expression_to_the_end()
        _bound_powers(expression)
    except _OutOfRange as problem:
        raise RequestError(field, f'= "{shown(text)}" {problem}') from None
    except _Malformed as problem:
        raise RequestError(
            field, f'= "{shown(text)}" is not an arithmetic expression: {problem}'
        ) from None
    return expression


def parse_number(text: str, field: str) -> float:
    """Number of an argument: arithmetic without symbols.

    Raises
    ------
    RequestError
        When the text is no arithmetic, names a symbol, or is not a finite real number.
    """
    expression = parse(text, field)
    if expression.symbols:
        raise RequestError(field, f'= "{shown(text)}" must be a number; it names a symbol')
    return expression.evaluate({}, field)


def whole_number(text: str) -> int:
    """A count on the command line; -1 for what is none, or has more digits than any count."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _exact(text: str) -> Fraction:
    """Exact value of a decimal literal of sane magnitude."""
    if not any(digit in "123456789" for digit in text.lower().partition("e")[0]):
        return Fraction(0)
    if not 1 / LARGEST_NUMBER <= abs(float(text)) <= LARGEST_NUMBER:
        raise _beyond(text)
    return Fraction(text)


def _beyond(text: str) -> _OutOfRange:
    return _OutOfRange(
        f"has the number {shown(text)}, outside the range "
        f"{1 / LARGEST_NUMBER:g} to {LARGEST_NUMBER:g}"
    )


def _decimal(value: Fraction) -> str:
    """Shortest text of a rational number: a decimal where there is one."""
    if value.denominator == 1 and abs(value) < 10**16:
        return str(value.numerator)
    decimal = repr(float(value))
    if Fraction(decimal) == value:
        return decimal
    if value.denominator == 1:
        return str(value.numerator)
    places = value.denominator.bit_length()
    digits = value * 10**places
    if digits.denominator > 1:
        return f"{value.numerator}/{value.denominator}"
    written = str(digits.numerator)
    zeros = len(written) - len(written.rstrip("0"))
    return f"{written.rstrip('0')}e{zeros - places}"


def expanded_terms(expression: Expression) -> int:
    """Terms of an expression, at most, once its products and powers are multiplied out."""
    match expression:
        case Operation(operator=sign, left=left, right=right):
            first, second = expanded_terms(left), expanded_terms(right)
            return first + second if sign in "+-" else first * second
        case Negation(operand=operand):
            return expanded_terms(operand)
        case Power(base=base, exponent=exponent):
            terms, times = expanded_terms(base), math.ceil(abs(exponent))
            return math.comb(terms + times - 1, times)
        case _:
            return 1


def _bound_powers(expression: Expression) -> Fraction:
    """Largest product of exponents along a path, refused when exact powers would explode."""
    if isinstance(expression, Operation):
        return max(_bound_powers(expression.left), _bound_powers(expression.right))
    if isinstance(expression, Negation):
        return _bound_powers(expression.operand)
    if isinstance(expression, Function):
        # What a function holds is not multiplied out, however often the function is.
        _bound_powers(expression.operand)
    if not isinstance(expression, Power):
        return Fraction(1)
    degree = max(abs(expression.exponent), Fraction(1)) * _bound_powers(expression.base)
    if degree > LARGEST_EXPONENT or expression.exponent.denominator > LARGEST_EXPONENT:
        raise _OutOfRange(f"has powers that multiply to more than {LARGEST_EXPONENT}")
    return degree


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokenize(text)
        self._position = 0
        self._depth = 0

    def expression_to_the_end(self) -> Expression:
        expression = self._sum()
        if self._position < len(self._tokens):
            raise _Malformed(f'"{self._tokens[self._position]}" is not expected there')
        return expression

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise _Malformed(f'a "{token}" is missing')

    def _sum(self) -> Expression:
        left = self._product()
        while self._peek() in ("+", "-"):
            left = Operation(self._take(), left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self._peek() in ("*", "/"):
            left = Operation(self._take(), left, self._signed())
        return left

    def _signed(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise _Malformed(f"it is nested more than {DEEPEST_NESTING} levels deep")
        expression = self._signed_within_bounds()
        self._depth -= 1
        return expression

    def _signed_within_bounds(self) -> Expression:
        if self._peek() in ("+", "-"):
            sign, operand = self._take(), self._signed()
            if sign == "+":
                return operand
            if isinstance(operand, Number):
                return Number(-operand.value)
            return Negation(operand)
        base = self._atom()
        if self._peek() != "**":
            return base
        self._take()
        return Power(base, _rational(self._signed()))

    def _atom(self) -> Expression:
        token = self._take()
        if token == "(" or token in _RESERVED:
            if token != "(":
                self._expect("(")
            inside = self._sum()
            self._expect(")")
            if token in _FUNCTIONS:
                return Function(token, inside)
            return inside if token == "(" else Power(inside, Fraction(1, 2))
        if token.lower() in _NO_NUMBERS:
            raise _Malformed(f'"{token}" is no finite number')
        if _NAME.fullmatch(token):
            if self._peek() == "(":
                raise _Malformed(f'"{token}(" is not allowed; functions are {", ".join(_RESERVED)}')
            return Symbol(token)
        if token and token[0] in "0123456789.":
            return Number(_exact(token))
        raise _Malformed(f'"{token}" is not expected there' if token else "it ends too early")


def _tokenize(text: str) -> tuple[str, ...]:
    tokens = []
    text = text.rstrip()
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _Malformed(
                f'"{shown(text[position:].lstrip()[:1])}" is not allowed in it; names, numbers, '
                "+ - * / **, parentheses, sqrt, cos and sin are"
            )
        tokens.append(match.group().lstrip())
        position = match.end()
    return tuple(tokens)


def _rational(expression: Expression) -> Fraction:
    """Exact value of an exponent."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Negation):
        return -_rational(expression.operand)
    if isinstance(expression, Operation):
        left, right = _rational(expression.left), _rational(expression.right)
        if expression.operator == "+":
            return left + right
        if expression.operator == "-":
            return left - right
        if expression.operator == "*":
            return left * right
        if right == 0:
            raise _Malformed("an exponent divides by zero")
        return left / right
    raise _Malformed(
        f'the exponent "{expression}" must be a number, or a sum, product or quotient of numbers'
    )
