"""What a stack runs: one file for each kind of process."""
