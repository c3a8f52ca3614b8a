"""Workloads whose learning curves are predicted by a surrogate model."""
