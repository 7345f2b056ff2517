"""The folder that this process was started in; imported before a scenario file can change it."""

from pathlib import Path

try:
    STARTED_IN = Path.cwd()
    """What the user names is relative to it, wherever a scenario file goes while it is loaded."""
except OSError:  # it was deleted
    STARTED_IN = Path()
