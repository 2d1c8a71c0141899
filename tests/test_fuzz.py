"""Whatever is typed or brought, the commands keep their contract; and a breach would be noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from declarations import DISTRIBUTIONS
from fuzz import Breach, Campaign, keep_contract
from fuzz_contract import breaches
from fuzz_requests import INPUTS, STUDY, Law, study_text, toml
from fuzz_worker import Outcome, Request, Worker

SHARDS = 4
SITTINGS = 150
"""Of each shard: together they take about a minute of processor time."""

FEWEST = 55
"""Requests of a shard that are granted, and that are refused, at the least.

Hypothesis also draws constants of the modules that happen to be loaded, so that the numbers vary.
"""

GOOD = Request("evaluate", ("evaluate", "bottleneck", "--json"))
TABLE = Request("evaluate", ("evaluate", "bottleneck", "--csv"))
SCREEN = Request("evaluate", ("evaluate", "bottleneck"))
REFUSAL = "symdrift: learning.rate = -1 must be positive.\n"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process


def test_every_distribution_is_requested() -> None:
    assert set(INPUTS) == set(DISTRIBUTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_requests_at_random_keep_the_contract(worker: Worker, tmp_path: Path, shard: int) -> None:
    campaign = Campaign(worker, tmp_path)
    campaign.chunk(shard, SITTINGS)
    assert not campaign.broken, f"see {tmp_path}"
    assert campaign.codes["0"] > FEWEST
    assert campaign.codes["2"] > FEWEST


@pytest.mark.parametrize(
    ("request_made", "outcome", "kind"),
    [
        (GOOD, Outcome(code=3), "code 3"),
        (GOOD, Outcome(code=1, err="symdrift: it failed."), "code 1"),
        (GOOD, Outcome(raised='File "/x/symdrift/a.py", line 1, in f\nKeyError: 1'), "raised"),
        (GOOD, Outcome(killed="ended with -24"), "killed"),
        (GOOD, Outcome(code=2), "not one sentence"),
        (GOOD, Outcome(code=2, err="warning: a.\n" + REFUSAL), "not one sentence"),
        (GOOD, Outcome(code=2, err=REFUSAL[:-2]), "not one sentence"),
        (GOOD, Outcome(code=2, err="symdrift: something went wrong.\n"), "names no field"),
        (GOOD, Outcome(code=2, err=REFUSAL, out="[]"), "refused with output"),
        (GOOD, Outcome(code=2, err=REFUSAL, written={"a": b""}), "refused and written"),
        (GOOD, Outcome(code=2, err=REFUSAL, lost=(STUDY,)), "files lost"),
        (GOOD, Outcome(code=2, err="symdrift: study \x1b[31m.\n"), "control characters"),
        (GOOD, Outcome(code=2, err=REFUSAL, warned=("RuntimeWarning: x",)), "warning"),
        (GOOD, Outcome(code=2, err=REFUSAL, seconds=31.0), "time"),
        (GOOD, Outcome(code=2, err=REFUSAL, memory=2**31), "memory"),
        (GOOD, Outcome(code=0, out='{"study": NaN}'), "no JSON"),
        (GOOD, Outcome(code=0, out='{"study": 1}'), "JSON without a field"),
        (TABLE, Outcome(code=0, out="a,b\n1,nan\n"), "not finite in CSV"),
        (TABLE, Outcome(code=0, out="a,b\n1\n"), "CSV of uneven rows"),
        (TABLE, Outcome(code=0, out="a,b\n1,=cmd()\n"), "CSV cell that is a formula"),
        (SCREEN, Outcome(code=0, out="rank  nan\n"), "not finite on screen"),
        (SCREEN, Outcome(code=0, written={"out/.a.tex": b"x"}), "temporary file left"),
        (SCREEN, Outcome(code=0, out="wrote out/a.tex\n"), "announced and not written"),
        (SCREEN, Outcome(code=0, written={"k.py": b'"""\\u0"""'}), "Python that does not compile"),
        (SCREEN, Outcome(code=0, written={"a.png": b"GIF"}), "png file of another kind"),
    ],
)
def test_a_breach_is_noticed(request_made: Request, outcome: Outcome, kind: str) -> None:
    assert any(found.startswith(kind) for found, _ in breaches(request_made, outcome))


def test_what_keeps_the_contract_is_no_breach(worker: Worker) -> None:
    for request in (GOOD, TABLE, SCREEN, Request("expression", ("1/(a + 2)**2",))):
        outcome = worker.run(request)
        assert (outcome.code, breaches(request, outcome)) == (0, [])
    refused = worker.run(Request("evaluate", ("evaluate", "bottleneck", "--set", "gamma=-1")))
    assert (refused.code, breaches(GOOD, refused)) == (2, [])
    diverged = Outcome(code=2, err="     0 s  simulating 2 replicas of 47 steps\n" + REFUSAL)
    assert breaches(GOOD, diverged) == []


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_killed_and_the_next_one_is_not(worker: Worker) -> None:
    sweep = ("evaluate", "bottleneck", "--sweep", "gamma=0.1:0.2:100000")
    outcome = worker.run(Request("evaluate", sweep, seconds=1))
    (kind, _) = breaches(GOOD, outcome)[0]
    assert kind.startswith("killed: symdrift/")
    assert worker.run(GOOD).code == 0


def test_a_law_that_does_not_hold_is_a_breach(worker: Worker) -> None:
    document = {
        "network": {"inputs": 2, "outputs": 2, "hidden": 2},
        "inputs": {"covariance": [2.0, 1.0]},
        "learning": {"rate": 0.001, "weight_decay": 0.1},
    }
    files = {STUDY: study_text(document).encode()}
    request = Request("law", ("evaluate", STUDY, "--json"), files)
    keep_contract(worker, Law("itself", request, request, 1.0, (0, 1)))
    for wrong in (
        Law("rate", request, request, 1.1, (0, 1)),
        Law("order", request, request, 1, (1, 0)),
    ):
        with pytest.raises(Breach, match="axis 1"):
            keep_contract(worker, wrong)


def test_studies_are_written_as_toml_reads_them() -> None:
    import tomllib

    document = {"a b": [1, -0.5, 1e-300, True], "é\x7f": {"x": '"\\\n', "y": [[], {}]}, "": "😀"}
    assert tomllib.loads(study_text(document)) == document
    assert toml([0.1]) == "[0.1]"
