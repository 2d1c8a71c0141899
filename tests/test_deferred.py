"""An evaluation of stimuli alone is an evaluation: its planes come when they are asked for."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from symdrift.errors import RequestError
from symdrift.evaluation.dense import hidden_drift, matrix_road
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.study import read_study

PROBLEM = read_study("misaligned_teacher").problem()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Drift]:
    """What the dense road computed by plane."""
    found: list[Drift] = []

    def counted(*arguments: object) -> Drift:
        found.append(hidden_drift(*arguments))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(matrix_road, "hidden_drift", counted)
    return found


@pytest.mark.parametrize("approximation", ["exact", "white"])
@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_planes_are_computed_once_when_they_are_asked_for(
    computed: list[Drift], approximation: str, noise: float
) -> None:
    problem = replace(PROBLEM, synaptic_noise=noise)
    alone = evaluate(problem, approximation=approximation, quantities="stimuli")
    record = alone.to_dict()
    assert "drift" not in record and "DeferredDrift" in repr(alone)
    assert alone._repr_html_() and not computed
    drift = alone.drift
    assert drift.planes and drift.mean_rotation.shape == drift.diffusion.shape
    assert len(computed) == 1
    # What a record holds was asked for with the evaluation.
    assert alone.to_dict() == record
    whole = evaluate(problem, approximation=approximation)
    assert drift.to_dict() == whole.to_dict()["drift"]
    with pytest.raises(ValueError, match="read-only"):
        drift.covariance[...] = 0.0


@pytest.mark.parametrize("name", ["anisotropic_autoencoder", "misaligned_teacher"])
def test_every_evaluation_has_planes_and_their_contraction(name: str) -> None:
    """``Delta = -1/2 sum V_kq Omega_k Omega_q``, term by term."""
    for quantities in ("all", "stimuli"):
        evaluation = evaluate(read_study(name).problem(), quantities=quantities)
        rank = evaluation.minimum.rank
        generators = np.zeros((len(evaluation.drift.planes), rank, rank))
        for place, (i, j) in enumerate(evaluation.drift.planes):
            generators[place, i - 1, j - 1], generators[place, j - 1, i - 1] = 1.0, -1.0
        delta = -0.5 * np.einsum(
            "kq,kab,qbc->ac", evaluation.drift.covariance, generators, generators
        )
        np.testing.assert_allclose(evaluation.decay_matrix, delta, atol=1e-12 * delta.max())
        mean = np.einsum("k,kab->ab", evaluation.drift.mean_rotation, generators)
        np.testing.assert_allclose(evaluation.mean_rotation, mean, rtol=1e-12)


def test_planes_that_do_not_fit_are_refused_before_the_work(
    computed: list[Drift], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = evaluate(PROBLEM, quantities="stimuli")
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 0)
    for _ in range(2):
        with pytest.raises(RequestError, match="too large for the dense road") as refused:
            alone.drift.covariance  # noqa: B018
        assert refused.value.field == "network"
    assert not computed
    monkeypatch.undo()
    assert alone.drift.covariance.any()


def test_planes_beyond_double_precision_are_refused_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = evaluate(PROBLEM, quantities="stimuli")

    def tiny(*_: object) -> Drift:
        planes = len(alone.mean_rotation) * (len(alone.mean_rotation) - 1) // 2
        return Drift(((1, 2),), np.full((planes, planes), 1e-320), np.zeros(planes))

    monkeypatch.setattr(matrix_road, "hidden_drift", tiny)
    with pytest.raises(RequestError, match="beyond double precision"):
        alone.drift.variances  # noqa: B018


def test_an_evaluation_travels_between_processes_with_its_planes_to_come() -> None:
    alone = evaluate(PROBLEM, quantities="stimuli")
    again = pickle.loads(pickle.dumps(alone))
    assert again.to_dict() == alone.to_dict()
    np.testing.assert_array_equal(again.drift.covariance, alone.drift.covariance)
