"""The benchmark harness: methods on workloads, tuned on tuning seeds and judged on test seeds, so that others can repeat it."""
