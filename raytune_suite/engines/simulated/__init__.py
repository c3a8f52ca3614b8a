"""The engine that runs studies in virtual time, in one process."""
