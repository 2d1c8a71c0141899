"""What leaves double precision is said in a sentence; NumPy's warnings are errors here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.execution import MOST_REPLICAS, require_counts
from symdrift.precision import double_precision

LARGE = np.array([1e200])


@pytest.mark.parametrize(
    "leave",
    [
        lambda: LARGE * LARGE,
        lambda: LARGE / np.zeros(1),
        lambda: np.zeros(1) / np.zeros(1),
        lambda: np.sqrt(-LARGE),
        lambda: float(LARGE[0]) ** 2,
        lambda: 1.0 / len([]),
        lambda: np.linalg.cholesky(-np.eye(2)),
    ],
)
def test_no_number_leaves_double_precision_unnoticed(leave: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RequestError, match="beyond double precision"):
            double_precision()(leave)()


def test_small_numbers_may_vanish_and_refusals_pass() -> None:
    def refuse() -> None:
        raise RequestError("field", "is refused")

    assert double_precision()(lambda: float((1 / LARGE * 1e-200)[0]))() == 0
    with pytest.raises(RequestError, match="field is refused"):
        double_precision()(refuse)()


def test_a_thread_needs_a_context_of_its_own() -> None:
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(double_precision()(lambda: LARGE * LARGE))
        with pytest.raises(RequestError, match="beyond double precision"):
            work.result()


@pytest.mark.parametrize("field", ["steps", "replicas", "threads", "seed"])
@pytest.mark.parametrize("value", [10**4000, 2**64, -1])
def test_counts_of_any_length_are_refused_in_a_short_sentence(field: str, value: int) -> None:
    with pytest.raises(RequestError, match=f"{field} = .* must be at") as refused:
        require_counts(**{field: value})
    assert len(str(refused.value)) < 200
    require_counts(replicas=MOST_REPLICAS, seed=0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "bottleneck", "--replicas", "9" * 4000],
        ["validate", "bottleneck", "--steps", "9" * 5000],
        ["validate", "bottleneck", "--precision", "1e300"],
        ["simulate", "bottleneck", "--out", "x.npz", "--threads", "9" * 4000],
        ["observe", "bottleneck", "--times", f"1:10:{'9' * 5000}"],
        ["observe", "bottleneck", "--set", "teacher.label_noise=1e20", "--csv"],
        ["compare", "bottleneck", "--set", "teacher.label_noise=1e99"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_commands_refuse_numbers_without_measure(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)
    output = capsys.readouterr()
    if arguments[0] == "compare" and code == 0:
        assert "nan" not in output.out
        return
    assert (code, output.out) == (2, "")
    assert output.err.startswith("symdrift: ")
    assert output.err.count("\n") == 1
    assert len(output.err) < 300
