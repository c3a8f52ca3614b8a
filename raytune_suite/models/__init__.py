"""Models shared by the searchers, as pure functions on arrays."""
