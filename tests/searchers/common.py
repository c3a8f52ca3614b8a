"""What the searcher tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.searchers import AskTellSearcher


def minimize(
    searcher: AskTellSearcher, loss: Callable[[dict[str, Any]], float | None], budget: int
) -> list[tuple[dict[str, Any], float | None]]:
    """Evaluate `budget` configs one after another; a loss of None is a crash."""
    done = []
    for number in range(budget):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        value = loss(config)
        result = None if value is None else {"training_iteration": 1, "loss": value}
        searcher.on_trial_complete(f"t{number}", result, error=value is None)
        done.append((config, value))
    return done


def best(done: list[tuple[dict[str, Any], float | None]]) -> float:
    """The least loss."""
    return min(value for _, value in done if value is not None)
