"""Numbers beyond double precision end a computation in a sentence, not in warnings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from symdrift.errors import RequestError


@contextmanager
def double_precision() -> Iterator[None]:
    """Arithmetic in this context, or in the function that it decorates, stays finite.

    NumPy would warn of an overflow, a division by zero or an undefined number, and go on.
    Threads that are started inside have contexts of their own.

    Raises
    ------
    RequestError
        Where a number leaves double precision.
    """
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            yield
    except (FloatingPointError, OverflowError, ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise RequestError(
            "study",
            f"leads to numbers beyond double precision ({error}); bring its variances, rates and "
            "times closer to each other and to 1",
        ) from error
