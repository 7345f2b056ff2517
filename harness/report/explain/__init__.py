"""What codes mean, in words for people."""
