"""The folder that this process was started in; imported before a scenario file can change it."""

from pathlib import Path


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path()


STARTED_IN = _current_folder()
"""What the user names is relative to it, wherever a scenario file goes while it is loaded."""
