"""The published schemas: how they are made, and that they refuse what is no document of ours."""
