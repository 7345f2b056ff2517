"""Every simulated section of the calibration: one line here for each module with a table."""

from benchmarks import advice, comparisons, endless, in_flight, named, seen, whole
from benchmarks.sections import Section

SECTIONS: tuple[Section, ...] = (
    in_flight.SECTION,
    whole.SECTION,
    seen.FALSE,
    seen.VISIBLE,
    advice.SECTION,
    endless.ENDLESS,
    endless.ENDED,
    endless.INITIAL,
    comparisons.SECTION,
    named.OUTAGES,
    named.STALLS,
    named.SLOW,
)
