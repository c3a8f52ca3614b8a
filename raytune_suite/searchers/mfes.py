"""A mixture of models of all fidelities, each weighted by how well it predicts the ranking at the highest (Li et al.
2021, "MFES-HB: Efficient Hyperband with Multi-Fidelity Quality Measurements", AAAI; Li et al. 2022, "Hyper-Tune:
Towards Efficient Hyper-parameter Tuning at Scale", PVLDB 15:6).

Early on, only low fidelities have many observations; where they rank configs as the high ones do, their models lead the
search, and where they mislead, they lose their weight. Unlike in the package HyperTune, the weights start at six
observations of the second fidelity rather than eight full trainings; those of the highest fidelity are leave-one-out
predictions, which are not rounded to integers; and the variance of the mixture includes the disagreement of the models.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack, final, get_args

import numpy as np

from raytune_suite import seeding
from raytune_suite.models.ranking import discordant_pairs, win_shares
from raytune_suite.searchers.level_models import LevelModelSearcher, grow_forest, highest, targets_of
from raytune_suite.validation import checked, one_of

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array
    from raytune_suite.searchers.base import SearcherArgs
    from raytune_suite.searchers.history import LevelData
    from raytune_suite.spaces import Space

Model = Literal["auto", "gp", "forest"]

COUNTS = 6
"""The number of observations from which on a level is compared with those below it."""

RANKED = 50
"""The most configs whose ranking is compared: the best and the newest."""

SAMPLES = 100
SMOOTHING = 0.8
"""The weight of the previous weights when they are computed again for the same highest level."""

MOST_DIMENSIONS = 20
"""The number of parameters up to which "auto" uses Gaussian processes, if at least half of them are numbers."""


@final
class MFESSearcher(LevelModelSearcher):
    """A mixture of models of all fidelities. It needs no full training to begin with.

    Attributes:
        weights: The weight of each level, by resource; empty before two levels can be compared.
    """

    @checked(model=one_of(*get_args(Model)))
    def __init__(
        self,
        *,
        n_initial: int | None = None,
        random_fraction: float = 0.2,
        model: Model = "auto",
        **args: Unpack[SearcherArgs],
    ) -> None:
        """Create the searcher.

        Args:
            n_initial: The number of configs before the model is used; None for half the number of parameters, and at
                least 4.
            random_fraction: The fraction of the later configs that are drawn at random.
            model: "gp" for Gaussian processes, "forest" for random forests, or "auto": processes for spaces with up to
                20 parameters, at least half of them numbers.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
        """
        self._model = model
        super().__init__(n_initial=n_initial, random_fraction=random_fraction, **args)

    def setup(self, space: Space) -> None:
        """Start without weights."""
        super().setup(space)
        self.weights: dict[float, float] = {}
        self._ranked: tuple[float, int] | None = None

    def bracket_weights(self) -> dict[float, float] | None:
        """Return the weights of the levels; None before two levels can be compared."""
        return dict(self.weights) if self.weights else None

    def uses_processes(self) -> bool:
        """Follow the argument `model`."""
        numbers = int(np.count_nonzero(self.layout.options == 0))
        few = len(self.layout) <= MOST_DIMENSIONS and 2 * numbers >= len(self.layout)
        return self._model == "gp" or (self._model == "auto" and few)

    def trust(self, data: dict[float, LevelData]) -> dict[float, float]:
        """Return the smoothed weights, which are computed again when the highest level has a new observation."""
        top = highest(data, COUNTS)
        below = [level for level in data if level < top]
        if not below or data[top].observed < COUNTS:
            return {top: 1.0}
        if self._ranked != (top, data[top].version):
            compared = self._ranked is not None and self._ranked[0] == top
            self._ranked = (top, data[top].version)
            levels = [*below, top]
            shares = dict(zip(levels, self._shares(levels, data), strict=True))
            if compared:  # else the weights so far say how well the levels predict another one
                keep = SMOOTHING
                shares = {level: keep * self.weights.get(level, 0.0) + (1 - keep) * shares[level] for level in levels}
            total = sum(shares.values())
            self.weights = {level: float(share) / total for level, share in shares.items()}
        return self.weights

    def _shares(self, levels: list[float], data: dict[float, LevelData]) -> Array:
        """Return how often a sample of each level's model ranks the configs of the highest level best."""
        top = data[levels[-1]].limited(RANKED)
        rng = seeding.stream(self.seed, "ranking", levels[-1], data[levels[-1]].version)
        samples = [self.model(level, data[level]).sample(top.points, SAMPLES, rng) for level in levels[:-1]]
        samples.append(self._left_out(levels[-1], data[levels[-1]], top, rng))
        return win_shares([discordant_pairs(drawn, top.losses) for drawn in samples])

    def _left_out(self, level: float, data: LevelData, ranked: LevelData, rng: np.random.Generator) -> Array:
        """Draw the scores of configs at the highest level, each from a model that has not seen it."""
        rows = [data.trials.index(trial) for trial in ranked.trials]
        if self._processes is not None:
            means, variances = self._processes.model(level, data).leave_one_out(targets_of(data))
            return np.asarray(means[rows] + np.sqrt(variances[rows]) * rng.standard_normal((SAMPLES, len(rows))))
        grown = grow_forest(data, np.empty((0, len(self.layout))), self.layout, rng)
        leaves = grown.out_of_bag(data.points)[rows]
        drawn = rng.multinomial(grown.trees, np.full(grown.trees, 1 / grown.trees), size=SAMPLES)
        known = leaves >= 0
        totals = drawn @ np.where(known, grown.means[leaves], 0.0).T
        return np.asarray(totals / np.maximum(drawn @ known.T, 1))
