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
from collections.abc import Callable
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
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    print_blob=False,
)


class Campaign:
    """Runs of one seed, what they were and what they broke."""

    def __init__(self, worker: Worker, found: Path, reducing: bool = True) -> None:
        self._worker = worker
        self._found = found
        self._reducing = reducing
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.slowest: dict[str, tuple[float, Request]] = {}

    def chunk(self, number: int, size: int) -> None:
        """Try ``size`` sittings; what breaks the contract anew is kept, and reduced."""
        known = set(self.broken)

        def note(breach: Breach) -> None:
            if not self.broken[breach.kind]:
                self._keep(breach)
            self.broken[breach.kind] += 1

        self._sittings(number, size, note)
        for kind in set(self.broken) - known:
            # What takes long would take hours to be reduced.
            if self._reducing and not kind.startswith(("killed", "time", "memory")):
                self._reduce(number, size, kind)

    def _reduce(self, number: int, size: int, kind: str) -> None:
        def insist(breach: Breach) -> None:
            if breach.kind == kind:
                raise breach

        try:
            self._sittings(number, size, insist)
        except Breach as smallest:
            self._keep(smallest)

    def _sittings(self, number: int, size: int, on_breach: Callable[[Breach], None]) -> None:
        @seed(number)
        @settings(QUIET, max_examples=size)
        @given(tried_at_random())
        def attempt(tried: Sitting | Law) -> None:
            try:
                keep_contract(self, tried)
            except Breach as breach:
                on_breach(breach)

        attempt()

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
    parser.add_argument("--as-found", action="store_true", help="reduce nothing: faster")
    parser.add_argument("--replay", type=Path, metavar="FILE")
    given_arguments = parser.parse_args()
    with Worker() as worker:
        if given_arguments.replay is not None:
            # A file that this program wrote itself: pickles of others are programs of others.
            request = pickle.loads(given_arguments.replay.read_bytes())
            outcome = worker.run(request)
            print(request, outcome, *breaches(request, outcome), sep="\n\n")
            return bool(breaches(request, outcome))
        campaign = Campaign(worker, given_arguments.found, not given_arguments.as_found)
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
