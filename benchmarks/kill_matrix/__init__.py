"""The kill matrix: whatever is killed, whenever, and however, everything is healed and told."""
