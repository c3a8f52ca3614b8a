"""The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization").

The implementation is that of hyperopt. Ray's adapter for it is not used: it treats NaN as a loss, learns nothing from
trials that crash or are killed while paused, and lets quantized values leave their bounds. Here hyperopt searches the
unit cube; choices are hyperopt's choices, with their conditional parameters nested below the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np

from raytune_suite.optional import require
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT
from raytune_suite.validation import checked, number

if TYPE_CHECKING:
    from raytune_suite.spaces import Parameter, Space
    from raytune_suite.types import Config, Observation


@final
class HyperoptSearcher(AskTellSearcher):
    """Hyperopt's TPE. It learns from the end of each trial; a crash counts as an infinite loss."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    extra: ClassVar[str] = "hyperopt"

    @checked(n_initial=COUNT, gamma=number(above=0, below=1))
    def __init__(self, *, n_initial: int = 20, gamma: float = 0.25, **args: Unpack[SearcherArgs]) -> None:
        """Create the searcher.

        Args:
            n_initial: The number of random configs that are proposed first.
            gamma: Determines how many observations count as good (section 4 of the paper).
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
            MissingPackageError: If hyperopt is not installed.
        """
        require("hyperopt", extra="hyperopt")
        self._n_initial, self._gamma = n_initial, gamma
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Describe the space to hyperopt."""
        import hyperopt

        self._cube = space
        self._domain = hyperopt.Domain(lambda values: values, _describe(space))
        self._trials = hyperopt.Trials()

    def ask(self) -> Config:
        """Return hyperopt's next suggestion."""
        from hyperopt import tpe

        ids = self._trials.new_trial_ids(1)
        (document,) = tpe.suggest(
            ids,
            self._domain,
            self._trials,
            int(self.rng.integers(2**31)),
            n_startup_jobs=self._n_initial,
            gamma=self._gamma,
            verbose=False,
        )
        values = document["misc"]["vals"]
        vector = np.full(len(self._cube), np.nan)
        for index, parameter in enumerate(self._cube.parameters):
            if values[parameter.name]:
                value = values[parameter.name][0]
                vector[index] = parameter.unit(int(value)) if parameter.kind == "categorical" else value
        return self._cube.decode(vector)

    def tell(self, observation: Observation) -> None:
        """Add a finished job to hyperopt's list."""
        import hyperopt

        (number,) = self._trials.new_trial_ids(1)
        values: dict[str, list[Any]] = {}
        units = self._cube.encode(observation.config)
        for parameter, unit in zip(self._cube.parameters, units, strict=True):
            value = parameter.value(unit) if parameter.kind == "categorical" and not np.isnan(unit) else float(unit)
            values[parameter.name] = [] if np.isnan(unit) else [value]
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": None,
            "idxs": {name: [number] if value else [] for name, value in values.items()},
            "vals": values,
        }
        result = {"loss": observation.loss, "status": hyperopt.STATUS_OK}
        (document,) = self._trials.new_trial_docs([number], [None], [result], [misc])
        document["state"] = hyperopt.JOB_STATE_DONE
        self._trials.insert_trial_docs([document])
        self._trials.refresh()


def _describe(space: Space) -> dict[str, Any]:
    """Convert the space to hyperopt's format: numbers in [0, 1], choices of positions, children below their option."""
    from hyperopt import hp

    nodes: dict[str, Any] = {}  # by name, since several options may share a parameter

    def node(parameter: Parameter) -> Any:
        if parameter.kind != "categorical":
            return hp.uniform(parameter.name, 0.0, 1.0)
        positions = range(int(parameter.upper) + 1)
        options = [children(parameter.name, position) | {"position": position} for position in positions]
        return hp.choice(parameter.name, options)

    def children(parent: str | None, option: int) -> dict[str, Any]:
        here = {}
        for parameter in space.parameters:
            condition = parameter.condition
            if not (condition.parent == parent and option in condition.options if condition else parent is None):
                continue
            if parameter.name not in nodes:
                nodes[parameter.name] = node(parameter)
            here[parameter.name] = nodes[parameter.name]
        return here

    return children(None, 0)
