"""Models that searchers share, as pure functions on arrays."""
