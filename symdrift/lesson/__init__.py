"""Teaching material from a derivation: an interactive page and exercises."""

from symdrift.lesson.page import lesson_html
from symdrift.lesson.writing import write_lesson

__all__ = ["lesson_html", "write_lesson"]
