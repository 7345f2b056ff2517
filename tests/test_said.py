"""The last line of a process that ended, found among all that Locust wrote."""

import pytest

from harness.core.foreign_text import last_words

TABLES = """\
[2026-01-01 10:00:00,000] here/INFO/locust.main: Shutting down (exit code 3)
Type     Name      # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s
--------|--------|-------|-------------|-------|-------|-------|-------|--------|-----------
POST     /loans        10     0(0.00%) |      5       2      10      5 |    1.00        0.00
--------|--------|-------|-------------|-------|-------|-------|-------|--------|-----------
         Aggregated    10     0(0.00%) |      5       2      10      5 |    1.00        0.00

"""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("error: another run uses the stack\n" + TABLES, "another run uses the stack"),
        ("error: first\n" + TABLES + "error: last\n", "last"),
        ("lendchaos: healed\n" + TABLES, "healed"),
        ("--------|------\n", "it said nothing"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_no_line_of_a_table(said: str, words: str) -> None:
    """A line of dashes helps nobody."""
    assert last_words(said) == words
