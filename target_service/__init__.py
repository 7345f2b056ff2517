"""The reference borrowing service: what the harness breaks, and an example of its contract."""

VERSION = "1.0.0"
