"""The parts of a study; every number is an :class:`Expression`, every rate per SGD step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from symdrift.expressions import Expression

Vector = tuple[Expression, ...]
Matrix = tuple[Vector, ...]


@dataclass(frozen=True)
class Network:
    """Sizes ``n``, ``m`` and ``p`` of a two-layer linear network."""

    inputs: Expression
    outputs: Expression
    hidden: Expression


@dataclass(frozen=True)
class GaussianInputs:
    """Gaussian inputs; ``covariance`` is one variance, the eigenvalues, or a matrix."""

    covariance: Expression | Vector | Matrix
    distribution: ClassVar[str] = "gaussian"


@dataclass(frozen=True)
class EllipticalInputs:
    """Elliptical inputs, whose fourth moments are ``1 + kurtosis`` times the Gaussian ones."""

    covariance: Expression | Vector | Matrix
    kurtosis: Expression
    distribution: ClassVar[str] = "elliptical"


@dataclass(frozen=True)
class StimulusInputs:
    """A finite set of stimuli, one per row, shown with these probabilities."""

    stimuli: Matrix
    probabilities: Vector
    distribution: ClassVar[str] = "stimuli"


@dataclass(frozen=True)
class SampleInputs:
    """Rows of a file, shown with equal probability.

    ``columns`` are names from the header or numbers from 1, empty for all; ``center`` takes the
    mean out; ``components`` is how many principal components replace the columns.
    """

    file: Path
    columns: tuple[str | int, ...] = ()
    center: bool = False
    components: Expression | None = None
    distribution: ClassVar[str] = "samples"


InputsSpecification = GaussianInputs | EllipticalInputs | StimulusInputs | SampleInputs


@dataclass(frozen=True)
class Teacher:
    """Target ``y = A x + noise``.

    ``map`` is ``"identity"``, the gains on the diagonal, or the whole matrix, shape
    ``(m, n)``; ``label_noise`` is one variance for all outputs, or one per output.
    """

    map: str | Vector | Matrix
    label_noise: Expression | Vector


@dataclass(frozen=True)
class Learning:
    """Online SGD: rate ``eta``, weight decay ``gamma``, samples and weight noise per step."""

    rate: Expression
    weight_decay: Expression
    batch: Expression
    synaptic_noise: Expression


@dataclass(frozen=True)
class NamedStimulus:
    """An input whose representation is followed."""

    name: str
    vector: Vector


@dataclass(frozen=True)
class Specification:
    """What a study's file says, part by part; symbolic where it names symbols.

    Attributes
    ----------
    name : str
        Stem of the study's file.
    title : str
    source : Path
        The study's file.
    network, inputs, teacher, learning
        What is derived from.
    stimulus : tuple of NamedStimulus
        Stimuli to follow; empty stands for the stimuli of a set, or for the input axes.
    notation : Mapping of str to str
        LaTeX by role, one of :data:`symdrift.study.roles.ROLES`.
    values : Mapping of str to Expression
        Numbers for the symbols, where known; they never enter a derivation.
    document : Mapping
        The table that the study was read from.
    """

    name: str
    title: str
    source: Path
    network: Network
    inputs: InputsSpecification
    teacher: Teacher
    learning: Learning
    stimulus: tuple[NamedStimulus, ...]
    notation: Mapping[str, str]
    values: Mapping[str, Expression]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @cached_property
    def numbers(self) -> Mapping[str, Expression]:
        """Every number of the study by its dotted field, in the order of the study."""
        parts = ("network", "inputs", "teacher", "learning", "stimulus")
        return dict(leaf for part in parts for leaf in _leaves(part, getattr(self, part)))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols, in order of appearance."""
        return tuple(
            dict.fromkeys(name for number in self.numbers.values() for name in number.symbols)
        )

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Symbols that have no value yet."""
        return tuple(name for name in self.symbols if name not in self.values)


def _leaves(path: str, part: object) -> Iterator[tuple[str, Expression]]:
    if isinstance(part, Expression):
        yield path, part
    elif isinstance(part, tuple):
        for index, entry in enumerate(part):
            yield from _leaves(f"{path}.{index}", entry)
    elif is_dataclass(part):
        for entry in fields(part):
            yield from _leaves(f"{path}.{entry.name}", getattr(part, entry.name))
