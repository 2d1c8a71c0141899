"""The certificate says in the language of Lean what the checks found, and all of it is true.

It is read by a reader that knows its grammar only (`lean_statements`), and decided on polynomials
of FLINT: SymPy has no part in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
import sympy as sp
from documents_example import example_derivation
from lean_statements import Decided, Statement, Term, statements
from shipped import TWO_LAYERS

from symdrift.derivation.chapter import chain, vanishes
from symdrift.derivation.steps import Check, Compared, Derivation, Method
from symdrift.documents import lean
from symdrift.documents.lean import Omission, examined, lean_certificate
from symdrift.study import read_study
from symdrift.theory.derive import derive
from symdrift.theory.examples import Examples
from symdrift.theory.strictness import _strictness

QUICK = {"anisotropic_autoencoder", "misaligned_teacher", "digits"}
STUDIES = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in TWO_LAYERS
]

STATED = {
    "anisotropic_autoencoder": 80,
    "bottleneck": 80,
    "digits": 39,
    "elliptical": 40,
    "frequent_stimulus": 80,
    "isotropic_autoencoder": 81,
    "misaligned_teacher": 43,
    "stimulus_set": 39,
    "synaptic_noise": 82,
    "teacher_label_noise": 80,
}
"""Exact identities of each study that have theorems, at least."""

X, Y, Z = sp.symbols("x y z", positive=True)


@cache
def derived(study: str) -> Derivation:
    return derive(read_study(study), certified=True)


@cache
def certificate(study: str) -> str:
    return lean_certificate(derived(study))


@cache
def holds(statement: Statement) -> bool:
    """Studies share most of their theory."""
    return Decided(statement).holds


@pytest.mark.parametrize("study", STUDIES)
def test_every_theorem_is_true_by_another_algebra(study: str) -> None:
    stated = statements(certificate(study))
    assert len({statement.name for statement in stated}) == len(stated) > 150
    assert [each.name for each in stated if not holds(each)] == []


@pytest.mark.parametrize("study", STUDIES)
def test_most_exact_identities_are_stated(study: str) -> None:
    checks = list(examined(derived(study)))
    exact = [check for check in checks if check.method == Method.IDENTITY]
    stated = [check for check in exact if check.theorems]
    assert len(stated) >= STATED[study]
    # The others of these came out as the same expression on both sides.
    assert sum(check.settled for check in exact) > 0.75 * len(exact)
    head = " ".join(re.findall(r"^-- +(.*)", certificate(study), re.MULTILINE))
    assert f"Of {len(checks)} checks {len(exact)} are exact identities. {len(stated)} of" in head
    for check in checks:
        if not check.settled:
            assert f"{check.step}, check {check.number}" in head


def altered(term: Term) -> Term:
    """The term with its first number, or else its first variable, made larger by one."""
    if isinstance(term, int):
        return term + 1
    if isinstance(term, str):
        return "+", term, 1
    sign, left, right = term
    return (sign, altered(left), right) if left != 0 else (sign, left, altered(right))


def test_one_number_changed_in_any_theorem_is_found() -> None:
    for statement in statements(certificate("misaligned_teacher")):
        side = "right" if statement.left == 0 else "left"
        changed = replace(statement, **{side: altered(getattr(statement, side))})
        assert not Decided(replace(changed, nonzero=quotients(changed))).holds, statement.name


def quotients(statement: Statement) -> tuple[Term, ...]:
    """All that a statement divides by."""
    found: dict[Term, None] = {}

    def walk(term: Term) -> None:
        if isinstance(term, tuple):
            walk(term[1])
            if term[0] != "^":
                walk(term[2])
            if term[0] == "/":
                factors(term[2])

    def factors(term: Term) -> None:
        if isinstance(term, tuple) and term[0] in "*^":
            factors(term[1])
            factors(term[2])
        elif not isinstance(term, int):
            found[term] = None

    for side in (statement.left, statement.right):
        walk(side)
    return tuple(found)


def test_a_denominator_that_is_not_assumed_to_differ_from_zero_is_found() -> None:
    with_quotients = [s for s in statements(certificate("digits")) if s.nonzero]
    assert len(with_quotients) > 10
    for statement in with_quotients:
        assert set(statement.nonzero) == set(quotients(statement))
        with pytest.raises(AssertionError, match="divides by"):
            assert Decided(replace(statement, nonzero=statement.nonzero[1:])).holds


def of_pairs(*pairs: tuple[sp.Expr, sp.Expr], method: Method = Method.IDENTITY) -> Derivation:
    """A derivation whose only check compares these."""
    test = vanishes("They agree.", *pairs, method=method)
    assert test.decide()
    check = Check(test.statement, test.method, True, 0.0, test.compared)
    example = example_derivation()
    return replace(example, steps=(replace(example.steps[0], checks=(check,)),))


@pytest.mark.parametrize(
    ("left", "right", "assumed"),
    [
        ((X + Y) ** 2 - X**2, 2 * X * Y + Y**2, []),
        (1 / X + 1 / (X + Y), (2 * X + Y) / (X * (X + Y)), ["x", "x + y"]),
        (1 / (X + 1 / Y), Y / (X * Y + 1), ["y", "1 / y + x", "1 + x * y"]),
        (-((X + Y) ** 2) / 2, -(X**2) / 2 - X * Y - Y**2 / 2, []),
        ((X - Y) / sp.sqrt(X), sp.sqrt(X) - Y / sp.sqrt(X), ["sqrt_x"]),
        (X * (sp.sqrt(X) + Y) / sp.sqrt(Y), X * sp.sqrt(X / Y) + X * sp.sqrt(Y), ["sqrt_y"]),
        (sp.sqrt(X + Y) * (X + Y) - sp.sqrt(X + Y) * X, sp.sqrt(X + Y) * Y, []),
    ],
)
def test_what_is_compared_is_stated_and_proved(
    left: sp.Expr, right: sp.Expr, assumed: list[str]
) -> None:
    text = lean_certificate(of_pairs((left, right)))
    (statement,) = statements(text)
    assert Decided(statement).holds
    assert re.findall(r"\(h_\d+ : ([^≠]*) ≠ 0\)", " ".join(text.split())) == assumed


def test_matrices_and_chains_are_stated_entry_by_entry_without_what_is_written_alike() -> None:
    first = sp.Matrix([[X, (X + Y) ** 2], [0, Y]])
    second = sp.Matrix([[X, sp.expand((X + Y) ** 2)], [0, Y]])
    (check,) = examined(of_pairs((first, second)))
    assert [theorem.name for theorem in check.theorems] == [
        f"step_{check.step.replace('-', '_')}_check_1_entry_1_2"
    ]
    assert check.omitted == {Omission.ALIKE: 3}
    line = chain(X * (Y + Z), ("expanded", X * Y + X * Z), ("again", X * (Y + Z)))
    assert line.pairs == ((X * (Y + Z), X * Y + X * Z), (X * Y + X * Z, X * (Y + Z)))


def test_what_cannot_be_stated_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "LONGEST", 20)
    root = sp.sqrt(X + Y)
    (rooted,) = examined(of_pairs((1 / (root - 1), (root + 1) / (X + Y - 1))))
    (too_long,) = examined(of_pairs((sp.expand((X + 1) ** 20), (X + 1) ** 20)))
    (by_points,) = examined(of_pairs((X, X), method=Method.POINTS))
    assert rooted.omitted == {Omission.ROOTS: 1} and too_long.omitted == {Omission.LONG: 1}
    assert not (rooted.theorems or too_long.theorems or by_points.theorems)
    assert not (rooted.settled or too_long.settled or by_points.settled)
    assert "exact at rational points" in lean_certificate(of_pairs((X, X), method=Method.POINTS))


def test_names_are_words_of_lean_and_differ_where_symbols_do() -> None:
    names = ["lambda", "at", "h_1", "x'", "x_", "«", "λ", "0", "sqrt_x", "gamma_{i}"]
    symbols = [sp.Symbol(name) for name in names] + [sp.Dummy("at"), X]
    product = sp.Mul(*(1 + item for item in symbols))
    pair = product * (sp.sqrt(X) + 1) / sp.sqrt(X), product + product / sp.sqrt(X)
    text = lean_certificate(of_pairs(pair))
    (statement,) = statements(text)
    assert Decided(statement).holds
    assert len(set(statement.variables)) == len(symbols)
    assert {"lambda", "«at»", "h_1", "«at_»"} <= set(statement.variables)


def test_what_checks_compared_is_kept_beside_the_steps() -> None:
    """As it was when it was derived; who has no use for it does not read it."""
    study = read_study("digits")
    kept = [check for step in derive(study).steps for check in step.checks]
    again = [check for step in derived("digits").steps for check in step.checks]
    assert kept == again
    assert not any(check.compared for check in kept)
    assert sum(len(check.compared) for check in again) > 1000
    assert all(isinstance(part, Compared) for check in again for part in check.compared)


def test_a_certificate_has_the_same_bytes_in_every_process() -> None:
    steps = (_strictness(Examples()),)
    text = lean_certificate(replace(example_derivation(), steps=steps))
    assert "theorem eq_tie_check_2" in text
    program = (
        "from dataclasses import replace\n"
        "from documents_example import example_derivation\n"
        "from symdrift.documents.lean import lean_certificate\n"
        "from symdrift.theory.strictness import _strictness\n"
        "from symdrift.theory.examples import Examples\n"
        "steps = (_strictness(Examples()),)\n"
        "print(lean_certificate(replace(example_derivation(), steps=steps)))\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert other.stdout.decode() == f"{text}\n"
