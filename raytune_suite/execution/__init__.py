"""Engines: they run any pair of Ray searcher and scheduler, and know no method by name."""
