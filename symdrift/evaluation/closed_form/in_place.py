"""Functions of arrays as operations that write where there is room.

A formula of a hundred operations on arrays that fit the cache spends more time on finding room for
its results than on arithmetic.  Here it runs once on values that only note what is done with them.
What is noted is then done in arrays that are there, each of which is taken again as soon as it has
been read for the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Operation = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""


class _Noted(np.lib.mixins.NDArrayOperatorsMixin):
    """A value that is known by its number: those of arguments come first, then those of steps."""

    def __init__(
        self, number: int, arguments: int, steps: list[tuple[np.ufunc, list[Any]]]
    ) -> None:
        self.number, self._arguments, self._steps = number, arguments, steps

    def __array_ufunc__(self, ufunc: np.ufunc, _: str, *operands: Any) -> Any:
        if ufunc is np.power and operands[1] == 2:
            ufunc, operands = np.square, operands[:1]
        zero = [type(each) is float and each == 0 for each in operands]
        if ufunc is np.multiply and any(zero):
            return 0.0
        if any(zero) and (ufunc is np.add or (ufunc is np.subtract and zero[1])):
            return operands[zero.index(False)]
        read = [each.number if isinstance(each, _Noted) else np.float64(each) for each in operands]
        self._steps.append((ufunc, read))
        return _Noted(self._arguments + len(self._steps) - 1, self._arguments, self._steps)


@cache
def _program(
    function: Callable[..., Any], zero: tuple[bool, ...]
) -> tuple[list[tuple[np.ufunc, list[Any], int]], int]:
    """Operations on places, and how many places there are: arguments, results, what is between."""
    count = function.__code__.co_argcount
    steps: list[tuple[np.ufunc, list[Any]]] = []
    returned = function(*(0.0 if zero[k] else _Noted(k, count, steps) for k in range(count)))
    results = [each.number for each in (returned if isinstance(returned, tuple) else (returned,))]
    order: dict[int, None] = {}

    def put(step: int) -> None:
        # Behind what it reads, none of which is held for longer than needed.
        for each in steps[step - count][1]:
            if type(each) is int and each >= count and each not in order:
                put(each)
        order[step] = None

    for each in results:
        if each not in order:
            put(each)
    steps = [steps[each - count] for each in order]
    last = {each: k for k, (_, read) in enumerate(steps) for each in read if type(each) is int}
    place = {k: k for k in range(count)} | {each: count + k for k, each in enumerate(results)}
    kept = places = count + len(results)
    free: list[int] = []
    program = []
    for k, (step, (ufunc, read)) in enumerate(zip(order, steps, strict=True)):
        known = {each for each in read if type(each) is int}
        at = [place[each] if type(each) is int else each for each in read]
        free += [place[each] for each in known if last[each] == k and place[each] >= kept]
        if step not in place:
            if not free:
                free.append(places)
                places += 1
            place[step] = free.pop()
        program.append((ufunc, at, place[step]))
    return program, places


def in_place(
    function: Callable[..., Any],
    arguments: Sequence[Array | None],
    results: Sequence[Array] | Array,
    spare: list[Array],
) -> Iterator[Operation]:
    """Operations that a function of arrays consists of.

    Parameters
    ----------
    function : callable
        Of positional arguments, made of operations that go entry by entry.
    arguments : sequence of ndarray
        None stands for zeros, which nothing is done with.
    results : sequence of ndarray
        Where its results go; all of one shape, to which the arguments can be broadcast.
    spare : list of ndarray
        Flat arrays, as long as a result or longer, for what is between; one that is missing is
        added.
    """
    program, places = _program(function, tuple(each is None for each in arguments))
    size = results[0].size
    between = places - len(arguments) - len(results)
    length = max([size, *map(len, spare)])
    spare += [np.empty(length) for _ in range(between - len(spare))]
    at: list[Any] = [*arguments, *results, *spare[:between]]
    given = places - between
    for ufunc, read, place in program:
        operands = [at[each] if type(each) is int else each for each in read]
        if place >= given:
            # What is the same for many entries is there once.
            shape = np.broadcast_shapes(*map(np.shape, operands))
            at[place] = spare[place - given][: prod(shape)].reshape(shape)
        yield ufunc, (*operands, at[place])
