"""What needs the processor to itself is run once, after all others, and none of it is missed."""

import itertools
import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

MAKEFILE = Path(__file__).parent.parent / "Makefile"
CONFTEST = """
from tests.conftest import pytest_collection_modifyitems

def pytest_configure(config):
    for name in ("alone", "live"):
        config.addinivalue_line("markers", name)
"""


def test_every_test_but_the_long_ones_is_run_once() -> None:
    """By one of the two calls of `make test`; what is marked alone by the last one."""
    text = MAKEFILE.read_text(encoding="utf-8")
    (rule,) = re.findall(r"^test:.*\n((?:\t.*\n)+)", text, flags=re.MULTILINE)
    beside, alone = re.findall(r'-m "([^"]+)"', rule)

    for marks in itertools.product((True, False), repeat=2):
        known = dict(zip(("long", "alone"), marks, strict=True))
        by = [eval(one, {}, known) for one in (beside, alone)]  # noqa: S307  # our own words
        assert by == [not any(marks), marks == (False, True)]
    assert "--numprocesses" in rule.partition(alone)[0]
    assert "--numprocesses" not in rule.partition(alone)[2]
    assert "--last-failed" not in rule


@pytest.mark.parametrize(("mark", "code"), [("pytest.mark.alone", 0), ("marks.QUIET", 4)])
def test_a_file_that_hides_its_mark_is_refused(
    mark: str, code: int, pytester: pytest.Pytester
) -> None:
    """`make test` looks for it in the files, so as not to collect all of them again."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(marks="import pytest\nQUIET = getattr(pytest.mark, 'alone')\n")
    pytester.makepyfile(test_it=f"import marks\nimport pytest\n@{mark}\ndef test_it():\n    pass\n")
    done = pytester.runpytest_inprocess("-p", "no:lendchaos", "-p", "no:locust", "-n0")

    assert done.ret == code
    assert ("misses them" in done.stderr.str()) is bool(code)
