"""Callbacks that both engines attach to a study: its log, its decisions, its budget, its progress line."""
