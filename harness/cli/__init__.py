"""The command line: `lendchaos run · up · status · heal · down · …`; exits only here."""

from harness import standard_streams

standard_streams.make_usable()  # before anything asks whether they are terminals

from harness.cli.app import app  # noqa: E402  # see above

__all__ = ["app"]
