"""Compare your own optimizer, any Ray `Searcher`, with the methods of raytune_suite."""

from __future__ import annotations

import random
from typing import Any

from ray.tune.search import Searcher

import raytune_suite as rts


class Climber(Searcher):
    """Changes one value of the best config so far at random."""

    def __init__(self, space: dict[str, Any], metric: str, mode: str, seed: int) -> None:
        """Start at a random config."""
        super().__init__(metric, mode)
        self.space, self.random = space, random.Random(seed)
        self.tried: dict[str, dict[str, Any]] = {}
        self.best: tuple[float, dict[str, Any]] | None = None

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Propose the next config."""
        drawn = {name: domain.sample(random_state=self.random.randrange(2**31)) for name, domain in self.space.items()}
        name = self.random.choice(list(drawn))
        self.tried[trial_id] = drawn if self.best is None else {**self.best[1], name: drawn[name]}
        return self.tried[trial_id]

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Keep the config if it is the best so far."""
        if result is not None and not error:
            loss = result[self.metric] if self.mode == "min" else -result[self.metric]
            if self.best is None or loss < self.best[0]:
                self.best = loss, self.tried[trial_id]


def main() -> None:
    """Compare three methods on two test functions, five times each, on the simulated clock: it takes a few seconds."""
    comparison = rts.compare(
        # Climber is called with the arguments of its __init__, out of space, metric, mode, max_t, time_attr and seed
        {"climber": Climber, "random": "random", "asha": "asha"},
        ["synthetic/branin", "synthetic/mfh3"],
        budget=20,
        method_seeds="0-4",
        out="~/ray_results/climber",  # a second call runs only what is missing; use a new folder if other code changed
    )
    print("mean regret of the best config, where 0 is perfect:")
    print(comparison.regret.round(3))
    print("best on mfh3:", comparison.regret.loc["synthetic/mfh3"].idxmin())


if __name__ == "__main__":
    main()
