"""Checks: what is held against a run, each with its findings."""
