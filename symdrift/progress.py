"""How far long work has come, for whoever wants to show it."""

from __future__ import annotations

import logging
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Receives how much was done of how much."""

_LOGGER = logging.getLogger("symdrift")


def log_stage(text: str) -> None:
    """Say that a stage of long work begins; whoever listens to the package's log shows it."""
    _LOGGER.info(text)


def log_warning(text: str) -> None:
    """Say what work that goes on falls short of; the command line shows it as a warning."""
    _LOGGER.warning(text)


class Stages:
    """Percentages of the whole from stages that count their own work.

    Parameters
    ----------
    progress : callable, optional
        Receives percentages, which never fall, and 100.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._at = 0

    def reach(self, percent: int) -> None:
        """The work before this percentage is done."""
        self._at = max(self._at, percent)
        if self._progress is not None:
            self._progress(self._at, 100)

    def stage(self, first: int, last: int) -> Progress:
        """Progress of a stage that takes the whole from one percentage to another."""

        def report(done: int, total: int) -> None:
            self.reach(first + (last - first) * done // max(total, 1))

        return report
