"""Every simulated section of the calibration: one line here for each module with a table."""

from benchmarks import advice
from benchmarks.sections import Section

SECTIONS: tuple[Section, ...] = (advice.SECTION,)
