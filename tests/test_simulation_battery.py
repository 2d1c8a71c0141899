"""A battery of statistical tests on the bit generator, after L'Ecuyer and Simard's SmallCrush.

The ten kinds of tests of SmallCrush (P. L'Ecuyer, R. Simard, ACM Trans. Math. Softw. 33, 22,
2007), each on the words of one replica in a row, on those of all replicas side by side, and on
both with the order of their bits reversed, where weak low bits show.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray
from test_simulation_random import words

Words = NDArray[np.uint64]
Battery = Callable[[Words], float]

COUNT = 2**18
SMALLEST = 1e-6
"""Two-sided probability below which one of some fifty tests counts as failed."""


def chi_square(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Probability of a larger chi-square; cells of small expectation are merged at the end."""
    expected = probabilities * counts.sum()
    cells = np.flatnonzero(expected >= 10)
    observed = np.append(counts[cells], counts.sum() - counts[cells].sum())
    wanted = np.append(expected[cells], counts.sum() - expected[cells].sum())
    if wanted[-1] < 10:
        observed[-2] += observed[-1]
        wanted[-2] += wanted[-1]
        observed, wanted = observed[:-1], wanted[:-1]
    statistic = float(np.sum((observed - wanted) ** 2 / wanted))
    return float(scipy.stats.chi2.sf(statistic, len(wanted) - 1))


def uniforms(given: Words) -> NDArray[np.float64]:
    return np.asarray((given >> np.uint64(11)) * 2.0**-53)


def small_integers(given: Words, bits: int) -> NDArray[np.int64]:
    return np.asarray(given >> np.uint64(64 - bits)).astype(np.int64)


def binomial(trials: int, probability: float) -> NDArray[np.float64]:
    return np.asarray(scipy.stats.binom.pmf(np.arange(trials + 1), trials, probability))


def birthday_spacings(given: Words) -> float:
    """Equal spacings of 4096 birthdays in a year of 2^32 days: Poisson of mean 4."""
    days = np.sort(small_integers(given, 32).reshape(-1, 4096), axis=1)
    spacings = np.sort(np.diff(days, axis=1), axis=1)
    equal = int(np.sum(np.diff(spacings, axis=1) == 0))
    return two_sided(scipy.stats.poisson(4.0 * len(days)), equal)


def collisions(given: Words) -> float:
    """Balls that fall into occupied ones of 2^20 urns, 2^14 balls at a time."""
    balls = small_integers(given, 20).reshape(-1, 2**14)
    urns = 2.0**20
    mean = 2**14 - urns + urns * (1 - 1 / urns) ** 2**14
    found = sum(2**14 - len(np.unique(row)) for row in balls)
    return two_sided(scipy.stats.poisson(mean * len(balls)), found)


def two_sided(law: scipy.stats.rv_discrete, value: int) -> float:
    return float(min(1.0, 2 * min(law.cdf(value), law.sf(value - 1))))


def gaps(given: Words) -> float:
    """Waiting times between visits to [0, 1/16)."""
    lengths = np.diff(np.flatnonzero(uniforms(given) < 1 / 16))
    counts = np.bincount(lengths, minlength=400)[1:]
    return chi_square(counts, scipy.stats.geom.pmf(np.arange(1, len(counts) + 1), 1 / 16))


def poker(given: Words) -> float:
    """Different values among eight of 16, by Stirling numbers of the second kind."""
    hands = np.sort(small_integers(given, 4).reshape(-1, 8), axis=1)
    different = 1 + np.sum(np.diff(hands, axis=1) > 0, axis=1)
    ways = np.zeros(9)
    for kinds in range(1, 9):
        surjections = sum((-1) ** k * comb(kinds, k) * (kinds - k) ** 8 for k in range(kinds))
        ways[kinds] = comb(16, kinds) * surjections / 16**8
    return chi_square(np.bincount(different, minlength=9)[1:], ways[1:])


def coupons(given: Words) -> float:
    """Draws until all of eight values have been seen."""
    lengths, seen, length = [], 0, 0
    for value in small_integers(given[: 2**17], 3).tolist():
        seen |= 1 << value
        length += 1
        if seen == 255:
            lengths.append(length)
            seen = length = 0
    draws = np.arange(201)
    complete = sum((-1) ** k * comb(8, k) * (1 - k / 8) ** draws for k in range(9))
    complete[0] = 0.0
    return chi_square(np.bincount(lengths, minlength=201)[1:201], np.diff(complete))


def largest_of_eight(given: Words) -> float:
    largest = uniforms(given).reshape(-1, 8).max(axis=1) ** 8
    counts, _ = np.histogram(largest, 128, (0.0, 1.0))
    return chi_square(counts, np.full(128, 1 / 128))


def weight_distribution(given: Words) -> float:
    """Visits to [0, 1/4) among 64."""
    visits = np.sum(uniforms(given).reshape(-1, 64) < 0.25, axis=1)
    return chi_square(np.bincount(visits, minlength=65), binomial(64, 0.25))


