"""Workloads whose learning curves are computed from a formula with a known optimum."""
