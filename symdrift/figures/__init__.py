"""Figures of a report, a file for each: its numbers, its drawing, its caption.

Such a file has functions ``numbers``, ``draw`` and ``caption``.  One style for all, colours that
every kind of colour vision can tell apart, and files whose bytes depend on the numbers only.
"""
