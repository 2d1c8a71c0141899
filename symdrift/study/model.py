"""The parts of a study; every number is an :class:`Expression`, every rate per SGD step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

from symdrift.expressions import Expression, number
from symdrift.study.fields import Part, Parts, Variant, held_numbers
from symdrift.study.kinds import (
    COLUMNS,
    COUNT,
    DATA_FILE,
    FLAG,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SIZE,
    VALUES,
    VARIANCE,
    Matrix,
    Numbers,
    Vector,
    leaves,
    one_of,
    text,
)
from symdrift.study.notation import NOTATION
from symdrift.study.rule_table import RuleTable

MOST_STIMULI = 1000
"""Stimuli that a study follows; the drift of each is reported."""
LONGEST_NAME = 40
"""Characters of a stimulus's name, which stands in legends and in the rows of tables."""

_ONE, _FREE = (), ("",)
_INPUTS, _OUTPUTS = ("network.inputs",), ("network.outputs",)
_NONE, _ONE_SAMPLE, _FIRST = number(0), number(1), number(1)
_Covariance = Annotated[
    Expression | Vector | Matrix,
    Numbers(VARIANCE, (_ONE, _INPUTS, _INPUTS + _INPUTS)),
    "variance of all inputs, variance of each, or covariance",
]


RULES = ("sgd", "tied_autoencoder", "oja", "similarity_matching", "deep_linear", "own")
"""Learning rules by their names in a file."""


@dataclass(frozen=True)
class Network:
    """Sizes ``n``, ``m`` and ``p`` of a network; a rule without a teacher has no outputs."""

    inputs: Annotated[Expression, Numbers(SIZE), "inputs"]
    hidden: Annotated[
        Expression | Vector,
        Numbers(SIZE, (_ONE, _FREE), entries="sizes"),
        "hidden units, or those of each hidden layer",
    ]
    outputs: Annotated[
        Expression | None, Numbers(SIZE), "outputs, where the rule has a teacher; needed there"
    ] = None


# Besides its fields each distribution has its name in a file, what sentences call it, the kurtosis
# by which its fourth moments are a multiple of Gaussian ones, None where they are not, whether it
# is Gaussian, and its covariance, None where inputs are given one by one.


@dataclass(frozen=True)
class GaussianInputs:
    """Gaussian inputs; ``covariance`` is one variance, the eigenvalues, or a matrix."""

    covariance: _Covariance
    distribution: ClassVar[str] = "gaussian"
    called: ClassVar[str] = "Gaussian inputs"
    gaussian: ClassVar[bool] = True
    kurtosis: ClassVar[Expression] = _NONE


@dataclass(frozen=True)
class EllipticalInputs:
    """Elliptical inputs, whose fourth moments are ``1 + kurtosis`` times the Gaussian ones."""

    covariance: _Covariance
    kurtosis: Annotated[
        Expression, Numbers(), "a third of the excess kurtosis, at least -2/(n + 2)"
    ]
    distribution: ClassVar[str] = "elliptical"
    called: ClassVar[str] = "elliptical inputs"
    gaussian: ClassVar[bool] = False


@dataclass(frozen=True)
class StimulusInputs:
    """A finite set of stimuli, one per row, shown with these probabilities."""

    stimuli: Annotated[Matrix, Numbers(shapes=(_FREE + _INPUTS,)), "a stimulus in each row"]
    probabilities: Annotated[
        Vector,
        Numbers(
            NOT_NEGATIVE,
            (_FREE,),
            advice="; give the probability of each stimulus, together 1",
        ),
        "probability of each stimulus, together 1",
    ]
    distribution: ClassVar[str] = "stimuli"
    called: ClassVar[str] = "a finite set of stimuli"
    gaussian: ClassVar[bool] = False
    covariance: ClassVar[None] = None
    kurtosis: ClassVar[None] = None


@dataclass(frozen=True)
class SampleInputs:
    """Rows of a file, shown with equal probability.

    Without ``columns`` all are taken; ``center`` takes the mean out, which is done for principal
    components where nothing else is said.
    """

    file: Annotated[Path, DATA_FILE, "table with a sample in each row, relative to the study"]
    columns: Annotated[tuple[str | int, ...], COLUMNS, "columns to take, in this order"] = ()
    center: Annotated[
        bool | None, FLAG, "take the mean of each column out; by default for components only"
    ] = None
    components: Annotated[
        Expression | None, Numbers(SIZE), "principal components in the place of the columns"
    ] = None
    distribution: ClassVar[str] = "samples"
    called: ClassVar[str] = "the rows of a data file"
    gaussian: ClassVar[bool] = False
    covariance: ClassVar[None] = None
    kurtosis: ClassVar[None] = None


InputsSpecification = GaussianInputs | EllipticalInputs | StimulusInputs | SampleInputs


