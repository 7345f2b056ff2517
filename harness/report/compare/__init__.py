"""Runs of one scenario side by side, or against others."""
