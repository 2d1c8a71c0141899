from __future__ import annotations

import pytest
import sympy as sp

from symdrift.notation import latex_names, symbol
from symdrift.roles import ROLES


def test_an_index_is_attached_to_a_role() -> None:
    assert symbol("input_variance", "i").name == "lambda_i"
    assert symbol("input_variance", 2) == symbol("input_variance", "2")
    assert symbol("gain").is_positive
    assert symbol("input", 1, real=True).is_positive is None


def test_no_two_roles_share_a_symbol() -> None:
    assert len({role.name for role in ROLES.values()}) == len(ROLES)


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        symbol("temperature")


def test_a_study_renames_a_role_with_all_of_its_indices() -> None:
    used = [symbol("input_variance", "i"), symbol("input_variance"), symbol("learning_rate")]
    names = latex_names({"input_variance": "v"}, used)
    assert names == {used[0]: "v_{i}", used[1]: "v", used[2]: r"\eta"}


def test_symbols_without_role_are_left_to_sympy() -> None:
    assert latex_names({}, [sp.Symbol("rho"), sp.Symbol("rho_1")]) == {}
