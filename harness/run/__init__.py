"""A run from plan to verdict: the one room where doing and judging meet."""
