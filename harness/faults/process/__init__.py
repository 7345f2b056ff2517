"""Faults of processes: each in a file of its own."""
