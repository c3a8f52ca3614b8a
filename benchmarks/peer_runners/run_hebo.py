"""HEBO, which trains every config in full.

HEBO has no conditional parameters, so inactive ones are drawn as well, and ignored.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np
from hebo.design_space.design_space import DesignSpace  # type: ignore[import-not-found]  # in its own environment
from hebo.optimizers.hebo import HEBO  # type: ignore[import-not-found]  # as above

from benchmarks.peer_runners.protocol import Spent, Trainings, read_study


def described(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter as HEBO describes it."""
    name, lower, upper = parameter["name"], parameter["lower"], parameter["upper"]
    if parameter["kind"] == "categorical":
        return {"name": name, "type": "cat", "categories": list(range(upper + 1))}
    if parameter["kind"] == "integer":
        return {"name": name, "type": "pow_int" if parameter["log"] else "int", "lb": lower, "ub": upper}
    return {"name": name, "type": "pow" if parameter["log"] else "num", "lb": lower, "ub": upper}


def main() -> None:
    """Run the study until the budget is spent."""
    study = read_study()
    warnings.simplefilter("ignore")
    np.random.seed(study["seed"])  # noqa: NPY002 - the package draws from the global generator, too
    trainings = Trainings(study["parameters"])
    hebo = HEBO(DesignSpace().parse([described(one) for one in study["parameters"]]), scramble_seed=study["seed"])
    with contextlib.suppress(Spent):
        while True:
            suggestion = hebo.suggest(n_suggestions=1)
            loss = trainings.train(suggestion.iloc[0].to_dict(), study["max_t"])
            hebo.observe(suggestion, np.array([[loss]]))


if __name__ == "__main__":
    main()
