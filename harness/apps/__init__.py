"""The programs on top: Locust, the gate, pytest, game days and the command line."""
