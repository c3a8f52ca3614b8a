"""Search spaces in Ray Tune's own words: validated, sampled, encoded to the unit cube, converted to ConfigSpace."""

from raytune_suite.spaces.parameters import FEATURES, Condition, Parameter
from raytune_suite.spaces.space import Space

__all__ = ["FEATURES", "Condition", "Parameter", "Space"]
