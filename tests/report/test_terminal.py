"""The verdict in a terminal."""

from dataclasses import replace

import pytest

from harness.report import terminal_text
from harness.verdict.types import Judgement
from tests.report import sample

RUNS = [sample.passed, sample.failed, sample.inconclusive, sample.hostile, sample.never_began]


def folded(text: str) -> str:
    """On one line, so that wrapping does not matter."""
    return " ".join(text.split())


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
@pytest.mark.parametrize("width", [40, 100])
def test_without_colour_there_is_no_escape_sequence(run: sample.Maker, width: int) -> None:
    """Whoever asked for none gets none, not even from a hostile target."""
    shown = terminal_text.render(run()[2], "runs/x/report.html", width, color=False)

    assert "\x1b" not in shown
    assert not [c for c in shown if ord(c) < 32 and c != "\n"]


def test_colour_only_adds() -> None:
    """The words are the same with and without it."""
    coloured = terminal_text.render(sample.failed()[2], "r.html", color=True)

    assert "\x1b[" in coloured
    assert "FAIL" in coloured


def test_it_has_verdict_sentence_reasons_and_paths() -> None:
    """All that is needed to decide whether to open the report."""
    _, _, verdict = sample.failed()

    shown = folded(terminal_text.render(verdict, "runs/x/report.html", color=False))

    assert shown.startswith("FAIL network_partition")
    assert verdict.sentence in shown
    assert "missed duplicated: duplicated: 1; the limit is 0" in shown
    assert "fail duplicated: 1 loan was paid out twice." in shown
    assert "outage:" not in shown
    assert "runs/x/report.html" in shown
    assert "runs/x/verdict.json" in shown


def test_key_figures_are_those_of_the_page() -> None:
    """One source for both, so that they cannot disagree."""
    _, _, verdict = sample.failed()

    shown = folded(terminal_text.render(verdict, "report.html", color=False))

    assert f"Failed borrow requests {verdict.borrow.failed} " in shown
    assert "Time to recover 1.9 s" in shown
    assert "Money 1 wrong 1 paid out more than once" in shown


def test_what_is_inconclusive_is_named() -> None:
    """With its code, which other programs know, too."""
    shown = folded(terminal_text.render(sample.inconclusive()[2], "report.html", color=False))

    assert "INCONCLUSIVE" in shown
    assert "inconclusive ledger_unread: The ledger was not read" in shown
    assert "not decided indeterminate_share_max: indeterminate_share_max was not measured" in shown


def test_markup_of_the_terminal_library_is_plain_text() -> None:
    """Square brackets in a message are shown as they are."""
    _, _, verdict = sample.passed()
    odd = replace(verdict, sentence="[red]loans[/red] :smile:")

    assert "[red]loans[/red] :smile:" in terminal_text.render(odd, "r.html", color=False)


@pytest.mark.parametrize("judgement", list(Judgement))
def test_every_verdict_has_a_word(judgement: Judgement) -> None:
    """The first word is the verdict."""
    verdict = replace(sample.passed()[2], verdict=judgement)

    shown = terminal_text.render(verdict, "r.html", color=False)

    assert shown.split()[0] == judgement.value.upper()
