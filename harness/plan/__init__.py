"""Intent: what a run is to do, and what must hold."""
