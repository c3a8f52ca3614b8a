"""Workloads whose learning curves are looked up in tables of finished trainings."""
