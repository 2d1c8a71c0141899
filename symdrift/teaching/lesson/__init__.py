"""Teaching material from a derivation: an interactive page and exercises."""

from symdrift.teaching.lesson.folder import write_lesson
from symdrift.teaching.lesson.page import lesson_html

__all__ = ["lesson_html", "write_lesson"]
