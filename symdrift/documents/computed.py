"""Numbers of a problem that take seconds: computed once, then found again."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TypeVar

from symdrift.cache import cached, digest_of
from symdrift.study.learner import Learner
from symdrift.study.problem import LearningProblem

Computed = TypeVar("Computed")


def computed(
    name: str,
    problem: LearningProblem | Learner,
    compute: Callable[[], Computed],
    *settings: object,
) -> Computed:
    """What is computed from a problem, or what was computed from it before.

    Results are kept as bytes, because equality of arrays is not one truth value.

    Parameters
    ----------
    name : str
        What is computed.
    problem : LearningProblem or Learner
    compute : callable
        Deterministic; what it returns can be pickled.
    settings : object
        What else the result depends on; anything that prints as JSON.
    """
    key = [digest_of(problem), *settings]
    kept = cached(
        name, key, lambda: pickle.dumps(compute()), lambda found: isinstance(found, bytes)
    )
    result: Computed = pickle.loads(kept)
    return result
