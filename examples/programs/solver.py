"""A program with parameters that trains no model: simulated annealing of a round trip through 40 cities.

It does not use raytune_suite: it reads its parameters from the command line, and prints lines of JSON. Tune it with

    raytune-suite run --space examples/programs/space.toml --metric length --max-t 10 \
        -- python examples/programs/solver.py {args} --output {checkpoint_dir}

Each line is a report, so that bad parameters are stopped early. The best tour is a file in the best checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

CITIES, ROUNDS, MOVES = 40, 10, 2000


def length(tour: list[tuple[float, float]]) -> float:
    """The length of a round trip."""
    return sum(math.dist(here, there) for here, there in zip(tour, [*tour[1:], tour[0]], strict=True))


def main() -> None:
    """Anneal, and report the best length after each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--cooling", type=float, required=True)
    parser.add_argument("--move", choices=["swap", "reverse"], required=True)
    parser.add_argument("--output", type=Path, help="a folder for the best tour")
    options = parser.parse_args()
    rng = random.Random(0)
    tour = [(rng.random(), rng.random()) for _ in range(CITIES)]
    temperature, current = options.temperature, length(tour)
    best, best_tour = current, tour
    for round_number in range(1, ROUNDS + 1):
        for _ in range(MOVES):
            first, last = sorted(rng.sample(range(CITIES), 2))
            changed = [*tour]
            if options.move == "swap":
                changed[first], changed[last] = changed[last], changed[first]
            else:
                changed[first:last] = reversed(changed[first:last])
            after = length(changed)
            if after < current or rng.random() < math.exp((current - after) / temperature):
                tour, current = changed, after
                if current < best:
                    best, best_tour = current, tour
        temperature = max(temperature * options.cooling**100, 1e-9)
        if options.output is not None:
            (options.output / "tour.json").write_text(json.dumps(best_tour))
        print(json.dumps({"round": round_number, "length": best}))


if __name__ == "__main__":
    main()
