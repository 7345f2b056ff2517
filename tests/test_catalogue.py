"""The catalogue of codes: every code that can be met has a row, once, and no row is of a dead code.

Pages of the documentation that list codes are held against it.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest

from harness.core.exit_codes import ExitCode
from harness.plan.objectives import INVARIANTS, KINDS
from harness.plan.stop_conditions import STOP_KINDS
from harness.report import words
from harness.report.suite import CheckKind as Check
from harness.verdict import catalogue as parts
from harness.verdict.catalogue import (
    ASKED,
    BOUND,
    CATALOGUE,
    COUNT,
    FINDINGS,
    LOANS,
    MONEY,
    MONEY_STOPS,
    PERCENTILE,
    RULES,
    SHARE,
)
from harness.verdict.catalogue_row import CatalogueRow, EntryKind
from harness.verdict.checks import borrowing, impairment
from harness.verdict.types import Reconciliation, Severity

ROOT = Path(__file__).parent.parent
HARNESS = sorted((ROOT / "harness").rglob("*.py"))
PARTS = (
    *(parts.OF_LOANS, parts.OF_ANSWERS, parts.OF_RUNS, parts.EVIDENCE, parts.NOTES),
    *(parts.OBJECTIVES, parts.STOPS, parts.CHECKS, parts.EXITS),
)
MAKERS = {
    "fail": Severity.FAIL,
    "inconclusive": Severity.INCONCLUSIVE,
    "note": Severity.NOTE,
    "Finding": None,
    "weigh": None,
}
"""What is called with a code first makes a finding, of this severity or of one that is computed."""
NAMED_ELSEWHERE = {
    ("borrowing.py", "name"): LOANS,
    ("impairment.py", "episode.class_"): tuple(impairment._STATE),
    ("case.py", "code"): (),
}
"""Codes that are not written where the finding is made: the file, the expression, what it can be.
In case.py the makers themselves hand on what they are given."""

Made = dict[str, set[Severity | None]]
"""Codes, each with the severities that findings of it are made with."""


def made_in(source: str, file: str) -> Made:
    """Every code that a finding can be made with in this text.

    Raises:
        AssertionError: a code is neither a word nor one of those named elsewhere.
    """
    found: Made = defaultdict(set)
    for node in ast.walk(ast.parse(source)):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in MAKERS or not node.args:
            continue
        first = node.args[0]
        for part in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
            place, codes = (file, ast.unparse(part)), ()
            if isinstance(part, ast.Constant):
                codes = (str(part.value),)
            else:
                assert place in NAMED_ELSEWHERE, f"{place}: which codes can that be?"
                codes = NAMED_ELSEWHERE[place]
            for code in codes:
                found[code].add(MAKERS[name])
    return found


def all_made() -> Made:
    """Those of the whole harness."""
    found: Made = defaultdict(set)
    for path in HARNESS:
        text = path.read_text(encoding="utf-8")
        if "Finding" in text:
            for code, severities in made_in(text, path.name).items():
                found[code] |= severities
    return found


def of_another_severity(made: Made, rows: dict[str, CatalogueRow]) -> list[str]:
    """Codes whose row has another severity than the findings that are made, as far as they tell."""
    worst_first, found = list(Severity), []
    for code, severities in made.items():
        told = min((w for w in severities if w is not None), key=worst_first.index, default=None)
        severity = rows[code].severity
        if told is None or severity is None:
            continue
        milder = worst_first.index(severity) > worst_first.index(told)
        if milder or (None not in severities and severity is not told):
            found.append(code)
    return found


def defined_twice(dictionaries: Iterable[dict[str, CatalogueRow]]) -> list[str]:
    """Codes that more than one of them has."""
    count = Counter(code for one in dictionaries for code in one)
    return [code for code, times in count.items() if times > 1]


def told_again(source: str) -> list[str]:
    """Phrases of the catalogue, of three words at least, that a file says once more."""
    phrases = {row.title for row in CATALOGUE.values()} | {row.rule for row in RULES.values()}
    phrases = {text for text in phrases | set(ASKED.values()) if len(text.split()) > 2}
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if text in phrases]


# --- each code has one row -----------------------------------------------------------------------


def test_every_finding_that_can_be_made_has_a_row_and_no_other() -> None:
    """The codes are read from the syntax tree, so none is forgotten and none outlives its check."""
    assert set(FINDINGS) == set(all_made())


def test_a_new_code_would_be_found() -> None:
    """A planted finding without a row is seen, in each way in which one is written."""
    planted = """
def check(case):
    yield fail("brand_new", "text")
    yield Finding("this_one" if case else "or_that_one", severity, "text", {})
    yield weigh("weighed", "text")
