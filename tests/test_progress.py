"""Percentages of long work rise and reach their end."""

from __future__ import annotations

from symdrift.progress import Stages


def test_stages_fill_their_share_of_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    stages = Stages(lambda done, total: seen.append((done, total)))
    first = stages.stage(0, 40)
    for done in range(1, 5):
        first(done, 4)
    stages.reach(50)
    stages.stage(50, 100)(7, 7)
    assert seen == [(10, 100), (20, 100), (30, 100), (40, 100), (50, 100), (100, 100)]


def test_progress_never_falls() -> None:
    """A stage that counts anew, or comes late, does not take the bar back."""
    seen: list[int] = []
    stages = Stages(lambda done, _: seen.append(done))
    stages.reach(60)
    stages.stage(0, 40)(1, 2)
    assert seen == [60, 60]


def test_nobody_has_to_watch() -> None:
    stages = Stages(None)
    stages.stage(0, 50)(0, 0)
    stages.reach(100)
