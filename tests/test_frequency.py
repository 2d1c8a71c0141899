"""The frequency of one stimulus of a set, swept from rare to dominant."""

from __future__ import annotations

import numpy as np
import pytest

from symdrift.evaluation.evaluate import evaluate
from symdrift.figures import frequency
from symdrift.figures.frequency import FrequencySweep
from symdrift.study import read_study

STUDY = read_study("stimulus_set")


@pytest.fixture(scope="module")
def sweep() -> FrequencySweep:
    found = frequency.numbers(STUDY, seed=3)
    assert found is not None
    return found


def test_equally_frequent_stimuli_drift_alike(sweep: FrequencySweep) -> None:
    assert sweep.balanced == 0.25
    problem = STUDY.with_values({"f": 0.25}).problem()
    own, other = evaluate(problem).stimuli
    assert own.decay_rate == pytest.approx(other.decay_rate, rel=1e-12)


def test_a_frequent_stimulus_drifts_more_slowly_than_the_others(sweep: FrequencySweep) -> None:
    own, other = sweep.curves
    assert (own.stimulus, other.stimulus) == ("frequent", "rare")
    frequent = sweep.frequency > 0.25
    assert np.all(own.theory[frequent] < other.theory[frequent])
    assert np.all(own.theory[~frequent] > other.theory[~frequent])
    simulated = sweep.simulated_frequency > 0.25
    assert np.all(own.simulation[simulated] < other.simulation[simulated])
    # Its own rate does not fall for good.
    assert sweep.frequency[np.argmin(own.theory)] == pytest.approx(0.45, abs=0.02)


def test_simulation_lies_on_the_theory(sweep: FrequencySweep) -> None:
    """Within four standard errors and the corrections of a rate that is not small."""
    for curve in sweep.curves:
        expected = np.exp(
            np.interp(sweep.simulated_frequency, sweep.frequency, np.log(curve.theory))
        )
        deviation = np.abs(curve.simulation - expected)
        assert np.all(deviation < 4 * curve.standard_error + 0.1 * expected)


def test_label_noise_reverses_the_order_in_the_middle() -> None:
    noisy = STUDY.with_values({"teacher.label_noise": 0.1})
    own, other = evaluate(noisy.with_values({"f": 0.4}).problem()).stimuli
    assert own.decay_rate > other.decay_rate
    own, other = evaluate(noisy.with_values({"f": 0.6}).problem()).stimuli
    assert own.decay_rate < other.decay_rate


@pytest.mark.parametrize("name", ["misaligned_teacher", "digits", "frequent_stimulus"])
def test_other_studies_have_no_frequency_to_sweep(name: str) -> None:
    assert frequency.numbers(read_study(name), seed=0) is None


def test_a_set_without_a_symbol_for_a_frequency_has_none_to_sweep() -> None:
    fixed = STUDY.with_values({"inputs.probabilities": "[0.4, 0.2, 0.2, 0.2]"})
    assert frequency.numbers(fixed, seed=0) is None
