"""Problem sheets with worked solutions and an answer key, computed from the derivation."""

from symdrift.teaching.exercises.collection import draw_exercises, write_sheets
from symdrift.teaching.exercises.exercise import Answer, Exercise, Passage
from symdrift.teaching.exercises.sheets import Sheet, problem_sheet
from symdrift.teaching.exercises.statements import Theory

__all__ = [
    "Answer",
    "Exercise",
    "Passage",
    "Sheet",
    "Theory",
    "draw_exercises",
    "problem_sheet",
    "write_sheets",
]
