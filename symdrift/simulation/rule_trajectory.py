"""Weights of networks that learn by any rule, recorded as they go."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.any_rule import evaluate_rule
from symdrift.execution import Diverged, require_counts
from symdrift.files import replacing
from symdrift.precision import double_precision
from symdrift.progress import Progress
from symdrift.simulation.ensemble import blocks_of, too_fast
from symdrift.simulation.rule_ensemble import (
    BLOCK_REPLICAS,
    RuleNetworks,
    rule_model,
)
from symdrift.simulation.trajectory import (
    DEFAULT_REPLICAS,
    record_networks,
)
from symdrift.study.learner import Learner
from symdrift.study.problem import Array


@dataclass(frozen=True, eq=False)
class RuleTrajectory:
    """Weights of every network at evenly spaced steps of a stationary run.

    Attributes
    ----------
    steps : NDArray[np.int64]
        At which weights were recorded, from 0, shape ``(records,)``.
    weights : Mapping of str to Array
        By weight matrix of the rule, velocities included, shape
        ``(records, replicas, rows, columns)``.
    learner : Learner
    seed : int
    interrupted : bool
        Whether an interrupt ended the run before the steps that were asked for.
    """

    steps: NDArray[np.int64]
    weights: Mapping[str, Array]
    learner: Learner
    seed: int
    interrupted: bool

    @property
    def study(self) -> str:
        return self.learner.study

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` archive.

        Its arrays are ``steps``, ``weights.NAME`` of each weight matrix, and what was simulated:
        ``input_covariance``, ``label_noise``, ``learning_rate``, ``batch``, the settings of the
        rule by their names, ``teacher`` where there is one, ``stimuli`` (one per row),
        ``stimulus_names``, ``seed``, ``interrupted``.
        """
        learner = self.learner
        arrays: dict[str, Any] = {
            "steps": self.steps,
            **{f"weights.{name}": matrix for name, matrix in self.weights.items()},
            "input_covariance": learner.inputs.covariance,
            "label_noise": learner.label_noise,
            "learning_rate": learner.learning_rate,
            "batch": learner.batch,
            **learner.settings,
            "stimuli": np.array([stimulus.vector for stimulus in learner.stimuli]),
            "stimulus_names": np.array([stimulus.name for stimulus in learner.stimuli]),
            "seed": self.seed,
            "interrupted": self.interrupted,
        }
        if learner.teacher is not None:
            arrays["teacher"] = learner.teacher
        with replacing(path) as temporary:
            np.savez(temporary, **arrays)


@double_precision()
def simulate_rule(
    learner: Learner,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    *,
    executor: Executor | None = None,
) -> RuleTrajectory:
    """Let networks learn by any rule from where it ends, and record weights.

    Parameters are those of `symdrift.simulation.simulate`.

    Raises
    ------
    RequestError
        When there is no such end, arguments are not positive, the run would relax for too long,
        the records do not fit into memory, or learning diverges.
    """
    require_counts(steps=steps, replicas=replicas, threads=threads, seed=seed)
    found = evaluate_rule(learner)
    replicas = DEFAULT_REPLICAS if replicas is None else replicas
    slowest = found.minimum.slowest_return * learner.rule.core[1]
    model = rule_model(learner, found.minimum.orbit.point)
    try:
        vectors, recorded, interrupted = record_networks(
            partial(RuleNetworks, model, seed=seed),
            model.shape.weights,
            (learner.learning_rate, slowest),
            steps,
            blocks_of(replicas, BLOCK_REPLICAS),
            progress,
            threads,
            executor,
        )
    except Diverged as error:
        critical = found.validity.critical_rate
        raise too_fast(error, learner.learning_rate, critical, "learning") from error
    weights = {}
    for name, view in zip(learner.rule.weights, model.program.weights, strict=True):
        entries = vectors[..., view.first : view.first + view.rows * view.columns]
        weights[name] = entries.reshape(*vectors.shape[:2], view.rows, view.columns)
    return RuleTrajectory(recorded, weights, learner, seed, interrupted)
