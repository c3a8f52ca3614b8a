"""Watch a study while it runs: its files are read as they grow, and nothing is written or locked."""
