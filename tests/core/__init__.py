"""Tests of what every part builds on."""
