"""Runs that decide whether a build goes on."""
