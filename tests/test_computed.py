from __future__ import annotations

import numpy as np
import pytest

from symdrift.documents.computed import computed
from symdrift.study import read_study
from symdrift.study.problem import Array

PROBLEM = read_study("anisotropic_autoencoder").problem()


def test_arrays_are_computed_once_for_a_problem_and_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path_factory.mktemp("kept")))
    calls: list[int] = []

    def compute() -> tuple[Array, None]:
        calls.append(1)
        return np.arange(3.0), None

    for _ in range(2):
        values, missing = computed("numbers", PROBLEM, compute, 0)
        assert values.tolist() == [0, 1, 2]
        assert missing is None
    assert len(calls) == 1
    computed("numbers", PROBLEM, compute, 1)
    computed("others", PROBLEM, compute, 0)
    computed("numbers", read_study("bottleneck").problem(), compute, 0)
    assert len(calls) == 4
