"""The linter of cluster files: one module for each part of a file that it checks."""
