"""The JUnit file: of the shape that CI systems read, with the right line red."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from harness.gates.junit import to_xml
from harness.gates.suite import GateSuite
from harness.verdict import Verdict, Weight
from tests.gates.made import BAD, HOSTILE, OPEN, suite_of, verdict_of, with_finding

# What Jenkins' schema (junit-10.xsd) and pytest's family xunit2 have in common, and `file`, which
# GitLab documents: for each element its attributes, needed (True) or not, and its children.
SHAPE: dict[str, tuple[dict[str, bool], tuple[str, ...]]] = {
    "testsuites": (
        {"name": False, "tests": False, "failures": False, "errors": False, "time": False},
        ("testsuite",),
    ),
    "testsuite": (
        dict.fromkeys(("name", "tests", "failures", "errors"), True)
        | dict.fromkeys(("time", "skipped", "timestamp"), False),
        ("properties", "testcase"),
    ),
    "properties": ({}, ("property",)),
    "property": ({"name": True, "value": True}, ()),
    "testcase": (
        {"name": True, "classname": True, "time": False, "file": False},
        ("properties", "failure", "error", "system-out"),
    ),
    "failure": ({"message": False, "type": False}, ()),
    "error": ({"message": False, "type": False}, ()),
    "system-out": ({}, ()),
}
NUMBERS = {"tests", "failures", "errors", "skipped"}


def problems(element: ET.Element) -> list[str]:
    """Where an element and what is in it are not of the shape."""
    attributes, children = SHAPE[element.tag]
    found = [f"{element.tag} has {name}" for name in element.keys() - attributes.keys()]
    found += [
        f"{element.tag} lacks {name}"
        for name, needed in attributes.items()
        if needed and not element.get(name)
    ]
    for name, value in element.items():
        if name in NUMBERS and not value.isdecimal():
            found.append(f"{name} is {value!r}")
        if name == "time" and not re.fullmatch(r"\d+\.\d{3}", value):
            found.append(f"time is {value!r}")
        if name == "timestamp" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value):
            found.append(f"timestamp is {value!r}")
    order = [children.index(child.tag) if child.tag in children else -1 for child in element]
    if -1 in order or order != sorted(order):
        found.append(f"{element.tag} holds {[child.tag for child in element]}")
    if element.tag == "testsuite":
        for tag, name in (("failure", "failures"), ("error", "errors"), (".", "tests")):
            count = sum(case.find(tag) is not None for case in element.findall("testcase"))
            if element.get(name) != str(count):
                found.append(f"{name} is not {count}")
    return found + [
        problem for child in element if child.tag in SHAPE for problem in problems(child)
    ]


def parsed(*suites: GateSuite) -> ET.Element:
    """The file as a reader sees it, of the right shape."""
    root = ET.fromstring(to_xml(suites).encode())  # noqa: S314  # our own
    assert problems(root) == []
    return root


def red(root: ET.Element) -> dict[str, str]:
    """Names of the cases that are not green, and how."""
    return {
        str(case.get("name")): found.tag
        for case in root.iter("testcase")
        for found in case
        if found.tag in ("failure", "error")
    }


def properties(root: ET.Element, case: str) -> dict[str, str]:
    """Those of one case."""
    (found,) = [element for element in root.iter("testcase") if element.get("name") == case]
    return {str(p.get("name")): str(p.get("value")) for p in found.iter("property")}


def test_a_pass_is_green_everywhere() -> None:
    """With a case for each check, of which GitLab knows file and class."""
    root = parsed(suite_of(verdict_of()))
    (suite,) = root

    assert red(root) == {}
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("cut", "13", "0")
    first = suite.find("testcase")
    assert first is not None
    assert first.get("classname") == "lendchaos.cut"
    assert first.get("file") == "scenarios/cut.py"


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (verdict_of(BAD), {"recovery_seconds_max": "failure"}),
        (verdict_of(OPEN), {"recovery_seconds_max": "error"}),
        (with_finding(verdict_of(), "corrupt", Weight.FAIL), {"corrupt": "failure"}),
        (with_finding(verdict_of(), "load_unfaithful", Weight.INCONCLUSIVE), {"evidence": "error"}),
    ],
)
def test_what_broke_is_the_red_line(verdict: Verdict, expected: dict[str, str]) -> None:
    """A failure where it failed, an error where it is open, and no other line."""
    root = parsed(suite_of(verdict))

    assert red(root) == expected
    assert root.get("failures") == str(list(expected.values()).count("failure"))
    assert root.get("errors") == str(list(expected.values()).count("error"))


def test_a_failure_has_observed_interval_and_limit() -> None:
    """In the message, in the content, which is what GitLab shows, and as properties."""
    root = parsed(suite_of(verdict_of(BAD)))
    failure = root.find(".//failure")

    assert failure is not None
    said = "observed 6.0 s, limit 2 s, 95 % interval 6.0 s to 6.6 s"
    assert said in str(failure.get("message"))
    assert said in str(failure.text)
    assert str(failure.text).startswith(
        "After the heal, borrowing is back to normal in time: missed"
    )
    assert "limit set in: scenario file" in str(failure.text)
    numbers = properties(root, "recovery_seconds_max")
    assert float(numbers["observed"]) == pytest.approx(6.0, abs=0.1)
    assert float(numbers["low"]) <= float(numbers["observed"]) <= float(numbers["high"])
    assert (numbers["limit"], numbers["verdict"]) == ("2.0", "fail")


def test_a_case_that_is_red_leads_to_the_report() -> None:
    """And to the picture, in the words in which GitLab takes it."""
    root = parsed(suite_of(verdict_of(BAD)))
    (case,) = [c for c in root.iter("testcase") if c.find("failure") is not None]
    told = str(case.findtext("system-out")).splitlines()

    assert told == [
        verdict_of(BAD).sentence,
        "report: runs/test-1/report.html",
        "[[ATTACHMENT|runs/test-1/timeline.png]]",
    ]


def test_no_foreign_text_attaches_a_file() -> None:
    """GitLab takes the first that it finds, wherever it stands."""
    verdict = replace(verdict_of(BAD), sentence="It said [[ATTACHMENT|runs/other.png]].")
    texts = [str(text) for text in parsed(suite_of(verdict)).itertext()]

    found = {name for text in texts for name in re.findall(r"\[\[ATTACHMENT\|(.+?)\]\]", text)}
    assert found == {"runs/test-1/timeline.png"}


def test_every_run_has_its_numbers() -> None:
    """So that a series can be plotted from the file alone."""
    numbers = properties(parsed(suite_of(verdict_of(), verdict_of(BAD))), "recovery_seconds_max")

    assert numbers["run1.verdict"] == "pass"
    assert float(numbers["run1.observed"]) < 1
    assert float(numbers["run2.observed"]) == float(numbers["observed"])


def test_the_times_of_all_cases_are_the_time_of_the_runs() -> None:
    """CI systems add them up."""
    root = parsed(suite_of(verdict_of(), verdict_of()))

    assert sum(float(str(case.get("time"))) for case in root.iter("testcase")) == 4.0
    assert root.get("time") == "4.000"


def test_notes_are_properties() -> None:
    """They tell something and turn nothing red."""
    root = parsed(suite_of(with_finding(verdict_of(), "remark", Weight.NOTE, "as planted")))
    notes = {p.get("name"): p.get("value") for p in root.iter("property")}

    assert notes["run1.note.remark"] == "as planted"
    assert red(root) == {}


def test_no_verdict_is_one_error() -> None:
    """A gate that leaves no file is a silent gate."""
    root = parsed(suite_of(None))

    assert red(root) == {"evidence": "error"}
    assert root.get("tests") == "1"


def test_hostile_text_stays_text() -> None:
    """It closes no element, and what XML forbids is replaced."""
    verdict = with_finding(verdict_of(), "corrupt", Weight.FAIL, HOSTILE)
    root = parsed(suite_of(verdict, name="a\x00<b>\"'"))
    failure = root.find(".//failure")

    assert failure is not None
    assert "</failure><b>x</b> ]]>" in str(failure.get("message"))
    assert not set("\x00\x1b\u202e\ud800") & set(str(failure.text))
    assert red(root) == {"corrupt": "failure"}


def test_the_check_of_the_shape_can_fail() -> None:
    """A wrong count, a stranger and a missing name are found."""
    text = to_xml([suite_of(verdict_of(BAD))])
    planted = text.replace('failures="1" errors="0" skipped', 'failures="2" errors="0" skipped')
    planted = planted.replace("<system-out>", "<b>", 1).replace("</system-out>", "</b>", 1)
    planted = planted.replace(' name="lost"', ' name=""')

    found = problems(ET.fromstring(planted.encode()))  # noqa: S314  # our own

    assert len(found) == 3, found
