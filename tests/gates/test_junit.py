"""The JUnit file: valid for those that read it, with the right line red."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from harness.report.junit import class_names, to_xml
from harness.report.suite import MESSAGE_MAX, GateSuite
from harness.verdict.types import Severity, Verdict
from tests.gates.made import BAD, HOSTILE, OPEN, suite_of, verdict_of, with_finding
from tests.junit import problems


def parsed(*suites: GateSuite) -> ET.Element:
    """The file as a reader sees it, which is valid."""
    text = to_xml(suites)
    assert problems(text) == []
    return ET.fromstring(text)  # noqa: S314  # our own


def red(root: ET.Element) -> dict[str, str]:
    """Names of the cases that are not green, and how."""
    return {
        str(case.get("name")): found.tag
        for case in root.iter("testcase")
        for found in case
        if found.tag in ("failure", "error")
    }


def properties(root: ET.Element) -> dict[str, str]:
    """Those of the one suite, each of which has a name of its own."""
    found = root.findall("testsuite/properties/property")
    named = {str(p.get("name")): str(p.get("value")) for p in found}
    assert len(named) == len(found)
    return named


def test_a_pass_is_green_everywhere() -> None:
    """With a case for each check, and the file of its suite."""
    root = parsed(suite_of(verdict_of()))
    (suite,) = root

    assert red(root) == {}
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("cut", "13", "0")
    assert suite.get("file") == "scenarios/cut.py"
    assert {case.get("classname") for case in suite.iter("testcase")} == {"lendchaos.cut"}


def test_a_case_that_is_met_says_what_was_seen() -> None:
    """A suite that is green throughout is not silent."""
    cases = {c.get("name"): c for c in parsed(suite_of(verdict_of())).iter("testcase")}
    said = str(cases["recovery_seconds_max"].findtext("system-out"))

    assert said.startswith("Required: Recovery time after the fault at most 2 s. Met: ")
    assert "the limit is 2 s" in said
    assert all(case.findtext("system-out") for case in cases.values())
    assert verdict_of().sentence in str(cases["evidence"].findtext("system-out"))


def test_a_class_name_survives_the_cut_at_its_last_dot() -> None:
    """Jenkins has the package before it and the class behind it; no two suites share one."""
    names = ("cut", "a/baseline.py", "../b.d/baseline.py", "v1.2", "v1_2", "/x/y.py")
    found = class_names([suite_of(verdict_of(), name=name) for name in names])

    assert found == [
        "lendchaos.cut",
        "lendchaos.a.baseline",
        "lendchaos.__.b_d.baseline",
        "lendchaos.v1_2",
        "lendchaos.v1_2#2",
        "lendchaos.x.y",
    ]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (verdict_of(BAD), {"recovery_seconds_max": "failure"}),
        (verdict_of(OPEN), {"recovery_seconds_max": "error"}),
        (with_finding(verdict_of(), "corrupt", Severity.FAIL), {"corrupt": "failure"}),
        (
            with_finding(verdict_of(), "load_unfaithful", Severity.INCONCLUSIVE),
            {"evidence": "error"},
        ),
    ],
)
def test_what_broke_is_the_red_line(verdict: Verdict, expected: dict[str, str]) -> None:
    """A failure where it failed, an error where it is open, and no other line."""
    root = parsed(suite_of(verdict))

    assert red(root) == expected
    assert root.get("failures") == str(list(expected.values()).count("failure"))
    assert root.get("errors") == str(list(expected.values()).count("error"))


def test_a_failure_is_a_sentence_with_its_figures() -> None:
    """In the message, in the content, which is what GitLab shows, and as properties."""
    root = parsed(suite_of(verdict_of(BAD)))
    failure = root.find(".//failure")

    assert failure is not None
    said = "Borrowing took 6.0 s to recover; the limit is 2 s (95 % interval 6.0 s to 6.6 s)"
    assert str(failure.get("message")).startswith(said)
    assert str(failure.get("message")).endswith(".")
    assert str(failure.text).splitlines() == [
        failure.get("message"),
        "Required: Recovery time after the fault at most 2 s.",
        "Limit set in: scenario file.",
    ]
    numbers = properties(root)
    observed, low, high = (
        float(numbers[f"recovery_seconds_max.{name}"]) for name in ("observed", "low", "high")
    )
    assert observed == pytest.approx(6.0, abs=0.1)
    assert low <= observed <= high
    assert numbers["recovery_seconds_max.limit"] == "2.0"
    assert (numbers["recovery_seconds_max.verdict"], numbers["lost.verdict"]) == ("fail", "pass")


@pytest.mark.parametrize(
    ("code", "severity", "said"),
    [
        ("corrupt", Severity.FAIL, "As planted."),
        ("outage", Severity.FAIL, "As planted (outage)."),
        ("interrupted", Severity.INCONCLUSIVE, "Not decided: as planted (interrupted)."),
        ("ledger_unread", Severity.INCONCLUSIVE, "Not decided: as planted (ledger_unread)."),
    ],
)
def test_a_red_case_says_a_sentence(code: str, severity: Severity, said: str) -> None:
    """Of each kind; the name of the check is said once."""
    root = parsed(suite_of(with_finding(verdict_of(), code, severity)))
    told = [str(f.get("message")) for tag in ("failure", "error") for f in root.iter(tag)]

    assert [text for text in told if text.startswith(said)], told


def test_every_text_is_cut() -> None:
    """A hundred and thirty thousand letters of one target's answers are in the record."""
    verdict = with_finding(verdict_of(), "corrupt", Severity.FAIL, "long " * 26_000)
    verdict = with_finding(verdict, "remark", Severity.NOTE, "note " * 26_000)
    verdict = replace(verdict, sentence="word " * 26_000)
    root = parsed(suite_of(verdict, verdict))
    texts = [
        text for element in root.iter() for text in (element.text or "", *element.attrib.values())
    ]

    assert max(len(line) for text in texts for line in text.splitlines()) <= MESSAGE_MAX + 50
    assert [text for text in texts if "… (130,000 letters)" in text]


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
    numbers = properties(parsed(suite_of(verdict_of(), verdict_of(BAD))))
    name = "recovery_seconds_max"

    assert numbers[f"run1.{name}.verdict"] == "pass"
    assert float(numbers[f"run1.{name}.observed"]) < 1
    assert numbers[f"run2.{name}.observed"] == numbers[f"{name}.observed"]


