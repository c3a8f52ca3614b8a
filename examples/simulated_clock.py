"""Compare methods on the simulated clock: a budget of 20 full trainings of a test function takes seconds."""

from __future__ import annotations

import raytune_suite as rts


def main() -> None:
    """Tune MFHartmann3 with three methods, three seeds and eight workers, and print the mean regrets."""
    workload = rts.workload("synthetic/mfh3")
    print(f"{'method':<10}{'mean regret':>12}{'configs':>9}{'simulated s':>13}")
    for method in ("random", "asha", "bohb"):
        results = [
            rts.tune(workload=workload, method=method, budget=20, seed=seed, tuning_seeds=[0], test_seeds=[],
                     engine=rts.Simulation(workers=8), progress=False)
            for seed in range(3)
        ]  # fmt: skip
        regret = sum(workload.regret(result.best_config) for result in results) / len(results)
        configs, seconds = len(results[0].trials), results[0].reports["elapsed"].iloc[-1]
        print(f"{method:<10}{regret:>12.4f}{configs:>9}{seconds:>13.2f}")
    print("best config of the last study:", results[-1].best_config)


if __name__ == "__main__":
    main()
