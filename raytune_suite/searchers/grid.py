"""Grid search: the Cartesian product of the values of all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from raytune_suite.errors import SpaceError
from raytune_suite.searchers.base import AskTellSearcher, Exhausted
from raytune_suite.spaces import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation

LARGEST = 100_000
"""The largest number of configs in a grid."""


@final
class GridSearcher(AskTellSearcher):
    """Every config of a finite space once, with the last parameter varying fastest."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"continuous", "unbounded"}
    learns: ClassVar[bool] = False
    finite: ClassVar[bool] = True
    instead: ClassVar[str] = (
        "quantize it between bounds (e.g. tune.quniform), or list its values in tune.grid_search([...])"
    )

    def setup(self, space: Space) -> None:
        """List the grid.

        Raises:
            SpaceError: If the grid is too large.
        """
        if space.grid_size > LARGEST:
            raise SpaceError(f"the grid has {space.grid_size} configs, but at most {LARGEST} are allowed: use sobol")
        self._flatten = space.flatten
        self._rest = list(space.grid())

    def ask(self) -> Config:
        """Return the next config of the grid."""
        if not self._rest:
            raise Exhausted
        return self._rest.pop(0)

    def proposed(self, configs: Sequence[Config]) -> None:
        """Remove the configs from the grid."""
        known = {tuple(self._flatten(config).items()) for config in configs}
        self._rest = [config for config in self._rest if tuple(self._flatten(config).items()) not in known]

    def tell(self, observation: Observation) -> None:
        """Do nothing: there is nothing to learn."""