@dataclass(frozen=True)
class Teacher:
    """Target ``y = A x + noise``.

    ``map`` is ``"identity"``, the gains on the diagonal, or the whole matrix, shape
    ``(m, n)``; ``label_noise`` is one variance for all outputs, or one per output.
    """

    map: Annotated[
        str | Vector | Matrix,
        Numbers(shapes=(_FREE, _OUTPUTS + _INPUTS), word="identity", entries="gains"),
        "teacher map",
    ] = "identity"
    label_noise: Annotated[
        Expression | Vector,
        Numbers(NOT_NEGATIVE, (_ONE, _OUTPUTS)),
        "variance of the label noise of all outputs, or of each",
    ] = _NONE


@dataclass(frozen=True)
class Learning:
    """Online learning: rule, rate ``eta``, weight decay ``gamma``, samples and noise per step."""

    rate: Annotated[Expression, Numbers(POSITIVE), "learning rate"]
    weight_decay: Annotated[
        Expression | None,
        Numbers(NOT_NEGATIVE),
        "weight decay, where the rule has one; needed there",
    ] = None
    rule: Annotated[str, one_of(*RULES), "learning rule"] = RULES[0]
    momentum: Annotated[
        Expression, Numbers(SHARE), "share of the velocity that each step keeps (heavy ball)"
    ] = _NONE
    tau: Annotated[
        Expression | None,
        Numbers(POSITIVE),
        "how many times slower than the others the weights within the layer learn, in "
        "similarity matching; 1 where it is not given",
    ] = None
    batch: Annotated[Expression, Numbers(COUNT), "samples per SGD step"] = _ONE_SAMPLE
    synaptic_noise: Annotated[
        Expression, Numbers(NOT_NEGATIVE), "variance added to each weight per SGD step"
    ] = _NONE
    minimum: Annotated[
        Expression,
        Numbers(COUNT),
        "strict minimum at which learning has ended, by its place in the order of losses; under "
        "other rules the orbit, those first that more starting points lead to",
    ] = _FIRST


@dataclass(frozen=True)
class NamedStimulus:
    """An input whose representation is followed."""

    name: Annotated[str, text(LONGEST_NAME), "name in tables and figures"]
    vector: Annotated[Vector, Numbers(shapes=(_INPUTS,)), "the input"]


@dataclass(frozen=True, kw_only=True)
class Specification:
    """What a study's file says, part by part; symbolic where it names symbols.

    Attributes
    ----------
    name : str
        Stem of the study's file.
    source : Path
        The study's file.
    document : Mapping
        The table that the study was read from.
    title : str
    network, inputs, teacher, learning
        What is derived from.
    rule : RuleTable or None
        A learning rule of one's own.
    stimulus : tuple of NamedStimulus
        Stimuli to follow; empty stands for the stimuli of a set, or for the input axes.
    notation : Mapping of str to str
        LaTeX by role, one of :data:`symdrift.study.roles.ROLES`.
    values : Mapping of str to Expression
        Numbers for the symbols, where known; they never enter a derivation.
    """

    name: str
    source: Path
    document: Mapping[str, Any] = field(repr=False, compare=False)
    title: Annotated[str, text(), "title of documents; by default the name of the file"] = ""
    network: Annotated[Network, Part(Network), "network"]
    inputs: Annotated[
        InputsSpecification,
        Variant("distribution", *get_args(InputsSpecification)),
        "inputs",
    ]
    teacher: Annotated[Teacher, Part(Teacher), "teacher"] = Teacher()
    learning: Annotated[Learning, Part(Learning), "learning"]
    rule: Annotated[
        RuleTable | None, Part(RuleTable), 'the rule itself, with learning.rule = "own"'
    ] = None
    stimulus: Annotated[
        tuple[NamedStimulus, ...], Parts(NamedStimulus, MOST_STIMULI), "stimuli that are followed"
    ] = ()
    notation: Annotated[Mapping[str, str], NOTATION, "how symbols are printed"] = field(
        default_factory=dict
    )
    values: Annotated[Mapping[str, Expression], VALUES, "values of the symbols"] = field(
        default_factory=dict
    )

    @cached_property
    def numbers(self) -> Mapping[str, Expression]:
        """Every number of the study by its dotted field, in the order of the study."""
        held = held_numbers(self)
        return dict(leaf for path, _, entries in held for leaf in leaves(entries, path))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols, in order of appearance."""
        return tuple(
            dict.fromkeys(name for number in self.numbers.values() for name in number.symbols)
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is two-layer SGD without momentum."""
        return self.learning.rule == RULES[0] and not self.has_momentum

    @property
    def has_momentum(self) -> bool:
        """Whether steps keep a share of the velocity; one that has a symbol for it does."""
        momentum = self.learning.momentum
        return bool(momentum.symbols or momentum.evaluate({}))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Symbols that have no value yet."""
        return tuple(name for name in self.symbols if name not in self.values)
