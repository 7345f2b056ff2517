"""What keeps a run from doing more harm than it was asked to."""
