"""Measuring: shares, intervals and instants from the facts of one run."""
