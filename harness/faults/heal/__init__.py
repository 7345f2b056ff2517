"""Healing, from the conductor's own heal down to that of a process that outlives it."""
