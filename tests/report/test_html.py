"""The page: complete, self-contained, safe and readable without its style sheet."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.history.run_directory import RunDirectory
from harness.report import html, words
from harness.report import write_report as written
from harness.verdict.types import Recovery, Verdict, from_json
from tests.report import sample

RUNS = [sample.passed, sample.failed, sample.inconclusive, sample.hostile, sample.never_began]
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Tags, attributes and texts of a page; fails on a tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it, and that it is open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must close the tag opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """What a reader sees, but for the style sheet."""
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is written on the page, spaces folded."""
        return " ".join(" ".join(self.texts).split())


def page(run: sample.Run) -> Page:
    """The rendered page, read."""
    return Page(html.render(*run))


def changed(run: sample.Run, **changes: object) -> sample.Run:
    """The same run with another verdict."""
    plan, facts, verdict = run
    return plan, facts, replace(verdict, **changes)  # type: ignore[arg-type]  # names are checked


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_tags_are_balanced_and_nothing_runs_or_loads(run: sample.Maker) -> None:
    """No script, no handler, no resource: what stands in the file is all there is."""
    seen = page(run())
    names = {tag for tag, _ in seen.tags}

    assert seen.open == []
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for _, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not {"src", "srcset", "xlink:href", "action"} & set(attributes)
        assert re.fullmatch(r"[a-z]+\.(jsonl?|png)|#[a-z-]+", attributes.get("href") or "plan.json")
    assert "url(" not in (Path(html.__file__).parent / "report.css").read_text(encoding="utf-8")


def test_hostile_strings_stay_text() -> None:
    """Markup, terminal escapes and reordering characters from outside are shown, not obeyed."""
    rendered = html.render(*sample.hostile())

    assert "<script" not in rendered.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in rendered
    assert not [c for c in "\x1b\u202e\ud800" if c in rendered]
    assert rendered.encode("utf-8")


def test_the_first_screen_has_the_key_figures() -> None:
    """Verdict in words, who, when, the sentence, and the figures with what they mean."""
    _, _, verdict = sample.failed()
    text = page(sample.failed()).text
    borrow = verdict.borrow

    for said in (
        "FAIL network_partition",
        verdict.sentence,
        "1 July 2026, 12:00:00 UTC",
        f"target {verdict.target}",
        "seed 1",
        f"Failed borrow requests {borrow.failed}",
        f"{borrow.window.failed} of {borrow.window.operations} requests",
        "Time to recover 1.9 s",
        "95 % interval 1.6 s to 2.2 s",
        "within the limit of 5 s",
        f"Lost service {borrow.failed / 50:.1f} s",
        "Money FAIL 1 wrong 1 paid out more than once 1,234.00 yuan at risk",
        f"Unknown outcome {borrow.indeterminate}",
        f"7 got the loan, {borrow.indeterminate - 7} did not",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("run", "word"),
    [(sample.passed, "PASS"), (sample.failed, "FAIL"), (sample.inconclusive, "INCONCLUSIVE")],
)
def test_the_verdict_is_a_word(run: sample.Maker, word: str) -> None:
    """Never colour alone; the title of the page has it, too."""
    rendered = html.render(*run())

    assert f'<span class="word">{word}</span>' in rendered
    assert f"<title>{word}: " in rendered


def test_every_section_is_there_and_named() -> None:
    """A reader finds each by its heading."""
    rendered = html.render(*sample.failed())
    headings = re.findall(r"<h2 id=\"([a-z-]+?)(?:-heading)?\"", rendered)

    assert headings == [
        *("objectives", "tested", "findings", "faults", "safety", "cannot-borrow", "failures"),
        *(
            "log-in",
            "reconciliation",
            "episodes",
            "waits",
            "timeline",
            "phases",
            "method",
            "words",
            "files",
        ),
    ]


def test_failures_come_before_notes() -> None:
    """The finding that decides the verdict stands first."""
    text = page(sample.failed()).text

    assert text.index("1 loan was paid out twice.") < text.index("Practically no one could borrow")


def test_declines_are_told_from_failures() -> None:
    """Four causes, four rows: only one is a failure of the service."""
    _, _, verdict = sample.failed()
    text = page(sample.failed()).text
    declined = verdict.borrow.declined

    assert (
        f"failed technical: no answer that the borrower was entitled to {verdict.borrow.failed}"
        in text
    )
    for cause in ("credit", "policy", "behaviour"):
        row = re.search(rf"declined: {cause} rightly: [^0-9]+ ([\d,]+) ", text)
        assert row
        assert row[1] == str(getattr(declined, cause))


