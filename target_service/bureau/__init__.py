"""A small credit bureau: a third party of the lending service that can fail too."""