"""
    found = made_in(planted, "planted.py")

    assert set(found) == {"brand_new", "this_one", "or_that_one", "weighed"}
    assert not set(found) & set(CATALOGUE)


def test_a_code_that_cannot_be_read_is_an_error() -> None:
    """Made of other words at run time it would slip through."""
    with pytest.raises(AssertionError, match="which codes can that be"):
        made_in("def check(case):\n    yield note(case.made_up, 'text')\n", "planted.py")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EntryKind.INVARIANT, INVARIANTS),
        (EntryKind.OBJECTIVE, tuple(KINDS)),
        (EntryKind.STOP, (*STOP_KINDS, "watch_failed")),
        (EntryKind.CHECK, (Check.OTHER.value, Check.EVIDENCE.value)),
        (EntryKind.EXIT, tuple(str(int(code)) for code in ExitCode)),
    ],
    ids=lambda value: str(value) if isinstance(value, EntryKind) else "",
)
def test_everything_else_that_has_a_name_has_a_row(
    kind: EntryKind, expected: tuple[str, ...]
) -> None:
    """Neither less nor more than there is of each kind, in the same order."""
    assert tuple(code for code, row in CATALOGUE.items() if row.kind is kind) == expected


def test_no_code_is_defined_twice() -> None:
    """One word, one meaning; a planted second one is found."""
    assert len(CATALOGUE) == sum(map(len, PARTS))
    assert defined_twice(PARTS) == []
    assert defined_twice([*PARTS, {"lost": CATALOGUE["lost"]}]) == ["lost"]


def test_no_other_file_says_what_a_code_means() -> None:
    """The phrases stand in the catalogue alone; a planted one is found."""
    others = [path for path in HARNESS if not path.name.startswith("catalogue")]
    found = {path.name: told_again(path.read_text(encoding="utf-8")) for path in others}

    assert {name: texts for name, texts in found.items() if texts} == {}
    assert told_again('_MEANING = {"slow": "Answers came late"}') == ["Answers came late"]


# --- what a row says -----------------------------------------------------------------------------


def test_a_row_has_the_severity_of_its_findings() -> None:
    """What is only ever a note is no failure in the catalogue, nor the reverse."""
    rows = {**FINDINGS, "planted": FINDINGS["slow"]}

    assert of_another_severity(all_made(), FINDINGS) == []
    assert of_another_severity({"lost": {Severity.NOTE}}, rows) == ["lost"]
    assert of_another_severity({"planted": {Severity.FAIL, None}}, rows) == ["planted"]


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_row_says_everything(code: str) -> None:
    """Whole sentences, a page that exists, and no other code that there is not."""
    row = CATALOGUE[code]
    for text in (row.weight, row.decided, row.causes, row.next_step):
        assert len(text) > 10
        assert text.endswith((".", ")"))
        assert "  " not in text
        assert ".." not in text
        assert set(re.findall(r"`([a-z0-9_]+)`", text)) <= set(CATALOGUE)
    assert not row.title.endswith(".")
    assert not row.docs or (ROOT / row.docs).is_file()
    assert bool(row.rule) is (code in RULES)
    assert (row.severity is None) is (row.kind is EntryKind.EXIT)


def test_what_is_counted_of_loans_is_what_the_catalogue_names() -> None:
    """One count of the reconciliation for each class of loans, and a message for each."""
    assert set(LOANS) <= {field.name for field in fields(Reconciliation)}
    assert tuple(borrowing._MONEY) == LOANS


def test_money_comes_first() -> None:
    """Among the findings, and in what is required of every run."""
    assert (*LOANS, "invariant_violated", "replay_unstable") == MONEY
    assert tuple(RULES)[: len(MONEY)] == MONEY
    assert MONEY_STOPS == ("double_disbursement", "principal_at_risk_fen")
    severities = [row.severity for code, row in RULES.items() if code not in MONEY]
    assert severities == sorted(severities, key=list(Severity).index)


def test_reports_say_it_in_the_words_of_the_catalogue() -> None:
    """A reader of a report finds the phrase that stood there."""
    assert [code for code, row in FINDINGS.items() if words.finding(code) != row.title] == []
    assert [code for code, text in ASKED.items() if words.objective(code) != text] == []


# --- pages that list codes -----------------------------------------------------------------------


def page(name: str) -> str:
    """The text of a page of the documentation."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading."""
    _, _, table = text.partition(f"\n| {heading} |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_of_objectives_has_each_with_its_unit_and_rule() -> None:
    """In the order of the fields."""
    units = {"seconds": "duration", "milliseconds": "duration", "ratio": "number"}
    rules = {BOUND: "bound", SHARE: "share", PERCENTILE: "share", COUNT: "count"}
    rows = rows_of(page("objectives.md"), "objective")

    assert [row[0] for row in rows] == list(KINDS)
    assert [row[1] for row in rows] == [units.get(kind, kind) for kind in KINDS.values()]
    for code, _, _, rule in rows:
        assert [rules[text] for text in rules if text in CATALOGUE[code].decided] == [rule], code


def test_the_page_of_safety_has_each_stop_condition() -> None:
    """In the order of the fields."""
    assert [row[0] for row in rows_of(page("safety.md"), "condition")] == list(STOP_KINDS)


@pytest.mark.parametrize("name", ["commands.md", "../README.md"])
def test_a_page_has_each_exit_code_in_the_words_of_the_catalogue(name: str) -> None:
    """With more where there is more to say."""
    rows = rows_of(page(name), "code")
    said = {code: f"{row.title[:1].lower()}{row.title[1:]}" for code, row in parts.EXITS.items()}

    assert [row[0] for row in rows] == list(said)
    assert [row[0] for row in rows if not row[1].startswith(said[row[0]])] == []


def test_the_pages_name_every_class_of_wrong_loans() -> None:
    """With its code, so that it is found by a search."""
    assert f"{', '.join(LOANS[:-1])} or {LOANS[-1]}" in " ".join(page("objectives.md").split())
    assert [code for code in LOANS if code not in page("money.md")] == []


def test_a_page_names_no_finding_that_there_is_not() -> None:
    """Wherever one calls a word a finding, a note or an invariant."""
    pattern = r"\b(?:findings?|notes?|invariants?) \(?`([a-z0-9_]+)`"
    named = {path.name: re.findall(pattern, page(path.name)) for path in ROOT.glob("docs/*.md")}
    wrong = {code for codes in named.values() for code in codes if code not in CATALOGUE}

    assert sum(map(len, named.values())) > 5
    assert wrong == set()
    assert re.findall(pattern, "the finding `no_such_code`") == ["no_such_code"]
