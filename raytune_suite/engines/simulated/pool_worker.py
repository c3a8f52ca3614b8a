"""What a Ray worker of the simulated clock does."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, final

from raytune_suite.engines.simulated.evaluators import InProcessEvaluator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray import tune

    from raytune_suite.engines.simulated.evaluators import Training
    from raytune_suite.types import Config


@final
class PoolWorker:
    """Trains as `InProcessEvaluator` does, several trainings at once; a `WorkerPoolEvaluator` calls it."""

    def __init__(self, trainable: type[tune.Trainable]) -> None:
        """Train `trainable`."""
        self._evaluator = InProcessEvaluator(trainable, lambda _config: 0.0)
        self._trainings: dict[int, Training] = {}

    def ready(self) -> None:
        """Return once the actor has started."""

    def train(self, key: int, config: Config | None = None, state: Any = None) -> dict[str, Any]:
        """Train up to the next report; the first call of a training brings its config, and the state to load."""
        return self._open(key, config, state).result()

    def train_together(
        self, keys: Sequence[int], configs: Sequence[Config | None], *states: Any
    ) -> list[tuple[dict[str, Any], str | None]]:
        """Train several up to their next reports, fused; returns the report of each, or the traceback of its error."""
        errors: dict[int, str] = {}
        for key, config, state in zip(keys, configs, states, strict=True):
            try:
                self._open(key, config, state).begin()
            except Exception:  # noqa: BLE001 - whatever a training raises
                errors[key] = traceback.format_exc()
        reports: dict[int, dict[str, Any]] = {}
        for key in keys:
            if key not in errors:
                try:
                    reports[key] = self._trainings[key].result()
                except Exception:  # noqa: BLE001 - as above
                    errors[key] = traceback.format_exc()
        return [(reports.get(key, {}), errors.get(key)) for key in keys]

    def _open(self, key: int, config: Config | None, state: Any) -> Training:
        """A training, which is started first if its config is provided."""
        if config is not None:
            self._trainings[key] = self._evaluator.start(config)
            if state is not None:
                self._trainings[key].load(state)
        return self._trainings[key]

    def save(self, key: int) -> tuple[None, Any]:
        """A value that tells that the checkpoint is complete, and the checkpoint."""
        return None, self._trainings[key].save()

    def drop(self, key: int) -> None:
        """Close a training, if it could start."""
        if key in self._trainings:
            self._trainings.pop(key).close()

    def end(self) -> None:
        """Close all trainings."""
        for key in [*self._trainings]:
            self.drop(key)
