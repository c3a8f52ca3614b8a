"""Data that others made: where it lies, how it is fetched, and whether it is what its authors published."""
