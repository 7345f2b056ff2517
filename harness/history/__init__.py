"""Facts: what a run did, as it is written down and read back."""
