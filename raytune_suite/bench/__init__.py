"""The benchmark harness: methods on workloads, tuned on tuning seeds, judged on test seeds, for others to repeat."""
