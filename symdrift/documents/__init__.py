"""Documents of a study: the derivation and the report, as LaTeX, PDF and HTML.

Names are imported on first use: who writes a derivation needs no simulator.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
