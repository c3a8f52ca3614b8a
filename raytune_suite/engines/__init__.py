"""Engines run studies: on Ray, or on a simulated clock."""
