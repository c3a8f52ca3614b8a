"""Checks of a cluster file and of a study on the cluster; each finding has a code, a line and a remedy."""

from raytune_suite.cluster.checks.report import CheckReport, check, check_document, reject

__all__ = ["CheckReport", "check", "check_document", "reject"]
