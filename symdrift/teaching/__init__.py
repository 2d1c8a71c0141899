"""Lessons to play with and exercises to solve, about one study."""
