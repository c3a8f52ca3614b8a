"""The engine that runs studies on Ray."""
