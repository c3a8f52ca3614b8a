"""The colors of figures.

They are those of Okabe and Ito ("Color Universal Design", 2008), which color-blind readers can distinguish.
"""

from __future__ import annotations

BEST, TEST = "#000000", "#009e73"
STOPPED_EARLY, UNFINISHED, TRAINED_IN_FULL, FAILED = "#b0b0b0", "#e69f00", "#56b4e9", "#d55e00"
ESTIMATE, OTHER = "#0072b2", "#b0b0b0"
