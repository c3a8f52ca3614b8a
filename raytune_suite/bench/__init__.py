"""The benchmark harness: reproducible comparisons of methods, tuned on tuning seeds and evaluated on test seeds."""
