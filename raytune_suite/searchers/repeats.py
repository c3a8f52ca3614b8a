"""Which configs of a finite space have been proposed, so that none is trained twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raytune_suite import seeding
from raytune_suite.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config

DRAWS = 200
"""Random draws before the first config of the grid that has not been proposed is taken."""


@dataclass
class Repeats:
    """The configs that have been proposed.

    Attributes:
        space: The space.
        size: How many configs it has.
        rng: Draws configs in place of repeated ones.
        seen: The proposed configs.
    """

    space: Space
    size: int
    rng: np.random.Generator
    seen: set[Hashable] = field(default_factory=set)

    @classmethod
    def of(cls, space: Space, seed: int) -> Repeats | None:
        """No config has been proposed; None if the space has infinitely many."""
        try:
            size = space.grid_size
        except SpaceError:
            return None
        return cls(space, size, seeding.stream(seed, "searcher", "repeats"))

    @property
    def exhausted(self) -> bool:
        """Whether all configs have been proposed."""
        return len(self.seen) >= self.size

    def add(self, config: Config) -> None:
        """Record that a config is proposed; one that is outside the space is ignored."""
        try:
            self.seen.add(self._key(config))
        except SpaceError:
            return

    def replaced(self, config: Config) -> Config:
        """The config, or, if it has been proposed, another one that has not."""
        if self._key(config) not in self.seen:
            return config
        for _ in range(DRAWS):
            drawn = self.space.sample(self.rng)
            if self._key(drawn) not in self.seen:
                return drawn
        return next(each for each in self.space.grid() if self._key(each) not in self.seen)

    def _key(self, config: Config) -> Hashable:
        flat: dict[str, Any] = self.space.flatten(config)
        return tuple(flat.items())
