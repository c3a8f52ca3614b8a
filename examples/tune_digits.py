"""Tune a real network, with the same file on this machine or on a cluster.

python examples/tune_digits.py --method hyperband --name mine
ray submit clusters/local.yaml examples/tune_digits.py -- --method asha --storage-path /shared/studies
"""

from __future__ import annotations

import argparse

import raytune_suite as rts


def main() -> None:
    """Tune, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="auto", help="the method, see `raytune-suite list methods`")
    parser.add_argument("--budget", type=float, default=10, help="the budget in full trainings of 27 epochs")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the method's random draws")
    parser.add_argument("--name", default=None, help="the study's name, which is needed to resume it")
    parser.add_argument("--resume", action="store_true", help="resume the study of this name")
    parser.add_argument(
        "--storage-path",
        default="~/ray_results",
        help="on a cluster, a folder or URI that all nodes can access",
    )
    options = parser.parse_args()

    result = rts.tune(
        workload="live/digits-mlp",
        method=options.method,
        budget=options.budget,
        seed=options.seed,
        tuning_seeds=[0],
        name=options.name,
        resume=options.resume,
        storage_path=options.storage_path,
    )
    print(result.trials.sort_values(["resource", "value"], ascending=[False, True])[["resource", "value"]].head())
    print(f"best config: {result.best_config}")
    print(f"validation loss: {result.best_value:.4f} while tuning, {result.test_value:.4f} on the test seeds")
    print(f"study: {result.path}")


if __name__ == "__main__":
    main()
