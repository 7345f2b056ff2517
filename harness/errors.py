"""The two kinds of error that reach a user as one clear line; anything else is our bug."""


class HarnessError(Exception):
    """The environment failed us (exit 3): a missing binary, a port in use, a silent target."""


class UsageError(Exception):
    """The request makes no sense (exit 2); the message says what would."""
