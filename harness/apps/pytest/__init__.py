"""The pytest plugin: scenarios as tests, and the `chaos_run` fixture."""
