"""A fit finds the numbers that made the data, says how sharply, and names what data leave open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from fit_examples import FREQUENT, predictions, rates_of
from numpy.polynomial import chebyshev
from scipy.stats import chi2, qmc

import symdrift
from symdrift.errors import RequestError
from symdrift.fitting import Fit, Measurement, fit
from symdrift.fitting.best_fit import fit_head, fit_remarks, fit_tables, interval
from symdrift.fitting.combinations import determined_combinations, open_numbers
from symdrift.fitting.free_numbers import FreeNumber
from symdrift.fitting.least_squares import THRESHOLD, Problem, profile
from symdrift.fitting.next_measurement import NextMeasurement, sentence
from symdrift.fitting.other_solutions import joined
from symdrift.fitting.predictions import Predictions
from symdrift.records import json_parts
from symdrift.study.problem import Array

ERROR = 0.05
SLOWER = tuple(replace(each, value=each.value * 0.98) for each in rates_of(FREQUENT, 0.02))
"""Data by which everything is slower than without label noise, by a standard error."""


@pytest.fixture(scope="module")
def exact() -> Fit:
    """Data without noise, away from the values of the study."""
    truth = FREQUENT.with_values(gamma=0.25, lambda_f=1.7)
    return fit(FREQUENT, rates_of(truth, ERROR), ["gamma", "lambda_f"], design=True)


def test_exact_data_give_back_their_numbers(exact: Fit) -> None:
    gamma, variance = exact.estimates
    assert gamma.value == pytest.approx(0.25, rel=1e-5)
    assert variance.value == pytest.approx(1.7, rel=1e-5)
    assert exact.goodness.chi_squared < 1e-6
    assert (exact.goodness.degrees_of_freedom, exact.open) == (2, ())


def test_a_linear_theory_has_the_interval_of_its_standard_error() -> None:
    """Rates go with the cube of the learning rate: of its logarithm all is known by hand."""
    noise = (0.3, -1.1, 0.8, 0.4)
    data = rates_of(FREQUENT, ERROR, noise)
    (found,) = fit(FREQUENT, data, ["eta"]).estimates
    cube = sum(1 + ERROR * each for each in noise) / 4
    assert found.value == pytest.approx(0.005 * cube ** (1 / 3), rel=1e-6)
    assert found.standard_error == pytest.approx(found.value * ERROR / cube / 3 / 2, rel=1e-6)
    # Chi-squared is a parabola of the cube, so that the ends are known exactly.
    ends = [0.005 * (cube + sign * ERROR * np.sqrt(THRESHOLD / 4)) ** (1 / 3) for sign in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(ends, rel=1e-4)


@dataclass(frozen=True, eq=False)
class Tabulated(Predictions):
    """Predictions by a polynomial through their values, for many fits of one study."""

    table: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, predicted: Predictions, degree: int) -> Tabulated:
        """Through Chebyshev points of a box of two numbers."""
        boxes = np.array([each.box for each in predicted.numbers])
        nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
        places = boxes.mean(axis=1) + grid * np.diff(boxes)[:, 0] / 2
        values = predicted.values(places).reshape(degree + 1, degree + 1, -1)
        inverse = np.linalg.inv(chebyshev.chebvander(nodes, degree))
        table = np.einsum("ai,bj,ijm->mab", inverse, inverse, values)
        return cls(predicted.study, predicted.numbers, predicted.measurements, None, table)

    def basis(self, places: Array, order: tuple[int, int]) -> list[Array]:
        """Chebyshev polynomials in both coordinates, or their derivatives."""
        found: list[Array] = []
        for axis, (each, times) in enumerate(zip(self.numbers, order, strict=True)):
            low, high = each.box
            unit = (2 * places[:, axis] - low - high) / (high - low)
            lines = chebyshev.chebder(np.eye(self.table.shape[-1]), times, 2 / (high - low))
            found.append(np.asarray(chebyshev.chebval(unit, lines).T, dtype=np.float64))
        return found

    def values(self, places: Array) -> Array:
        first, second = self.basis(places, (0, 0))
        return np.asarray(np.einsum("na,nb,mab->nm", first, second, self.table))

    def jacobian(self, place: Array, columns: Sequence[int] | None = None) -> Array:
        orders = [(1, 0), (0, 1)]
        wanted = orders if columns is None else [orders[each] for each in columns]
        parts = [self.basis(place[np.newaxis], order) for order in wanted]
        return np.stack([np.einsum("a,b,mab->m", a[0], b[0], self.table) for a, b in parts], -1)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 400 data sets with noise, 92 to 98 % have each true number in its 95 % interval.

    The interval of the profile holds a number where the least chi-squared with it exceeds the
    minimum by no more than the threshold; of some of the fits the ends are computed as well.
    """
    asked = [(each.stimulus, each.quantity) for each in rates_of(FREQUENT, ERROR)]
    direct, truth = predictions(FREQUENT, ["gamma=0.1:0.4", "lambda_f=0.5:8"], asked)
    table = Tabulated.of(direct, 28)
    low, high = np.array([each.box for each in direct.numbers]).T
    places = low + np.random.default_rng(5).random((9, 2)) * (high - low)
    np.testing.assert_allclose(table.values(places), direct.values(places), rtol=1e-8)
    np.testing.assert_allclose(table.jacobian(truth), direct.jacobian(truth), rtol=1e-5)
    values = direct.values(truth[np.newaxis])[0]
    random = np.random.default_rng(7)
    held, sums = np.zeros(2), []
    for run in range(400):
        noisy = values * (1 + ERROR * random.standard_normal(len(values)))
        problem = Problem(table, noisy, ERROR * values)
        best = problem.descend(truth)
        sums.append(best.chi_squared)
        for index in range(2):
            excess = problem.descend(truth, index).chi_squared - best.chi_squared
            held[index] += excess <= THRESHOLD
            if run < 25:
                ends = profile(problem, best, index, 0.1, lambda: None)
                low = -np.inf if ends.low is None else ends.low
                high = np.inf if ends.high is None else ends.high
                assert (low <= truth[index] <= high) == (excess <= THRESHOLD)
    assert np.all((held >= 0.92 * 400) & (held <= 0.98 * 400)), held / 400
    # Chi-squared has the distribution that its probability is computed from.
    assert np.mean(chi2.sf(sums, 2) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_units_that_no_rate_fixes_are_named() -> None:
    """Rates do not change when inputs and decay grow and the learning rate falls by a factor."""
    data = rates_of(FREQUENT, ERROR, (0.3, -1.1, 0.8, 0.4))
    found = fit(FREQUENT, data, ["gamma", "lambda_f", "lambda_r", "eta"])
    (left_open,) = found.open
    assert left_open.everywhere and left_open.freedom == 1
    assert [each.exponents for each in left_open.determined] == [
        {"gamma": 1, "eta": 1}, {"lambda_f": 1, "eta": 1}, {"lambda_r": 1, "eta": 1},
    ]  # fmt: skip
    assert all(each.exact for each in left_open.determined)
    assert left_open.text == (
        "of gamma, lambda_f, lambda_r and eta only gamma*eta, lambda_f*eta and lambda_r*eta are "
        "determined"
    )
    assert all(each.standard_error is each.low is each.high is None for each in found.estimates)
    assert found.goodness.degrees_of_freedom == 1


def test_powers_are_named_in_smallest_whole_numbers() -> None:
    """Rates depend on ``c^2`` and ``r^3`` through their product only, ``(c^2 r^3)`` here."""
    study = FREQUENT.with_values({"eta": 0.005})
    study = study.with_values({"learning.rate": "0.01*c**2*r**3"}).with_values(c=0.8, r=0.9)
    found = fit(study, rates_of(study, ERROR), ["c", "r", "gamma=0.01:1"])
    (left_open,) = found.open
    assert left_open.text == "of c and r only c^2*r^3 is determined"
    gamma = found.estimates[2]
    assert gamma.low is not None and gamma.high is not None and gamma.low < 0.2 < gamma.high


def test_sums_are_not_named_as_products() -> None:
    """Label noise is ``a + b`` and the rate ``0.05 c d^2``: a sum and a product at once."""
    study = FREQUENT.with_values({"teacher.label_noise": "a+b", "learning.rate": "0.05*c*d**2"})
    study = study.with_values(a=0.1, b=0.3, c=0.1, d=1)
    found = fit(study, rates_of(study, ERROR), ["a", "b", "c", "d"])
    assert {each.text for each in found.open if each.everywhere} == {
        "of a and b only a + b is determined", "of c and d only c*d^2 is determined",
    }  # fmt: skip


def test_what_holds_near_the_best_fit_only_is_not_exact() -> None:
    """Neither a sum nor a product: ``a^2 + b`` of ones is ``a^2 b`` to first order there."""
    numbers = tuple(FreeNumber(name, name, 0.1, 10.0, 1.0) for name in ("a", "b"))

    def slopes(a: float, b: float) -> tuple[Array, Array]:
        return np.log([a, b]), np.array([[2 * a * a, b], [0.0, 0.0]])

    (found,) = open_numbers(numbers, slopes(1, 1), [slopes(2, 1), slopes(1, 3)])
    assert not found.everywhere and not found.determined[0].exact
    assert found.text == "of a and b, near the best fit, only a^2*b is determined, to first order"


def test_directions_become_products() -> None:
    (ratio,) = determined_combinations(np.array([[1.0, 1.0]]), ["a", "b"])
    assert ratio.exponents == {"a": 1, "b": -1} and ratio.exact
    (only,) = determined_combinations(np.array([[0.0, 3.0]]), ["a", "b"])
    assert only.exponents == {"a": 1}
    (odd,) = determined_combinations(np.array([[np.pi, -1.0]]), ["a", "b"])
    assert odd.exponents == {"a": 1, "b": 3.1} and not odd.exact


def test_what_errors_leave_open_is_told_from_what_nothing_tells() -> None:
    """Two numbers in boxes of two decades whose ratio changes the data by less than an error."""
    numbers = tuple(FreeNumber(name, name, 0.1, 10.0, 1.0) for name in ("a", "b"))
    weak = np.array([[20.0, 20.0], [0.1, -0.1]])
    (found,) = open_numbers(numbers, (np.zeros(2), weak), [])
    assert found.text == (
        "of a and b, near the best fit, only a*b is determined within the errors of the "
        "measurements"
    )
    assert open_numbers(numbers, (np.zeros(2), 10 * weak), []) == ()
    alone = np.array([[20.0, 0.4], [0.0, 0.1]])
    (found,) = open_numbers(numbers, (np.zeros(2), alone), [])
    assert found.text == "the data say nothing about b within the errors of the measurements"
    nothing = np.array([[20.0, 20.0], [0.0, 0.0]])
    (found,) = open_numbers(numbers, (np.zeros(2), nothing), [(np.ones(2), 2 * nothing)])
    assert found.text == "of a and b only a*b is determined"
    (found,) = open_numbers(numbers, (np.zeros(2), nothing), [(np.ones(2), weak)])
    assert not found.everywhere and "near the best fit" in found.text


TWO_SOLUTIONS = {
    "lambda_f=0.5:8": (
        ("rare", "decay_rate", 2.48e-10, 1e-12), ("rare", "diffusion", 1.984e-10, 8e-13),
    ),
    "gamma=0.1:0.99": (("frequent", "diffusion", 7e-8, 1e-9),),
}  # fmt: skip
"""Rates that rise and fall with a number."""


@pytest.mark.slow
@pytest.mark.parametrize("free", TWO_SOLUTIONS)
def test_an_interval_holds_every_number_that_fits(free: str) -> None:
    """Against the residuals on a fine grid of the whole range."""
    data = [Measurement(*each) for each in TWO_SOLUTIONS[free]]
    found = fit(FREQUENT, data, [free], design=True)
    (estimate,) = found.estimates
    asked = [(each.stimulus, each.quantity) for each in data]
    predicted, _ = predictions(FREQUENT, [free], asked)
    values = np.linspace(estimate.lowest, estimate.highest, 4000)
    places = np.array([[predicted.numbers[0].coordinate(value)] for value in values])
    errors = np.array([each.standard_error for each in data])
    residuals = (predicted.values(places) - [each.value for each in data]) / errors
    within = np.sum(residuals**2, axis=1) - found.goodness.chi_squared < THRESHOLD
    spans = [(estimate.low, estimate.high), *((each.low, each.high) for each in estimate.further)]
    said = np.zeros(len(values), dtype=bool)
    for low, high in spans:
        assert low is not None and high is not None
        said |= (low < values) & (values < high)
    # Ends of intervals are rough, so that some points of the grid may lie beyond.
    assert np.count_nonzero(said != within) <= 4 and len(spans) == 2
    (other,) = found.others
    assert other.text in fit_remarks(found)[0].lower() and " or " in interval(estimate)
    # What is advised does separate them.
    assert found.next_measurements is not None and "would tell the best fit from" in found.advice
    best = found.next_measurements[0]
    more = Measurement(best.stimulus, best.quantity, best.predicted, best.standard_error)
    again = fit(FREQUENT, [*data, more], [free])
    assert not again.others and not again.estimates[0].further
    assert again.estimates[0].value == pytest.approx(estimate.value, rel=1e-3)


def test_other_solutions_are_found_with_other_numbers_free() -> None:
    """The length of a stimulus follows its diffusion, at each decay that explains another's."""
    (datum,) = TWO_SOLUTIONS["gamma=0.1:0.99"]
    study = FREQUENT.with_values({"stimulus.1.vector": '[0, "r", 0, 0]'}).with_values(r=1)
    alone = fit(study, [Measurement(*datum)], ["gamma=0.1:0.99"])
    rare = rates_of(study.with_values(gamma=alone.estimates[0].value), 0.02)[3]
    found = fit(study, [Measurement(*datum), rare], ["gamma=0.1:0.99", "r=0.1:10"])
    gamma, length = found.estimates
    (other,) = found.others
    both = sorted((gamma.value, other.values["gamma"]))
    (same,) = alone.others
    alike = sorted((same.values["gamma"], alone.estimates[0].value))
    assert both == pytest.approx(alike, rel=1e-3)
    for place in ({"gamma": gamma.value, "r": length.value}, other.values):
        again = rates_of(study.with_values(place), 0.02)
        assert again[1].value == pytest.approx(datum[2], rel=1e-3)
        assert again[3].value == pytest.approx(rare.value, rel=1e-3)
    assert len(gamma.further) == 1


def test_intervals_that_meet_are_one() -> None:
    assert joined([(1, 2), (4, 5)]) == [(1, 2), (4, 5)]
    assert joined([(1, 2), (4, 5), (1.5, 4.5)]) == [(1, 5)]
    assert joined([(4, 5), (None, 2), (1, None)]) == [(None, None)]


def test_a_number_that_nothing_depends_on_is_named() -> None:
    study = FREQUENT.with_values({"stimulus.1.vector": '[0, "r", 0, 0]'}).with_values(r=1)
    data = [each for each in rates_of(study, ERROR) if each.quantity == "decay_rate"]
    found = fit(study, data, ["eta", "r"])
    assert found.open[0].text == "the data say nothing about r"
    assert found.estimates[0].standard_error is not None
    # Of what the errors leave open it is no part.
    loose = [replace(each, standard_error=20 * each.value) for each in data]
    narrow = ["eta=0.004:0.006", "r"]
    assert [each.numbers for each in fit(study, loose, narrow).open] == [("r",), ("eta",)]


@pytest.mark.slow
def test_a_design_finds_what_tells_numbers_apart(exact: Fit) -> None:
    """The length of a stimulus changes its diffusion and not its rate of decay."""
    study = FREQUENT.with_values({"stimulus.1.vector": '[0, "r", 0, 0]'}).with_values(r=1)
    data = [each for each in rates_of(study, ERROR) if each.quantity == "decay_rate"]
    found = fit(study, data, ["eta", "r"], design=True)
    assert found.next_measurements is not None
    for each in found.next_measurements:
        assert each.stimulus == "rare" and each.quantity != "decay_rate"
        assert each.still_open == 0 and each.gain > 1
    assert found.advice.endswith("would tell apart what the data leave open")
    # With that measurement they are.
    best = found.next_measurements[0]
    more = Measurement(best.stimulus, best.quantity, best.predicted, best.standard_error)
    again = fit(study, [*data, more], ["eta", "r"])
    assert again.open == ()
    assert exact.next_measurements and exact.next_measurements[0].gain > 0


def test_starts_without_a_theory_are_no_obstacle() -> None:
    """Above a weight decay of 2 nothing is learned, and the box reaches to 50."""
    data = rates_of(FREQUENT.with_values(gamma=0.3), ERROR)
    (found,) = fit(FREQUENT, data, ["gamma=0.01:50"]).estimates
    assert found.value == pytest.approx(0.3, rel=1e-5)
    assert found.high is not None and found.high < 2


def test_data_that_no_number_explains_are_said_so() -> None:
    data = list(rates_of(FREQUENT, ERROR))
    data[0] = replace(data[0], value=3 * data[0].value)
    found = fit(FREQUENT, data, ["eta"])
    assert found.goodness.p_value is not None and found.goodness.p_value < 1e-6
    assert any("does not explain the data" in text for text in found.warnings)


def test_rates_of_another_time_are_noticed() -> None:
    """Per day of ten million steps, which nobody said."""
    data = [replace(each, value=each.value * 1e7, standard_error=each.standard_error * 1e7)
            for each in rates_of(FREQUENT, ERROR)]  # fmt: skip
    data = [each for each in data if each.quantity == "decay_rate"] * 2
    free = ["gamma=0.1:0.4", "teacher.label_noise=0:0.01"]
    found = fit(FREQUENT, data, free)
    (said,) = (text for text in found.warnings if text.startswith("measured rates are"))
    assert "of the best fit, which are per step" in said
    # With more noise the theory ends first.
    with pytest.raises(RequestError, match=r"unstable.*measured rates are 1e\+07 times"):
        fit(FREQUENT, data, ["gamma", "teacher.label_noise=0:1"])


def test_the_measurement_that_is_far_off_is_named() -> None:
    """Where the others fit by themselves, and only there."""
    data = list(rates_of(FREQUENT, ERROR, (0.5, -0.4, 0.3, -0.2)))
    data[1] = replace(data[1], value=2 * data[1].value)
    found = fit(FREQUENT, data, ["gamma"])
    (said,) = (text for text in found.warnings if text.startswith("without the"))
    assert not any(text.startswith("measured rates") for text in found.warnings)
    alone = fit(FREQUENT, [data[0], *data[2:]], ["gamma"]).goodness
    assert said.startswith(f"without the diffusion of {data[1].stimulus} the theory explains")
    assert f"chi-squared would be {alone.chi_squared:.3g} with 2 degrees of freedom" in said
    data[2] = replace(data[2], value=data[2].value / 3)
    assert not any("without the" in text for text in fit(FREQUENT, data, ["gamma"]).warnings)


def test_an_estimate_at_the_end_of_its_range_is_said_so() -> None:
    data = rates_of(FREQUENT.with_values(gamma=0.3), ERROR)
    found = fit(FREQUENT, data, ["gamma=0.1:0.2"])
    assert any("gamma lies at the upper end of its range, 0.2" in text for text in found.warnings)
    assert found.estimates[0].high is None


def test_what_is_known_of_two_numbers_at_their_ends_is_not_left_open() -> None:
    """Both intervals are short, and no sum of the two tells more than they do."""
    data = [replace(each, value=0.3 * each.value) for each in rates_of(FREQUENT, ERROR)]
    found = fit(FREQUENT, data, ["gamma=0.15:0.4", "teacher.label_noise=0:1"])
    assert [interval(each)[:7] for each in found.estimates] == ["below 0", "below 0"]
    assert found.open == ()


@pytest.fixture(scope="module")
def at_an_end() -> Fit:
    """Label noise below any."""
    return fit(FREQUENT, SLOWER, ["gamma", "teacher.label_noise=0:1"], design=True)


def test_a_number_at_an_end_has_no_error_of_its_own_and_is_not_open(at_an_end: Fit) -> None:
    """The other number is known as it would be without."""
    decay, noise = at_an_end.estimates
    assert noise.value == 0.0 and noise.high is not None and noise.high < 0.9
    assert noise.standard_error is None
    (alone,) = fit(FREQUENT, SLOWER, ["gamma"]).estimates
    assert decay.standard_error == pytest.approx(alone.standard_error, rel=1e-2)
    assert not at_an_end.open
    assert interval(replace(noise, low=None, high=0.1, lowest=0.1)) == "0.1 alone"


def test_a_design_counts_what_a_number_at_an_end_leaves_to_the_others(at_an_end: Fit) -> None:
    """A measurement tells as much as its predictions scatter over all numbers that fit, drawn with
    the weight that the data give them.
    """
    listed = at_an_end.next_measurements or ()
    assert len(listed) == 8 and at_an_end.advice.startswith("most would be learned from")
    decay, noise = at_an_end.estimates
    assert decay.low and decay.high and noise.high
    random = qmc.Sobol(2, rng=np.random.default_rng(5)).random(4096)
    # Well beyond both intervals.
    drawn = [decay.low - 0.01, 0] + random * [decay.high - decay.low + 0.012, 2 * noise.high]
    asked = [(each.stimulus, each.quantity) for each in SLOWER]
    asked += [(each.stimulus, each.quantity) for each in listed]
    direct, _ = predictions(FREQUENT, ["gamma", "teacher.label_noise=0:1"], asked)
    places = [
        [each.coordinate(value) for each, value in zip(direct.numbers, row, strict=True)]
        for row in drawn
    ]
    predicted = direct.values(np.array(places))
    known, errors = np.array([[each.value, each.standard_error] for each in SLOWER]).T
    off = (predicted[:, : len(SLOWER)] - known) / errors
    weights = np.exp(-np.sum(off**2, axis=1) / 2)
    for each, values in zip(listed, predicted[:, len(SLOWER) :].T, strict=True):
        scatter = np.cov(values, aweights=weights)
        bits = np.log2(1 + scatter / each.standard_error**2) / 2
        assert each.gain == pytest.approx(bits, rel=0.05) and each.still_open == 0


@pytest.mark.slow
def test_the_road_of_matrices_fits_as_well() -> None:
    study = symdrift.read_study("misaligned_teacher")
    data = rates_of(study.with_values(gamma=0.2), ERROR)
    found = fit(study, data, {"gamma": (0.1, 0.3)})
    assert found.method == "dense"
    assert found.estimates[0].value == pytest.approx(0.2, rel=1e-4)


def test_a_fit_is_the_same_each_time_and_a_record(exact: Fit) -> None:
    data = rates_of(FREQUENT, ERROR, (1.0, -1.0, 0.5, 0.2))
    texts = {"".join(json_parts(symdrift.fit(FREQUENT, data, ["gamma"]))) for _ in range(2)}
    (text,) = texts
    assert set(json.loads(text)) == {
        "study", "method", "estimates", "goodness", "open", "others", "data", "profiles",
        "level", "steps_per_day", "warnings",
    }  # fmt: skip
    assert {"next_measurements", "advice"} <= set(exact.to_dict())
    page = exact._repr_html_()
    for words in (fit_head(exact), *fit_remarks(exact), *(t.title for t in fit_tables(exact))):
        assert words.replace('"', "&quot;") in page


def test_tables_and_advice_say_what_a_lag_is_in(exact: Fit) -> None:
    for given, day in ((exact, "per SGD step;"), (replace(exact, steps_per_day=1e6), "per day of")):
        _, *timed = fit_tables(given)
        unit = "days" if given.steps_per_day else "SGD steps"
        assert len(timed) == 2
        assert all(day in each.caption and f"is in {unit}." in each.caption for each in timed)
    displaced = NextMeasurement("rare", "displacement@6e-05", 1.0, 0.1, 0.5, 0, None)
    assert '"rare" (lag in days) would' in sentence([displaced], 1, "days")
    assert "lag" not in sentence([replace(displaced, quantity="decay_rate")], 1, "days")
