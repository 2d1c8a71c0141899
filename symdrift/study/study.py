"""A study: what its file says, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING

from symdrift.errors import RequestError
from symdrift.study.assignments import assigned
from symdrift.study.model import SampleInputs, Specification
from symdrift.study.reader import study_from_document
from symdrift.study.rule_class import rule_document
from symdrift.study.values import learner, learning_problem

if TYPE_CHECKING:
    from symdrift.study.learner import Learner
    from symdrift.study.problem import LearningProblem


@dataclass(frozen=True)
class Study(Specification):
    """A network, its inputs and its learning rule; symbolic where it names symbols.

    Its attributes are those of `Specification`.
    """

    def with_values(
        self,
        assignments: Mapping[str, str | float] = MappingProxyType({}),
        /,
        **symbols: str | float,
    ) -> Study:
        """The study with some fields or symbols set, validated again.

        Parameters
        ----------
        assignments : Mapping of str to str or float
            Keys are symbols of the study (``"gamma"``: sets its value) or dotted fields
            (``"learning.rate"``, ``"inputs.covariance.0"``: replaces what is there).
            Values are numbers, expressions, or lists in TOML (``"[2, 0.7]"``).  Entry
            ``i.j`` of a covariance sets entry ``j.i`` too.
        **symbols : str or float
            The same for keys that are names: ``with_values(gamma=0.2)``.

        Raises
        ------
        RequestError
            When there is no such field, or the study becomes invalid.
        """
        return assigned(self, {**assignments, **symbols})

    def with_rule(self, rule: object) -> Study:
        """The study with a learning rule of one's own, given as an object of a Python class.

        Its methods are asked once, with letters for matrices, and what they return becomes the
        ``[rule]`` table of the study: from then on it is the same as a rule that was written there.

        Parameters
        ----------
        rule : object
            With ``weights``, a dictionary from each weight matrix to its two axes, such as
            ``("hidden", "inputs")``; perhaps ``parameters``, a dictionary of numbers; a method
            ``update``, which returns for each weight matrix what one sample changes per unit of
            the learning rate, or ``loss``, which returns what it costs; and a method
            ``activity``, which returns for each hidden axis what is watched.  They ask for what
            they need by name: weight matrices, parameters, ``x``, ``target``, ``weight_decay``.

        Raises
        ------
        RequestError
            When its axes do not fit, or the basis of a hidden layer would matter, with the term
            at fault; or when the study becomes invalid.
        """
        learning = {**self.document["learning"], "rule": "own"}
        document = {**self.document, "learning": learning, "rule": rule_document(rule)}
        return study_from_document(document, self.name, self.source, type(self))

    def problem(self) -> LearningProblem:
        """The study with every number filled in.

        Raises
        ------
        RequestError
            When symbols lack values (all are named), a file of samples is unusable, or the rule
            is another one than two-layer SGD.
        """
        return learning_problem(self)

    def learner(self) -> Learner:
        """Rule and inputs with every number filled in, whatever the rule.

        Raises
        ------
        RequestError
            When symbols lack values (all are named), or a file of samples is unusable.
        """
        return learner(self)

    def data_digest(self) -> str:
        """What stands in the file of samples, which is a part of the study.

        Raises
        ------
        RequestError
            When it cannot be read.
        """
        if not isinstance(self.inputs, SampleInputs):
            return ""
        try:
            return sha256(self.inputs.file.read_bytes()).hexdigest()
        except OSError as error:
            raise RequestError("inputs.file", f"cannot be read: {error.strerror}") from None
