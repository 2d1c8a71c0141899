"""The shipped studies by the rule that they learn by."""

from __future__ import annotations

from symdrift.study import read_study, shipped_studies

TWO_LAYERS = [name for name in shipped_studies() if read_study(name).is_plain]
OTHER_RULES = [name for name in shipped_studies() if name not in TWO_LAYERS]
