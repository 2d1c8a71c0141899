"""Any learning rule beside something simpler, and beside others."""

from __future__ import annotations

import json

import pytest

import symdrift
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.observables.compare import DriftComparison, compare_study
from symdrift.observables.compare_rule import compare_learner
from symdrift.observables.side_by_side import SideBySide, beside_table
from symdrift.records import plain


def by_name(compared: DriftComparison | None) -> dict[tuple[str, str], list[float]]:
    assert compared is not None
    return {
        (quantity, pair.name): [pair.study, pair.counterpart] for quantity, pair in compared.rows()
    }


@pytest.mark.parametrize("name", ["synaptic_noise", "misaligned_teacher"])
def test_two_layers_compare_alike_on_both_roads(name: str) -> None:
    study = symdrift.read_study(name)
    plainly, generally = compare_study(study.problem()), compare_learner(study.learner())
    assert generally.white is None
    for kind in ("synaptic", "isotropic"):
        one, other = getattr(plainly, kind), getattr(generally, kind)
        if kind == "synaptic":
            assert other.synaptic_variance == pytest.approx(one.synaptic_variance, rel=1e-9)
            exponents = [
                [(row.parameter, row.gradient, row.synaptic) for row in each.scaling]
                for each in (one, other)
            ]
            for first, second in zip(*exponents, strict=True):
                assert first[0] == second[0]
                assert second[1:] == pytest.approx(first[1:], abs=1e-6)
            one, other = one.comparison, other.comparison
        elif one is None:
            assert other is None
            continue
        first, second = by_name(one), by_name(other)
        scale = max(max(map(abs, pair)) for pair in first.values())
        for place, pair in first.items():
            found = second.get(place, [0.0, 0.0])
            assert found == pytest.approx(pair, rel=1e-8, abs=1e-9 * scale), place


def test_synapses_turn_oja_by_what_its_null_vectors_read() -> None:
    """Left null vectors are ``L^-1 Omega`` over ``1/l_1 + 1/l_2``."""
    study = symdrift.read_study("oja")
    compared = compare_learner(study.learner()).synaptic
    assert compared is not None
    (plane,) = compared.comparison.planes
    first, second = 1 / 2.0, 1 / 1.5
    read = (first**2 + second**2) / (first + second) ** 2
    assert plane.counterpart == pytest.approx(compared.synaptic_variance * read, rel=1e-12)
    assert plane.ratio == pytest.approx(1, rel=1e-12)
    exponents = {row.parameter: (row.gradient, row.synaptic) for row in compared.scaling}
    assert exponents["learning rate"] == pytest.approx((3, 0), abs=1e-9)
    assert exponents["batch size"] == pytest.approx((-2, 0), abs=1e-9)
    assert exponents["input variance"] == pytest.approx((3, 0), abs=1e-6)


def test_rules_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed numbers of the theory, at learning rate 0.01: ``V / eta^3``."""
    printed = {"oja": 0.35, "similarity_matching": 0.249628}
    first, second = (name for name in printed)
    assert run(["compare", first, "--with", second, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["studies"] == record["rules"] == list(printed)
    rows = {(row["quantity"], row["name"]): row["rates"] for row in record["rows"]}
    expected = [1e-6 * value for value in printed.values()]
    assert rows["rotation variance", "1, 2"] == pytest.approx(expected, rel=1e-5)
    assert rows["mean decay rate", "hidden axes"] == pytest.approx(
        [value / 2 for value in expected], rel=1e-5
    )
    assert run(["compare", first, "--with", "bottleneck", "--csv"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "quantity,name,oja,bottleneck"
    assert "decay rate,axis 4,," in "\n".join(lines)
    assert run(["compare", first, "--with", second]) == 0
    assert "similarity_matching" in capsys.readouterr().out


def test_rates_side_by_side_have_the_error_expected_of_them() -> None:
    """Of two-layer SGD, whose next order is known; rules without one have none."""
    plain_study = symdrift.read_study("anisotropic_autoencoder")
    beside = symdrift.compare(plain_study, symdrift.read_study("oja"))
    found = symdrift.evaluate(plain_study, order=2).next_order
    assert isinstance(beside, SideBySide)
    assert found is not None
    errors = {(row.quantity, row.name): row.expected_errors for row in beside.rows}
    corrections = dict(found.listed())
    change = plain_study.problem().learning_rate * abs(corrections["drift.diffusion.1-3"])
    own, other = errors["rotation variance", "1, 3"]
    assert other is None
    assert own is not None
    assert change < own < 1.2 * change
    assert any("(" in cell for row in beside_table(beside).rows for cell in row)


def test_a_study_that_cannot_stand_beside_others_is_named() -> None:
    study = symdrift.read_study("oja")
    with pytest.raises(RequestError, match=r"oja: learning\.rate"):
        symdrift.compare(study, study.with_values({"learning.rate": 10}))


def test_what_a_rule_has_no_comparison_with_is_said() -> None:
    compared = symdrift.compare(symdrift.read_study("oja"))
    record = plain(compared)
    assert record["white"] is None
    assert record["isotropic"] is None
    assert [warning.partition(":")[0] for warning in compared.warnings] == [
        "no comparison with white noise",
        "no comparison with isotropic inputs",
    ]
