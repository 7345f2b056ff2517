"""Gates: what had to hold in a run, one check each, for the tools that stop a release."""

from harness.gates.checks import GateCheck, Kind, checks_of, names_of

__all__ = ["GateCheck", "Kind", "checks_of", "names_of"]
