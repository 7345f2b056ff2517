"""The summary: the first screen in Markdown, small, and safe to be put anywhere."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from harness.core.money import YUAN, Currency
from harness.history.run_directory import RunDirectory
from harness.report.markdown import BYTES_MAX, escaped, summary
from harness.report.suite import GateSuite
from harness.verdict.types import Finding, Severity, Verdict
from tests.builders import plan_of
from tests.gates.made import BAD, HOSTILE, OPEN, suite_of, verdict_of, with_finding


def test_the_first_screen_has_all_that_counts() -> None:
    """Verdict, sentence, what broke, figures, objectives, findings and where the report is."""
    text = summary([suite_of(verdict_of(BAD))])

    assert text.startswith("### 🔴 FAIL · cut\n")
    assert "borrowing recovered 6.0 s after the heal" in text
    assert "- 🔴 **recovery\\_seconds\\_max** missed\n" in text  # the sentence has the figures
    assert text.lower().count("borrowing took 6.0 s to recover") == 1
    assert "| Time to recover | **6.0 s** |" in text
    assert "| at most 2 s | 6.0 s | 6.0 s to 6.6 s | missed" in text
    assert "- report: `runs/test-1/report.html`" in text


def test_a_failing_finding_is_not_folded_and_said_once() -> None:
    """Only notes are; the name of a check is not its text again."""
    planted = with_finding(verdict_of(BAD), "corrupt", Severity.FAIL, "745 loans differ")
    planted = with_finding(planted, "load_unfaithful", Severity.INCONCLUSIVE, "a worker is missing")
    planted = with_finding(planted, "remark", Severity.NOTE, "seen before")
    text = summary([suite_of(planted)])
    open_, _, folded = text.partition("<details>")

    assert "- 🔴 **corrupt** missed: 745 loans differ\n" in open_
    assert text.count("745 loans differ") == text.count("a worker is missing") == 1
    assert "a worker is missing" in open_
    assert "seen before" in folded
    assert folded.count("<details>") == 0


@pytest.mark.parametrize("currency", [YUAN, Currency("EUR")])
def test_money_is_told_in_the_currency_of_the_run(tmp_path: Path, currency: Currency) -> None:
    """As its plan names it, which lies beside its report."""
    plan = plan_of()
    run = RunDirectory.create(
        tmp_path, replace(plan, lender=replace(plan.lender, currency=currency))
    )
    planted = with_finding(verdict_of(BAD), "corrupt", Severity.FAIL, "745 loans differ")
    ledger = replace(planted.reconciliation, principal_at_risk_fen=123_400, corrupt=745)
    made = suite_of(replace(planted, reconciliation=ledger))
    text = summary([replace(made, runs=(replace(made.runs[0], path=run.path),))])

    assert f"1,234.00 {currency.word or currency.code} at risk" in text


def test_the_report_is_linked_where_its_address_is_known() -> None:
    """Else the page of the artifacts is, or its path stands there alone."""
    suite = suite_of(verdict_of())
    path = "runs/test-1/report.html"
    drawn = {
        name: MarkdownIt().render(summary([suite], **given))
        for name, given in {
            "none": {},
            "own": {"links": {path: "https://ci/7/artifacts/file/runs/a%28b%29.html"}},
            "page": {"links": {path: ""}, "artifacts": "https://ci/runs/7#artifacts"},
        }.items()
    }

    assert f"<li>report: <code>{path}</code></li>" in drawn["none"]
    own = '<a href="https://ci/7/artifacts/file/runs/a%28b%29.html">'
    assert f"<li>report: {own}<code>{path}</code></a></li>" in drawn["own"]
    page = '<a href="https://ci/runs/7#artifacts">artifacts of this run</a>'
    assert f"<li>report: <code>{path}</code> in the {page}</li>" in drawn["page"]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [(verdict_of(), "🟢 PASS"), (verdict_of(OPEN), "🟡 INCONCLUSIVE"), (None, "🟡 INCONCLUSIVE")],
)
def test_the_verdict_is_said(verdict: Verdict | None, expected: str) -> None:
    """In words, not by colour alone; a run without one is not passed over."""
    assert expected in summary([suite_of(verdict)])


def test_a_table_has_as_many_cells_in_each_row() -> None:
    """Foreign text adds none."""
    verdict = with_finding(verdict_of(BAD), "corrupt", Severity.FAIL, "a | b | c")
    odd = replace(verdict, objectives=[replace(verdict.objectives[0], source="x | y")])
    text = summary([suite_of(odd, odd)])
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    cells = [{row.replace("\\|", "").count("|") for row in table.splitlines()} for table in tables]

    assert len(cells) == 3
    assert [len(counts) for counts in cells] == [1, 1, 1]
    assert "x \\| y" in text


def test_every_run_of_a_series_is_told() -> None:
    """With its seed, and with what they allow to be said together."""
    suite = replace(suite_of(verdict_of(), verdict_of(BAD), None), statement="It says nothing.")
    text = summary([suite])

    assert "### 🔴 FAIL · cut, 3 of 3 runs" in text
    assert "| 2 | 1 | 🔴 FAIL |" in text
    assert "| 3 |  | none, exit code 70 |" in text
    assert "It says nothing." in text


def test_several_scenarios_begin_with_the_worst() -> None:
    """In one table, before the first of them, with what is not met; the sentence stands below."""
    text = summary([suite_of(verdict_of()), suite_of(verdict_of(BAD), name="kill")])
    table, _, _ = text.partition("###")

    assert table.index("kill") < table.index("cut")
    assert "| 🔴 FAIL | kill | 1 of 1 | recovery\\_seconds\\_max |" in table
    assert "| 🟢 PASS | cut | 1 of 1 | none |" in table


def test_a_run_without_a_verdict_says_so_once() -> None:
    """In the line of its check."""
    assert summary([suite_of(None)]).count("without a verdict") == 1


def test_a_chart_stands_where_there_is_no_picture() -> None:
    """And a picture in its place where CI serves it."""
    suites = [suite_of(verdict_of())]
    charts, picture = {"cut": ["failed ·▁█"]}, {"cut": "https://ci/x/timeline.png"}

    assert "```text\nfailed ·▁█\n```" in summary(suites, charts)
    assert "![Borrowing over time, cut](<https://ci/x/timeline.png>)" in summary(
        suites, charts, picture
    )
    assert "```" not in summary(suites, charts, picture)


def test_a_chart_cannot_leave_its_fence() -> None:
    """Names of faults are in it."""
    text = summary([suite_of(verdict_of())], {"cut": ["```` # x"]})

    assert "`````text\n```` # x\n`````" in text


def test_hostile_text_is_only_text() -> None:
    """No tag, no link, no heading, nobody called."""
    text = escaped(f"# {HOSTILE}")

    assert text.startswith("\\# &lt;/failure&gt;&lt;b&gt;x")
    assert "\\[a\\]\\(http" in text
    assert "@team" not in text
    assert "\\`\\`" in text
    assert not set("\n\x00\x1b\u202e\ud800") & set(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://evil.test/x and WWW.evil.test", "see http:|//evil.test/x and WWW|.evil.test"),
        ("_www.evil.test_ x_GH-6", "_www|.evil.test_ x_GH|-6"),
        ("ftp://x mailto:me@evil.test", "ftp:|//x mailto:me@|evil.test"),
        ("[x](y) ![p](http://q) <img src=z>", "[x](y) ![p](http:|//q) &lt;img src=z&gt;"),
        ("@team #12 a/b#3 !4 ~5 GH-6", "@|team #|12 a/b#|3 !|4 ~|5 GH|-6"),
        ("5 % of 10; a - b; c: d; # 7", "5 % of 10; a - b; c: d; # 7"),
    ],
)
def test_foreign_text_links_to_nothing(text: str, shown: str) -> None:
    """It reads as it was; links are looked for in each part between the comments alone."""
    drawn = MarkdownIt().render(f"start {escaped(text)}").strip()

    assert drawn.replace("<!-- -->", "|") == f"<p>start {shown}</p>"


def test_a_path_is_code() -> None:
    """Names of run directories may be anything."""
    suite = suite_of(verdict_of())
    shown = replace(suite, shown=lambda _: "`x` www.evil.test/[a](b) #1")
    drawn = MarkdownIt().render(summary([shown]))

    assert "<code>`x` www.evil.test/[a](b) #1</code>" in drawn


def big(number: int) -> GateSuite:
    """A suite of the longest texts there are."""
    verdict = with_finding(verdict_of(BAD), "lost", Severity.FAIL, "界" * 5000)
    many = [Finding(f"code_{n}", Severity.NOTE, "é" * 3000) for n in range(400)]
    loud = replace(verdict, sentence="ß" * 9000, findings=[*verdict.findings, *many])
    return suite_of(loud, loud, loud, name=f"{number}-{'x' * 300}")


@pytest.mark.parametrize("number", [1, 5, 40])
def test_it_is_always_small_enough(number: int) -> None:
    """In bytes; what is left out is said, and how the worst ended never is."""
    text = summary([big(n) for n in range(number)], {big(0).name: ["█" * 60] * 9})

    assert len(text.encode()) <= BYTES_MAX < 64 * 1024
    assert ("Left out for room" in text) is (number > 1)
    assert "🔴 FAIL" in text
    assert text.count("<details>") == text.count("</details>")