def test_the_times_of_all_cases_are_the_time_of_the_runs() -> None:
    """CI systems add them up."""
    root = parsed(suite_of(verdict_of(), verdict_of()))

    assert sum(float(str(case.get("time"))) for case in root.iter("testcase")) == 4.0
    assert root.get("time") == "4.000"


def test_notes_are_properties() -> None:
    """They tell something and turn nothing red; those of one code are one property."""
    verdict = with_finding(verdict_of(), "remark", Severity.NOTE, "as planted")
    root = parsed(suite_of(with_finding(verdict, "remark", Severity.NOTE, "twice")))

    assert properties(root)["run1.note.remark"] == "as planted; twice"
    assert red(root) == {}


def test_no_verdict_is_one_error() -> None:
    """A gate that leaves no file is a silent gate."""
    root = parsed(suite_of(None))

    assert red(root) == {"evidence": "error"}
    assert root.get("tests") == "1"


def test_hostile_text_stays_text() -> None:
    """It closes no element, and what XML forbids is replaced."""
    verdict = with_finding(verdict_of(), "corrupt", Severity.FAIL, HOSTILE)
    root = parsed(suite_of(verdict, name="a\x00<b>\"'"))
    failure = root.find(".//failure")

    assert failure is not None
    assert "</failure><b>x</b> ]]>" in str(failure.get("message"))
    assert not set("\x00\x1b\u202e\ud800") & set(str(failure.text))
    assert red(root) == {"corrupt": "failure"}


@pytest.mark.parametrize(
    ("found", "planted"),
    [
        ('failures="1" errors="0" skipped', 'failures="2" errors="0" skipped'),
        ("<system-out>", "<properties/><system-out>"),
        (' name="lost"', ' name=""'),
        (' name="lost"', ' name="lost" file="scenarios/cut.py"'),
        (' time="0.000"', ' time="0.0001"'),
        (' message="', ' line="1" message="'),
        (' value="fail"', ""),
    ],
)
def test_the_check_can_fail(found: str, planted: str) -> None:
    """A wrong count, a stranger, a missing name; what Jenkins refused once."""
    text = to_xml([suite_of(verdict_of(BAD))])
    assert found in text

    assert problems(text.replace(found, planted, 1))
