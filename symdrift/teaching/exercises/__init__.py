"""Problem sheets with worked solutions and an answer key, computed from the derivation."""

from symdrift.teaching.exercises.collection import write_exercises
from symdrift.teaching.exercises.exercise import Answer, Exercise, Passage
from symdrift.teaching.exercises.sheets import Sheet, problem_sheet
from symdrift.teaching.exercises.statements import Theory

__all__ = ["Answer", "Exercise", "Passage", "Sheet", "Theory", "problem_sheet", "write_exercises"]
