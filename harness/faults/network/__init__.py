"""Faults of links: each in a file of its own."""
