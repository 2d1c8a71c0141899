"""Random numbers made inside the simulation loop, one stream per replica.

Bits come from xoshiro256++ (Blackman and Vigna, ACM Trans. Math. Softw. 47, 2021), one
generator per lane, seeded from ``(seed, replica)`` so that a replica draws the same numbers
in whatever block or thread it runs.  Normals come in pairs by the Box-Muller transform of one
64-bit word: 40 bits for the radius (normals up to 7.4 standard deviations), 24 for the angle
(a lattice of that many angles reproduces every moment of order below 2^24 exactly).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.simulation.lanes import (
    LANES,
    as_floats,
    as_words,
    floats_like,
    halves,
    inlined,
    load,
    shift_left,
    shift_right,
    shift_right_signed,
    signed_to_floats,
    square_root,
    store,
    twin,
    words_like,
)

Words = NDArray[np.uint64]

STATE_VECTORS = 4
"""Vectors of generator state per group of lanes."""

_ONE = np.uint64(0x3FF0000000000000)
_MANTISSA_40 = np.uint64(0x000FFFFFFFFFF000)
_MANTISSA_23 = np.uint64(0x000FFFFFE0000000)
_SIGN = np.uint64(0x8000000000000000)
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)

_LOGARITHM = (  # -2 log(1 + f) / f for sqrt(1/2) <= 1 + f <= sqrt(2), error 7e-12
    -1.9999999999961737,
    0.9999999998594361,
    -0.666666669591482,
    0.5000000409632879,
    -0.3999996591825462,
    0.3333298028516325,
    -0.28572732204869256,
    0.25013281406862214,
    -0.22205976559572668,
    0.19757939621984108,
    -0.1810901110185001,
    0.18685762903933686,
    -0.18179509018907036,
    0.09435518106718771,
)
_SINE = (  # sin(t) / t in powers of t^2 for |t| <= pi/2, error 5e-14
    0.9999999999999496,
    -0.16666666666466673,
    0.00833333332035835,
    -0.00019841266683130672,
    2.7556952912858047e-06,
    -2.503026818882279e-08,
    1.54112197466489e-10,
)
_COSINE = (  # cos(t) in powers of t^2 for |t| <= pi/2, error 8e-13
    0.9999999999992479,
    -0.4999999999701275,
    0.04166666647285179,
    -0.0013888884170789055,
    2.4801039928008272e-05,
    -2.7524670425081666e-07,
    1.9907506103760227e-09,
)

COEFFICIENTS = np.array([*_LOGARITHM, *_SINE, *_COSINE])
"""Minimax polynomials of the Box-Muller transform, lowest power first.

Compiled code reads them from memory, where an instruction can broadcast its operand for free;
known to the compiler as constants, they would fill its registers and spill.
"""

_SINE_FROM = len(_LOGARITHM)
_COSINE_FROM = _SINE_FROM + len(_SINE)
_COEFFICIENTS_END = _COSINE_FROM + len(_COSINE)


def replica_streams(seed: int, first: int, count: int) -> Words:
    """Generator states of the replicas ``first, ..., first + count - 1``.

    Returns
    -------
    Words
        Shape ``(groups * STATE_VECTORS * LANES,)``: group, state word, lane; the last group is
        filled up with the streams of the replicas that follow.
    """
    groups = -(-count // LANES)
    states = np.empty((groups, STATE_VECTORS, LANES), dtype=np.uint64)
    for group in range(groups):
        for lane in range(LANES):
            sequence = np.random.SeedSequence(seed, spawn_key=(first + group * LANES + lane,))
            states[group, :, lane] = sequence.generate_state(STATE_VECTORS, np.uint64)
    return states.reshape(-1)


@inlined
def next_words(states: Any, group: int) -> Any:
    """Next output of the generators of one group of lanes (xoshiro256++)."""
    first = group * STATE_VECTORS
    a = load(states, first)
    b = load(states, first + 1)
    c = load(states, first + 2)
    d = load(states, first + 3)
    total = a + d
    output = (shift_left(total, 23) | shift_right(total, 41)) + a
    shifted = shift_left(b, 17)
    c = c ^ a
    d = d ^ b
    store(states, first + 1, b ^ c)
    store(states, first, a ^ d)
    store(states, first + 2, c ^ shifted)
    store(states, first + 3, shift_left(d, 45) | shift_right(d, 19))
    return output


@inlined
def _polynomial(argument: Any, coefficients: Any, first: int, end: int) -> Any:
    """Even and odd powers apart: two chains of operations instead of one twice as long."""
    square = argument * argument
    last = end - 1
    leading = floats_like(argument, coefficients[last])
    other = floats_like(argument, coefficients[last - 1])
    for power in range(last - 2, first - 1, -2):
        leading = leading * square + floats_like(argument, coefficients[power])
    for power in range(last - 3, first - 1, -2):
        other = other * square + floats_like(argument, coefficients[power])
    if (last - first) % 2 == 0:
        return other * argument + leading
    return leading * argument + other


@inlined
def normal_pair(bits: Any, coefficients: Any) -> Any:
    """Two independent standard normals from each 64-bit word."""
    one = words_like(bits, _ONE)
    uniform = floats_like(bits, 2.0) - as_floats(
        (shift_right(bits, 12) & words_like(bits, _MANTISSA_40)) | one
    )
    offset = as_words(uniform) - words_like(bits, _ROOT_HALF)
    exponent = shift_right_signed(offset, 52)
    fraction = as_floats(as_words(uniform) - shift_left(exponent, 52)) - floats_like(bits, 1.0)
    squared = (
        signed_to_floats(exponent) * floats_like(bits, -2.0 * math.log(2.0))
        + _polynomial(fraction, coefficients, 0, _SINE_FROM) * fraction
    )
    sign = shift_left(bits, 40) & words_like(bits, _SIGN)
    radius = as_floats(as_words(square_root(squared)) | sign)
    angle = (
        as_floats((shift_left(bits, 29) & words_like(bits, _MANTISSA_23)) | one)
        - floats_like(bits, 1.5)
    ) * floats_like(bits, math.pi)
    square = angle * angle
    return (
        radius * _polynomial(square, coefficients, _COSINE_FROM, _COEFFICIENTS_END),
        radius * (angle * _polynomial(square, coefficients, _SINE_FROM, _COSINE_FROM)),
    )


@inlined
def fill_normals(states: Any, group: int, coefficients: Any, buffer: Any, pairs: int) -> None:
    """Write ``2 * pairs`` vectors of standard normals to the front of ``buffer``."""
    for pair in range(0, pairs - 1, 2):
        bits = next_words(states, group)
        firsts, seconds = normal_pair(twin(bits, next_words(states, group)), coefficients)
        for lanes, at in ((firsts, 2 * pair), (seconds, 2 * pair + 1)):
            early, late = halves(lanes)
            store(buffer, at, early)
            store(buffer, at + 2, late)
    if pairs % 2 == 1:
        first, second = normal_pair(next_words(states, group), coefficients)
        store(buffer, 2 * pairs - 2, first)
        store(buffer, 2 * pairs - 1, second)
