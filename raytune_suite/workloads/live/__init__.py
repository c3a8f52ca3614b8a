"""Workloads whose models are trained."""
