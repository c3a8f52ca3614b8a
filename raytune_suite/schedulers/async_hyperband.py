"""Hyperband with asynchronous promotion (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
MLSys, Algorithm 2 and section 3.2; each bracket of Hyperband is one of its ladders). With `brackets=1` it is ASHA as
published, which promotes; Ray's is the stopping variant.

`promotion` describes how trials are promoted. New trials fill the brackets in turn.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np

from raytune_suite import rungs, seeding
from raytune_suite.schedulers.brackets import BracketDraw
from raytune_suite.schedulers.promotion import PromotingScheduler
from raytune_suite.types import COUNT
from raytune_suite.validation import checked, integer, optional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.tune.experiment import Trial
    from ray.tune.search import Searcher

    from raytune_suite.rungs import Sizes
    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.schedulers.base import StudyScheduler
    from raytune_suite.types import KnownTrial


@final
class AsyncHyperband(PromotingScheduler):
    """Asynchronous Hyperband; promotion by pause and resume."""

    extends: ClassVar[bool] = True
    skips: ClassVar[bool] = True

    @checked(min_t=COUNT, eta=rungs.ETA, sizes=rungs.SIZES, brackets=optional(COUNT))
    def __init__(
        self,
        *,
        min_t: int = 1,
        eta: float = 3,
        sizes: Sizes = "paper",
        brackets: int | None = None,
        **args: Unpack[SchedulerArgs],
    ) -> None:
        """`min_t` is the least resource of a rung, `eta` is the reduction factor; for `sizes` see `rungs.hyperband`.

        `brackets` is the number of Hyperband's brackets to use, starting with that of the most configs; None: all.

        Raises:
            ArgumentError: If the arguments make no ladder, or there are more brackets than rungs.
        """
        super().__init__(**args)
        plans = rungs.hyperband(min_t, self.max_t or min_t, eta, sizes)
        optional(integer(1, len(plans))).check("brackets", brackets)
        self.plans = plans[:brackets]
        self.set_ladders([[rung.resource for rung in plan[:-1]] for plan in self.plans], eta)
        self._bracket = 0
        self._opened = 0
        configs = np.array([plan[0].configs for plan in self.plans], dtype=np.float64)
        stream = seeding.stream(self.seed, "scheduler", "AsyncHyperband")
        self._draw = BracketDraw([plan[0].resource for plan in self.plans], configs / configs.sum(), stream)

    def raise_max_t(self, raised: StudyScheduler, trials: Sequence[KnownTrial]) -> float:
        """Continue the rungs of each bracket upwards, add the brackets of a higher `max_t`, and return eta."""
        assert isinstance(raised, AsyncHyperband)  # noqa: S101 - it has the same arguments
        super().raise_max_t(raised, trials)
        eta, end = float(self.eta), raised.plans[0][-1].resource
        ladders = [rungs.continued([rung.resource for rung in plan], end, eta) for plan in self.plans]
        ladders += [ladders[0][start:] for start in range(len(ladders), len(raised.plans)) if ladders[0][start:]]
        self.plans = [
            [rungs.Rung(plan[0].configs, int(resource)) for resource in ladder]
            for plan, ladder in zip(raised.plans, ladders, strict=False)
        ]
        self.extend_ladders([ladder[:-1] for ladder in ladders], trials)
        self._opened = min(self._opened, self.plans[self._bracket][0].configs)
        self._draw.starts = [plan[0].resource for plan in self.plans]
        configs = np.array([plan[0].configs for plan in self.plans], dtype=np.float64)
        self._draw.odds = configs / configs.sum()
        return eta

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs."""
        return tuple(rung.resource for rung in self.plans[0])

    @property
    def entry_level(self) -> float:
        """The first rung of the bracket that takes the next trial; the lowest if the bracket is drawn."""
        if self._draw.weights is not None:
            return self.plans[0][0].resource
        full = self._opened == self.plans[self._bracket][0].configs
        return self.plans[(self._bracket + full) % len(self.plans)][0].resource

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Add the trial to the current bracket; each in turn takes as many trials as in Hyperband.

        If the searcher knows how well each level predicts the highest, the bracket is drawn by that instead.
        """
        if self._draw.weights is not None:
            self.place(trial, self._draw.draw())
            return
        if self._opened == self.plans[self._bracket][0].configs:
            self._bracket, self._opened = (self._bracket + 1) % len(self.plans), 0
        self._opened += 1
        self.place(trial, self._bracket)

    def searcher_updated(self, searcher: Searcher) -> None:
        """Take the searcher's weights of the levels."""
        self._draw.update(searcher)

    def debug_string(self) -> str:
        """How many trials have reached each rung."""
        rows = ["/".join(str(len(rung.arrived)) for rung in ladder) for ladder in self.rungs if ladder]
        return f"Asynchronous Hyperband: trials on the rungs of each bracket: {', '.join(rows)}"
