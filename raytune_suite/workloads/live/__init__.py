"""Workloads that train models."""
