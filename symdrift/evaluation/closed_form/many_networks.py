"""Swept areas of many networks of one shape: few operations, each of them about many terms.

Directions ``i`` and ``j`` of the terms ``(i, j, l)`` of one ``l`` stand on a ring: turns of the
ring by 1, 2, ... bring each pair together once, and those that meet lie in memory in one order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.in_place import Operation, in_place
from symdrift.evaluation.closed_form.printed_aligned import (
    _beside_blocks,
    _joint_term,
    _joint_term_white_noise,
    _learned_block,
    _own_term,
    _own_term_white_noise,
    _solved_block,
)

Array = NDArray[np.float64]
Counts = NDArray[np.intp]

TERMS: tuple[tuple[Callable[..., Array], ...], ...] = (
    (_own_term, _joint_term),
    (_own_term_white_noise, _joint_term_white_noise),
)
"""Terms with the noise as it is, and as if it were white."""

PARTS, KNOWN, BESIDE = 8, 9, 6
"""What is known of a direction, of a solved block, and beside the diagonals of all with one l."""

_EXCHANGED = [1, 0, 2, 4, 3, 5, 6, 8, 7]
"""Of which part of a block each part is that of the block of the same directions exchanged."""

_LABEL_NOISE, _SLACK, _MISSED, _REST = 1, 4, 5, 7
_OFTEN_ZERO = (_LABEL_NOISE, _SLACK, _MISSED, _REST)
"""Parts that no network may have: nothing is done with them then."""

_LEARNED = (0, 1, 2, 3)
_NEAR, _FAR = (*_LEARNED, 6, 7), (*_LEARNED, 4, 5, 8, 9)
"""Parts of both directions that a block is made of; the last two are those of one left out."""

TOGETHER, FEWEST = 2**11, 2**6
"""Networks that one operation is about."""

NUMBERS = 3 * 2**13
"""Numbers that one operation is about: few enough for what a term needs to stay in the cache."""

_FEW = 1024
"""Blocks of a network whose operations are noted once."""

_HELD = threading.local()
"""What a thread used last, which the next part of its networks finds in the cache."""


def areas_of_networks(
    directions: tuple[Array, ...], weight_decay: Array, count: Counts, rows: int, white: bool
) -> Array:
    """Swept areas, shape (networks, rows, rows); arguments are those of `area_sums.swept_areas`."""
    given = len(weight_decay)
    parts = -(-given // max(FEWEST, min(TOGETHER, NUMBERS // rows)))
    networks = -(-given // parts)
    zero = tuple(k in _OFTEN_ZERO and not part.any() for k, part in enumerate(directions))
    shape = (rows, white, zero, *count)
    held = getattr(_HELD, "networks", 0) if getattr(_HELD, "shape", None) == shape else 0
    # The last part is smaller: what is there for the others serves it sooner than what is new.
    if networks <= held <= 4 * networks:
        networks = held
    else:
        _HELD.shape, _HELD.networks = shape, networks
        _HELD.sums = _Sums(networks, rows, white, zero, count)
    areas = np.empty((rows, rows, given))
    for start in range(0, given, networks):
        here = slice(start, start + networks)
        areas[:, :, here] = _HELD.sums.areas_of(
            [part[here].T for part in directions], weight_decay[here]
        )
    return np.moveaxis(areas, -1, 0)


class _Sums:
    """What is done with so many networks, in arrays that are kept."""

    def __init__(
        self, networks: int, rows: int, white: bool, zero: tuple[bool, ...], count: Counts
    ) -> None:
        # Without a direction that is left out there are no strengths of such.
        self._zero = zero + tuple(zero[_MISSED] or part for part in zero[6:])
        # What no network has is never given, and yet multiplied: by no number found in memory.
        self._axes = np.zeros((PARTS + 2 + BESIDE, len(count), networks))
        self._gamma = np.empty(networks)
        self._areas = np.empty((rows, rows, networks))
        self._terms = TERMS[white]
        self._spare = [np.empty(max(NUMBERS, rows * networks))]
        self._room: Callable[..., Array] = cache(lambda _, shape: np.empty(shape))
        self._count, self._rows = count, rows
        # Blocks and operations of wide networks are too many to be held.
        self._few = rows * len(count) <= _FEW
        self._noted = list(self._operations()) if self._few else None

    def areas_of(self, directions: list[Array], weight_decay: Array) -> Array:
        """Areas of networks whose directions are given, shape (directions, networks) each."""
        count = len(weight_decay)
        parts = zip(self._axes, directions, self._zero, strict=False)
        wanted = [(part, given) for part, given, zero in parts if not zero]
        for part, given in ((self._gamma, weight_decay), *wanted):
            part[..., :count] = given
            # What fills up has to be something.
            part[..., count:] = given[..., -1:]
        if not self._zero[_MISSED]:
            slack, missed, strength, rest, other, other_rest = self._axes[4:-BESIDE]
            left_out = missed > 0
            np.multiply(slack, ~left_out, slack)
            np.multiply(strength, left_out, other)
            np.multiply(rest, left_out, other_rest)
        self._areas.fill(0.0)
        for function, arguments in self._noted or self._operations():
            function(*arguments)
        return self._areas[..., :count]

    def _operations(self) -> Iterator[Operation]:
        given = [self._axes[0], self._axes[3], self._gamma]
        yield from in_place(_beside_blocks, given, self._axes[-BESIDE:], self._spare)
        if self._few:
            yield from self._pairs()
        for others, ring in _rings(self._count, self._rows, len(self._gamma)):
            yield from self._around(others, ring)
        first, second = np.triu_indices(self._rows, 1)
        yield _copied, (self._areas, first, second)

    def _pairs(self) -> Iterator[Operation]:
        """Blocks of all pairs, each once: that of (l, i) is that of (i, l) the other way around."""
        row, column = np.triu_indices(self._rows, 0, len(self._count))
        wanted = (row != column) | (self._count[row] > 1)
        row, column = row[wanted], column[wanted]
        pairs, networks = len(row), len(self._gamma)
        solved = np.empty((KNOWN, pairs, networks))
        self._solved = solved.reshape(-1, networks)
        place = np.arange(KNOWN * pairs).reshape(KNOWN, pairs)
        back = column < self._rows
        self._place = np.zeros((KNOWN, self._rows, len(self._count)), dtype=np.intp)
        self._place[:, column[back], row[back]] = place[_EXCHANGED][:, back]
        self._place[:, row, column] = place
        width = max(1, NUMBERS // networks)
        for start in range(0, pairs, width):
            here = slice(start, start + width)
            yield from self._blocks(row[here], column[here], solved[:, here])

    def _blocks(self, i: Counts, l: Counts, found: Array) -> Iterator[Operation]:
        """Blocks of directions i and l, where the second is broadcast over the first."""
        given: list[Array | None] = []
        # The coupling is the weight decay then.
        learned = self._zero[_SLACK] and self._zero[_MISSED]
        near, far = (_LEARNED, _LEARNED) if learned else (_NEAR, _FAR)
        for name, place, parts in (("near", i, near), ("far", l, far)):
            for part in parts:
                given.append(None)
                if not self._zero[part]:
                    given[-1] = self._room((name, part), (*place.shape, len(self._gamma)))
                    yield self._axes[part].take, (place, 0, given[-1], "clip")
        # Operations on arrays of one shape are the quickest.
        gamma = self._room("gamma", (*l.shape, len(self._gamma)))
        yield np.copyto, (gamma, self._gamma)
        block = _learned_block if learned else _block
        yield from in_place(block, [*given, gamma], found, self._spare)

    def _around(self, others: Counts, ring: Counts) -> Iterator[Operation]:
        """Terms of some directions l, each of which has its ring in a column."""
        count, (own_term, joint_term) = self._count, self._terms
        around, turns = len(ring), len(ring) // 2
        shape = (*ring.shape, len(self._gamma))
        # The first ones stand behind the last ones again.
        known = self._room("known", (KNOWN, around + turns, *shape[1:]))
        if self._few:
            here = np.concatenate([ring, ring[:turns]])
            yield self._solved.take, (self._place[:, here, others], 0, known, "clip")
        else:
            yield from self._blocks(ring, others, known[:, :around])
            yield np.copyto, (known[:, around:], known[:, :turns])
        far = self._axes[:, others[0] : others[-1] + 1]
        if far.shape[1] > len(others):
            far = self._room("far", (len(far), *shape[1:]))
            yield self._axes.take, (others, 1, far, "clip")
        beside = far[-BESIDE:]
        area = self._room("area", shape)
        if others[0] < len(self._areas):
            noise = None if self._zero[_LABEL_NOISE] else far[1]
            given = [far[0], noise, far[2], *known[:, :around], *beside, self._gamma]
            yield from in_place(own_term, given, [area], self._spare)
            for x, l in enumerate(others):
                yield from self._added(area[:, x], ring[:, x], l, 1 + (ring[:, x] == l))
        for turn in range(int(count[: len(self._areas)].max() == 1), turns + 1):
            met = turns if 2 * turn == around else around
            given = [*known[:, :met], *known[:, turn : turn + met], *beside]
            yield from in_place(joint_term, given, [area[:met]], self._spare)
            for x, l in enumerate(others):
                i, j = ring[:met, x], np.roll(ring[:, x], -turn)[:met]
                times = count[l] - (l == i) - (l == j)
                yield from self._added(area[:met, x], i, j, times * ((i != j) | (count[i] > 1)))

    def _added(self, area: Array, i: Counts, j: Any, times: Counts) -> Iterator[Operation]:
        """To planes, each of which is met once."""
        if self._few and (times == 1).all():
            for term, a, b in zip(area, *np.broadcast_arrays(i, j), strict=True):
                total = self._areas[min(a, b), max(a, b)]
                yield np.add, (total, term, total)
            return
        weight = times[:, np.newaxis].astype(float)
        there = slice(None) if times.all() else np.flatnonzero(times)
        planes = (np.minimum(i, j)[there], np.maximum(i, j)[there])
        if (times[there] == 1).all():
            yield _added, (self._areas, planes, area, there)
        else:
            yield _added, (self._areas, planes, area, there, weight[there])


def _added(areas: Array, planes: Any, area: Array, there: Any, weight: Any = None) -> None:
    areas[planes] += area[there] if weight is None else area[there] * weight


def _copied(areas: Array, first: Counts, second: Counts) -> None:
    areas[second, first] = areas[first, second]


def _rings(count: Counts, rows: int, networks: int) -> Iterator[tuple[Counts, Counts]]:
    """Some directions l at a time, and in columns what meets in their terms."""
    number = np.arange(len(count))
    active, alone = number < rows, count == 1
    for others in (number[active & alone], number[active & ~alone], number[~active]):
        # A direction that is there once has no block with itself.
        ring = np.array(
            [[i for i in range(rows) if i != l or count[l] > 1] for l in others], dtype=int
        ).T
        width = max(1, NUMBERS // max(1, len(ring) * networks))
        for start in range(0, len(others) if len(ring) else 0, width):
            here = slice(start, start + width)
            yield others[here], ring[:, here]


def _block(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    residual_i: Array,
    strength_i: Array,
    rest_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    missed_value_l: Array,
    strength_l: Array,
    rest_l: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """The block (i, l); the strength of l counts where it is left out."""
    gap = (strength_i - strength_l) + (rest_i - rest_l)
    return _solved_block(
        variance_i, label_noise_i, singular_value_i, residual_i, variance_l, label_noise_l,
        singular_value_l, residual_l, slack_l, missed_value_l, gap, weight_decay,
    )  # fmt: skip
