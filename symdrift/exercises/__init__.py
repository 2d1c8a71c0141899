"""Problem sheets with worked solutions and an answer key, computed from the derivation."""

from symdrift.exercises.model import Answer, Exercise, Passage
from symdrift.exercises.sheets import Sheet, problem_sheet
from symdrift.exercises.statements import Theory
from symdrift.exercises.writing import write_exercises

__all__ = ["Answer", "Exercise", "Passage", "Sheet", "Theory", "problem_sheet", "write_exercises"]
