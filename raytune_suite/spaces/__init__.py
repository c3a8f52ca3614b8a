"""Search spaces of Ray Tune domains: validation, sampling, encoding in the unit cube, conversion to ConfigSpace."""

from raytune_suite.spaces.parameters import FEATURES, Condition, Parameter
from raytune_suite.spaces.priors import SpacePrior, prior
from raytune_suite.spaces.space import Space

__all__ = ["FEATURES", "Condition", "Parameter", "Space", "SpacePrior", "prior"]
