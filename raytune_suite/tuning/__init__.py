"""The facade: `tune` runs a whole study with one call."""
