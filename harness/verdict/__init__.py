"""Opinion: what a run comes to, computed from its facts alone."""