def test_an_unread_ledger_is_not_a_zero() -> None:
    """Not measured, and why, in place of every count that it would have given."""
    text = page(sample.inconclusive()).text
    why = "The ledger was not read: the audit endpoint answered 503"

    assert f"Money not measured {why}" in text
    assert "0 wrong" not in text


def test_a_recovery_before_the_heal_is_said_in_words() -> None:
    """A negative number of seconds means nothing to most readers."""
    text = page(sample.inconclusive()).text

    assert "Time to recover at once failures had ended by the heal" in text
    assert "-0.4" not in text


def test_no_recovery_is_not_a_pass() -> None:
    """Borrowing still impaired at the end is said where the time to recover would stand."""
    _, _, verdict = sample.failed()
    endless = replace(verdict.episodes[1], recovered_s=None, recovered_s_high=None)

    text = page(changed(sample.failed(), recovery=Recovery(), episodes=[endless])).text

    assert "Time to recover to the end nothing shows that borrowing had recovered when" in text


def test_without_impairment_there_is_nothing_to_recover() -> None:
    """Which is not the same as not measured."""
    text = page(sample.passed()).text

    assert "Time to recover not needed no impairment longer than 0.11 s was seen" in text


def test_a_run_that_never_began_claims_nothing() -> None:
    """No share, no interval, no zero where nothing was measured."""
    text = page(sample.never_began()).text

    assert "measuring never started" in text
    assert "The load never began" in text
    assert "Lost service not measured Interrupted during set-up." in text
    assert "None" not in text.replace("None: no impairment was seen", "")


def test_troubles_and_damage_are_shown() -> None:
    """What puts the evidence in doubt is not left to the log files."""
    text = page(sample.inconclusive()).text

    assert "the second load process stopped answering" in text


def test_times_say_what_they_count_from() -> None:
    """Seconds alone would leave the reader guessing."""
    text = page(sample.failed()).text

    assert "8.0 s after the start of measuring to 28.0 s after the start of measuring" in text


def test_every_table_cell_carries_its_header() -> None:
    """On a phone the rows become lists, and the headers go into the cells."""
    cells = [attributes for tag, attributes in page(sample.failed()).tags if tag == "td"]

    assert cells
    assert all(attributes.get("data-label") for attributes in cells)


def test_it_is_the_same_in_every_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instants are UTC and say so, wherever the run was judged."""
    here = html.render(*sample.failed())
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    there = html.render(*sample.failed())
    monkeypatch.undo()
    time.tzset()

    assert there == here


def test_huge_evidence_is_cut() -> None:
    """One finding with a megabyte of evidence must not make the page unreadable."""
    _, _, verdict = sample.failed()
    heavy = replace(verdict.findings[0], evidence={"keys": ["k" * 1000] * 1000})

    rendered = html.render(*changed(sample.failed(), findings=[heavy]))

    assert "all are in verdict.json" in rendered
    assert len(rendered) < 200_000


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_both_results_are_written(run: sample.Maker, tmp_path: Path) -> None:
    """verdict.json reads back, and the path of the report is returned."""
    plan, facts, verdict = run()

    path = written.write(RunDirectory(tmp_path), plan, facts, verdict)

    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    stored: Verdict = from_json((tmp_path / "verdict.json").read_bytes())
    assert stored.borrow.failed == verdict.borrow.failed


def test_a_long_sentence_is_shown_whole() -> None:
    """Several faults, strays and slow stretches in one run: the money comes at its end."""
    said = f"{'the link came and went, then ' * 16}no loan was lost, none lent twice."
    assert 400 < len(said) < 800
    assert said in page(changed(sample.failed(), sentence=said)).text


def test_failures_before_the_window_are_no_lost_service_and_it_says_so() -> None:
    """All of them failed in the baseline: "0.0 s" alone would contradict the tile beside it."""
    run = sample.failed()
    borrow = run[2].borrow
    before = replace(borrow, window=replace(borrow.window, failed=0), lost_service_seconds=0.0)
    worth = words.seconds(borrow.failed / 50)
    text = page(changed(run, borrow=before)).text

    assert (
        "Lost service 0.0 s 0 failed from the injection on ÷ 50 arrivals a second"
        f" {worth} more before the injection: {borrow.failed} failed" in text
    )