def matrix_rank(given: Words) -> float:
    """Rank over GF(2) of random 64 x 64 matrices."""
    deficits = []
    for rows in given[: 64 * 1500].reshape(-1, 64).tolist():
        pivots: dict[int, int] = {}
        for row in rows:
            rest = row
            while rest and (top := rest.bit_length()) in pivots:
                rest ^= pivots[top]
            if rest:
                pivots[rest.bit_length()] = rest
        deficits.append(64 - len(pivots))
    full = np.prod(1 - 0.5 ** np.arange(1, 65))
    one_less = 2 * full * (1 - 0.5**64)
    law = np.array([full, one_less, 1 - full - one_less])
    return chi_square(np.bincount(np.minimum(deficits, 2), minlength=3), law)


def hamming_weights(given: Words) -> float:
    """Weights of successive words are binomial and independent: cells of a table."""
    weights = np.bitwise_count(given).astype(np.int64).reshape(-1, 2)
    law = binomial(64, 0.5)
    table = np.bincount(65 * weights[:, 0] + weights[:, 1], minlength=65**2)
    return chi_square(table, np.outer(law, law).ravel())


def random_walk(given: Words) -> float:
    """Highest point of walks of 64 steps: ``P(M = m) = P(S = m) + P(S = m + 1)``."""
    bits = np.unpackbits(given[: 2**16].astype(">u8").view(np.uint8)).reshape(-1, 64)
    heights = np.maximum(np.cumsum(2 * bits.astype(np.int64) - 1, axis=1).max(axis=1), 0)
    ends = np.zeros(67)
    ends[0:65:2] = [comb(64, 32 + m // 2) / 2.0**64 for m in range(0, 65, 2)]
    return chi_square(np.bincount(heights, minlength=65), ends[:65] + ends[1:66])


BATTERY: dict[str, Battery] = {
    test.__name__: test
    for test in (
        birthday_spacings,
        collisions,
        gaps,
        poker,
        coupons,
        largest_of_eight,
        weight_distribution,
        matrix_rank,
        hamming_weights,
        random_walk,
    )
}


def reversed_bits(given: Words) -> Words:
    bits = np.unpackbits(given.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return np.packbits(bits[:, ::-1], axis=1, bitorder="little").view(np.uint64).ravel()


@pytest.fixture(scope="module")
def streams() -> dict[str, Words]:
    one_replica = words(21, 8, COUNT)[:, 3].copy()
    side_by_side = words(22, 512, COUNT // 512).ravel()
    return {
        "one replica": one_replica,
        "replicas side by side": side_by_side,
        "one replica, reversed": reversed_bits(one_replica),
        "replicas side by side, reversed": reversed_bits(side_by_side),
    }


@pytest.mark.parametrize("name", BATTERY)
def test_the_bit_generator_passes(streams: dict[str, Words], name: str) -> None:
    for stream, given in streams.items():
        probability = BATTERY[name](given)
        assert probability > SMALLEST, stream
        # Counts of rare events are often exactly as expected; nothing else should be.
        assert probability < 1 - SMALLEST or name in ("birthday_spacings", "collisions"), stream


def test_probabilities_of_a_good_generator_are_uniform() -> None:
    """Control of the battery itself, with another generator."""
    rng = np.random.default_rng(0)
    found = [
        BATTERY[name](rng.integers(0, 2**64, 2**16, dtype=np.uint64))
        for name in ("gaps", "poker", "largest_of_eight", "weight_distribution", "random_walk")
        for _ in range(40)
    ]
    assert scipy.stats.kstest(found, "uniform").pvalue > 1e-4


def congruential(count: int) -> Words:
    """``x <- a x + c mod 2^64``: good high bits, low bits of short period."""
    state, drawn = 1, []
    for _ in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        drawn.append(state)
    return np.array(drawn, dtype=np.uint64)


@pytest.mark.parametrize(
    ("weakness", "test"),
    [
        ("low bits of a congruential generator", "poker"),
        ("a counter", "birthday_spacings"),
        ("a counter", "collisions"),
        ("a counter", "gaps"),
        ("every word twice", "hamming_weights"),
        ("every word twice", "largest_of_eight"),
        ("every word twice", "coupons"),
        ("a linear combination", "matrix_rank"),
        ("first bit too seldom set", "random_walk"),
        ("first bit too seldom set", "weight_distribution"),
    ],
)
def test_the_battery_finds_weak_generators(weakness: str, test: str) -> None:
    rng = np.random.default_rng(1)
    good = rng.integers(0, 2**64, COUNT, dtype=np.uint64)
    if weakness.startswith("low bits"):
        weak = reversed_bits(congruential(COUNT))
    elif weakness == "a counter":
        weak = np.arange(COUNT, dtype=np.uint64) * np.uint64(2**64 // COUNT)
    elif weakness == "every word twice":
        weak = np.repeat(good[: COUNT // 2], 2)
    elif weakness == "a linear combination":
        weak = good.reshape(-1, 8)
        weak[:, 7] = weak[:, 0] ^ weak[:, 3]
        weak = weak.ravel()
    else:
        weak = good & (rng.integers(0, 2**64, COUNT, dtype=np.uint64) | np.uint64(2**63 - 1))
    assert BATTERY[test](weak) < SMALLEST
