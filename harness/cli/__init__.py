"""The command line: `lendchaos run · up · status · heal · down · …`; exits only here."""

from harness.cli.app import app

__all__ = ["app"]
