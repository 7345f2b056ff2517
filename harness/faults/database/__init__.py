"""Faults of databases: each in a file of its own."""
