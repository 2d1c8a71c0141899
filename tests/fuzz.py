"""A campaign of requests at random against the contract of the command line.

``python tests/fuzz.py --runs 100000 --seed 1`` runs so many commands, in one process beside this
one, counts them by kind, and stops at nothing: each kind of breach is reduced to its smallest
request, printed, and kept in ``fuzz_findings/`` for ``python tests/fuzz.py --replay FILE``.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from fuzz_contract import breaches
from fuzz_requests import Law, Sitting, expression_sittings, laws, sittings
from fuzz_worker import Outcome, Request, Worker
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

AGREEMENT = 1e-6
"""Relative difference up to which two ways to the same numbers agree."""
CHUNK = 100
"""Sittings from one seed of Hypothesis."""


class Runner(Protocol):
    """A worker, or a campaign that counts."""

    def run(self, request: Request) -> Outcome: ...


class Breach(AssertionError):
    """A request that breaks the contract."""

    def __init__(self, kind: str, request: Request, what: str) -> None:
        self.kind, self.request, self.what = kind, request, what
        super().__init__(f"{kind}\n{request}\n{what}")


def keep_contract(runner: Runner, tried: Sitting | Law) -> None:
    """Run what is tried.

    Raises
    ------
    Breach
        At the first breach.
    """
    if not isinstance(tried, Law):
        for request in tried:
            _run(runner, request)
        return
    first, second = (_run(runner, request) for request in (tried.first, tried.second))
    if first.code != second.code:
        raise Breach(f"law: {tried.name}", tried.second, f"{first.err}{second.err} {tried.first}")
    if first.code == 0:
        here, there = (json.loads(outcome.out) for outcome in (first, second))
        for k, moved in enumerate(tried.order):
            for name, factor in (("squared_norm", 1.0), ("decay_rate", tried.rates)):
                expected = factor * here["stimuli"][k][name]
                found = there["stimuli"][moved][name]
                largest = max(abs(factor * s[name]) for s in here["stimuli"])
                if abs(found - expected) > AGREEMENT * largest:
                    what = f"{name} of axis {k + 1}: {found} for {expected}\n{tried.first}"
                    raise Breach(f"law: {tried.name}", tried.second, what)


def _run(runner: Runner, request: Request) -> Outcome:
    outcome = runner.run(request)
    for kind, what in breaches(request, outcome):
        raise Breach(kind, request, what)
    return outcome


@st.composite
def tried_at_random(draw: st.DrawFn) -> Sitting | Law:
    """Commands with their files above all; expressions and laws of the theory."""
    kind = draw(st.integers(0, 9))
    if kind == 9:
        return draw(laws())
    return draw(sittings() if kind < 7 else expression_sittings())


QUIET = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


class Campaign:
    """Runs of one seed, what they were and what they broke."""

    def __init__(self, worker: Worker, found: Path) -> None:
        self._worker = worker
        self._found = found
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.slowest: dict[str, tuple[float, Request]] = {}

    def chunk(self, number: int, size: int) -> None:
        """Try ``size`` sittings; what breaks the contract anew is reduced and kept."""
        done: set[str] = set(self.broken)
        for _ in range(20):
            breach = self._first_breach(number, size, done)
            if breach is None:
                return
            done.add(breach.kind)
            self._keep(breach)
            number += 10**9

    def _first_breach(self, number: int, size: int, known: set[str]) -> Breach | None:
        campaign = self
        found: list[str] = []

        @seed(number)
        @settings(
            QUIET,
            max_examples=size,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
        )
        @given(tried_at_random())
        def attempt(tried: Sitting | Law) -> None:
            try:
                keep_contract(campaign, tried)
            except Breach as breach:
                campaign.broken[breach.kind] += 1
                # A request that is being reduced must not turn into another breach.
                if breach.kind in known or breach.kind not in (found or [breach.kind]):
                    return
                if breach.kind.startswith(("killed", "time", "memory")):
                    # Too dear to be reduced.
                    known.add(breach.kind)
                    campaign._keep(breach)
                    return
                if not found:
                    print(f"reducing: {breach.kind}", flush=True)
                found.append(breach.kind)
                raise

        try:
            attempt()
        except Breach as breach:
            return breach
        return None

    def run(self, request: Request) -> Outcome:
        """As `Worker.run`, counted."""
        outcome = self._worker.run(request)
        self.counts[request.kind] += 1
        self.codes[f"{outcome.code}"] += 1
        if outcome.seconds > self.slowest.get(request.kind, (0.0, request))[0]:
            self.slowest[request.kind] = outcome.seconds, request
        return outcome

    def _keep(self, breach: Breach) -> None:
        self._found.mkdir(exist_ok=True)
        name = sha256(breach.kind.encode()).hexdigest()[:10]
        path = self._found / f"{name}.pickle"
        path.write_bytes(pickle.dumps(breach.request))
        path.with_suffix(".txt").write_text(str(breach), encoding="utf-8", errors="replace")
        print(f"\n=== {path}\n{str(breach)[:3000].encode('utf-8', 'replace').decode()}", flush=True)


def main() -> int:
    """Run the campaign that the arguments describe; the exit code says whether it broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--found", type=Path, default=Path("fuzz_findings"))
    parser.add_argument("--replay", type=Path)
    given_arguments = parser.parse_args()
    with Worker() as worker:
        if given_arguments.replay is not None:
            # A file that this program wrote itself: pickles of others are programs of others.
            request = pickle.loads(given_arguments.replay.read_bytes())
            outcome = worker.run(request)
            print(request, outcome, *breaches(request, outcome), sep="\n\n")
            return bool(breaches(request, outcome))
        campaign = Campaign(worker, given_arguments.found)
        start, number = time.perf_counter(), given_arguments.seed * 10**6
        while campaign.counts.total() < given_arguments.runs:
            campaign.chunk(number, CHUNK)
            number += 1
            _show(campaign, time.perf_counter() - start)
    for kind, (seconds, request) in campaign.slowest.items():
        print(f"slowest of {kind}: {seconds:.1f} s: {ascii(request.arguments)[:200]}")
    return bool(campaign.broken)


def _show(campaign: Campaign, seconds: float) -> None:
    print(
        f"{campaign.counts.total()} runs in {seconds:.0f} s; codes {dict(campaign.codes)}; "
        f"kinds {dict(campaign.counts)}; broken {dict(campaign.broken)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
