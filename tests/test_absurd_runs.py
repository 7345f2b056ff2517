"""Absurd numbers in a stored run: told in one line or judged, never a crash, nor hours of work."""

import pytest

from tests.absurd import failures


@pytest.mark.parametrize("seed", [11, 12])
def test_no_absurd_value_breaks_what_reads_a_run(seed: int) -> None:
    """A sample of all places in all files; `python -m tests.absurd` tries every one."""
    assert list(failures(seed, 25)) == []
