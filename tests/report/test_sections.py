"""What the sections below the first screen say, and that they are absent where nothing is known."""

import re
from dataclasses import replace

import pytest

from harness.report import (
    html,
    impairment_table,
    people,
    sections,
    signals,
    terminal_text,
    words,
)
from harness.report.tiles import tiles
from harness.verdict.figures import Affected, ClosedLoop
from harness.verdict.types import Verdict
from tests.report import rich, sample
from tests.report.test_html import changed, page

NEW = ("affected", "worst", "closed-loop", "health", "retries", "decisions")


def text_of(run: sample.Run) -> str:
    """All that is written on the page."""
    return page(run).text


def headings(run: sample.Run) -> list[str]:
    """Sections that the page has."""
    return re.findall(r"<h2 id=\"([a-z-]+?)(?:-heading)?\"", html.render(*run))


def test_sections_of_what_was_not_measured_are_absent() -> None:
    """No empty tables; the page says under "how" that the health was not asked."""
    assert not set(NEW) & set(headings(sample.failed()))
    assert "Health not asked" in text_of(sample.failed())


def test_sections_of_what_was_measured_are_there_and_listed() -> None:
    """Each can be reached from the list of contents."""
    seen = page(rich.rich())
    links = {a.get("href") for tag, a in seen.tags if tag == "a"}

    assert set(NEW) <= set(headings(rich.rich()))
    assert {f"#{name}" for name in NEW} <= links
    for link in links:
        assert link is not None
        assert not link.startswith("#") or link[1:] in {a.get("id") for _, a in seen.tags}


def test_some_borrowers_are_visible_as_some() -> None:
    """Counts, share and interval of those who could not log in, and how many failed every time."""
    text = text_of(rich.rich())

    assert (
        "31 of 400 borrowers (7.8 %) could not log in at least once; 12 of them failed every time"
        " from some moment on."
    ) in text
    assert "log in 400 31 (7.8 %) 5.3 % to 10.8 % 12 p < 0.0001" in text
    assert "190 of 350 borrowers (54.3 %) could not borrow at least once; no sign" in text


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (Affected(40, 0, 0.0, 0.0, 0.09, 0, None), "No one failed to borrow."),
        (Affected(40, 40, 1.0, 0.9, 1.0, 0, 1.0), "Every one of 40 borrowers failed to borrow"),
    ],
)
def test_none_and_all_have_words_of_their_own(who: Affected, said: str) -> None:
    """Rather than 0 or 100 % of something."""
    _, _, verdict = rich.rich()
    borrow = replace(verdict.borrow, affected=who)

    assert said in people.affected(replace(verdict, borrow=borrow)).lead


def test_the_closed_loop_is_told_in_one_sentence() -> None:
    """What it would have shown, beside the borrowers who really failed."""
    _, _, verdict = rich.rich()
    verdict = replace(
        verdict,
        borrow=replace(verdict.borrow, failed=3940, operations=36_000),
        closed_loop=[ClosedLoop(10, 32_040, 40), ClosedLoop(1003, 36_000, 3941)],
    )

    table = people.closed_loop(verdict)

    assert table.lead.startswith(
        "A closed-loop test of 10 users would have shown 40 failures; in this run 3,940 borrow"
        " requests failed after the warm-up."
    )
    assert "It would take 1,003 users to miss none." in table.lead
    assert [cell.text for cell in table.rows[-1]] == ["this run", "36,000", "3,940", "10.9 %"]


def test_without_failures_the_closed_loop_hides_nothing() -> None:
    """And the section does not claim that it would."""
    _, _, verdict = rich.rich()
    clean = replace(verdict, borrow=replace(verdict.borrow, failed=0))

    assert people.closed_loop(clean).lead.startswith("Nothing failed")


def test_the_wider_interval_stands_on_the_first_screen() -> None:
    """Both stand below, with what each takes for granted."""
    text = text_of(rich.rich())

    assert "95 % interval 25.1 % to 34.9 %" in text
    assert "27.0 % to 32.0 % each on its own (exact binomial)" in text
    assert "25.1 % to 34.9 % in clusters, by load worker (bootstrap)" in text


def test_an_interval_is_widened_and_never_narrowed() -> None:
    """A bootstrap that is narrower than the exact interval on one side changes nothing there."""
    _, _, verdict = sample.failed()
    borrow = replace(
        verdict.borrow,
        failed_share_low=0.2,
        failed_share_high=0.3,
        failed_share_low_by_worker=0.25,
        failed_share_high_by_worker=0.4,
    )

    assert people.wider(borrow) == (0.2, 0.4)
    assert people.wider(sample.never_began()[2].borrow) == (None, None)


def test_health_says_how_long_it_was_green_in_vain() -> None:
    """And how soon it turned red after the injection."""
    text = text_of(rich.rich())

    assert "The target called itself healthy for 2.1 s in which borrowing failed." in text
    assert "First red answer 10.2 s after the start of measuring 2.2 s after the first" in text


def test_health_that_was_right_says_so() -> None:
    """Zero seconds are good news, and none measured are no news."""
    _, _, verdict = rich.rich()
    assert verdict.health is not None

    def lead(green_s: float | None) -> str:
        assert verdict.health is not None
        seen = replace(verdict.health, green_while_failing_s=green_s)
        return signals.health(replace(verdict, health=seen)).lead

    assert lead(0.0).startswith("The target never called itself healthy")
    assert "was not measured" in lead(None)


def test_the_report_says_how_long_the_ledger_was_watched() -> None:
    """On the first screen and beside the counts; an old run does not say."""
    plan, _, verdict = sample.passed()
    watched = replace(verdict, reconciliation=replace(verdict.reconciliation, watched_s=12.5))
    said = "Watched for 12.5 s after it had come to rest."

    assert said in sections.reconciliation(watched).lead
    assert said not in sections.reconciliation(verdict).lead
    notes = [note for tile in tiles(plan, watched) for note in tile.notes]
    assert notes.count("ledger then watched for 12.5 s") == 1


def test_retries_and_the_herd() -> None:
    """Attempts by phase, and the fullest second after the heal."""
    text = text_of(rich.rich())

    assert "Attempts for each borrow, fault 2.31" in text
    assert "Attempts for each borrow, recovery not measured" in text
    assert "Most requests in a second after the heal 3.40 times the baseline's" in text


def test_a_shift_of_decisions_has_its_interval_and_chance() -> None:
    """In percentage points, with the sign spelled as a minus."""
    text = text_of(rich.rich())

    assert (
        "approved 87.0 % 81.0 % \N{MINUS SIGN}6.0 pp \N{MINUS SIGN}9.0 pp to \N{MINUS SIGN}3.0 pp"
        " p < 0.0001"
    ) in text
    assert "referred to manual review 5.0 % 5.5 % +0.5 pp" in text


def test_worst_windows_are_a_table_and_a_chart() -> None:
    """The chart is named and described for those who cannot see it."""
    text = text_of(rich.rich())
    drawn = impairment_table.worst_chart(rich.rich()[2])

    assert "5 s 8.0 s after the start of measuring 250 249 99.60 %" in text
    assert 'aria-labelledby="worst-title worst-description"' in drawn
    assert "1 s: 100 %; 5 s: 99.60 %; 30 s: 21.0 %" in drawn
    assert "style" not in drawn


def test_every_meaning_of_recovered_is_told_apart() -> None:
    """First answers, new requests, the last borrower's end of waiting, quick answers."""
    text = text_of(rich.rich())

    for said in (
        (
            "first good answer whenever its request was sent; requests that queued are answered"
            " first 0.02 s after the last heal"
        ),
        "new requests succeed: fewer than 50 % fail, for good 0.01 s after the last heal",
        "new requests succeed: fewer than 5 % fail, for good 1.9 s after the last heal",
        "fewer than 1 % fail, for good 1.9 s after the last heal 1.6 s or more cannot be measured",
        "last borrower had stopped waiting in vain a request waits up to its timeout of 2 s 3.7 s",
        (
            "latency back to normal fewer than 5 % take longer than 100 ms 4.2 s after the last"
            " heal 3.9 s to 4.6 s yes"
        ),
        "A request waits for its answer for up to 2 s (the request timeout).",
        "of 254 requests; 60 borrowers affected; 3 under way when it began; 5 waited in it for a",
    ):
        assert said in text


def test_a_recovery_beyond_the_end_of_the_run_is_not_given_a_number() -> None:
    """It took longer than was watched, and that is what is said."""
    text = text_of(rich.censored())

    assert "Time to recover to the end" in text
    assert "that borrowing had recovered when the run ended, 15.0 s after the heal" in text
    assert "it took more than 14.5 s" in text
    assert text.count("14.5 s or more") == 2


def test_undecided_and_missed_objectives_stand_first_with_their_reason() -> None:
    """And where each limit was set."""
    text = text_of(rich.rich())
    first, second, third = (
        text.index(name)
        for name in ("affected_borrowers_share_max", "latency_recovery_", "recovery_seconds_max ")
    )

    assert first < second < third
    assert "missed 190 of 350 borrowers" in text
    assert "resilience.yaml, line 31" in text


def test_how_it_was_measured_is_complete() -> None:
    """Rates, lag, timeout, what was left out, thresholds, versions and seed."""
    text = text_of(rich.rich())

    for said in (
        "50 a second asked, 50.0 a second achieved",
        "99 % within 3.4 ms",
        "Request timeout 2 s",
        "Left out 100 arrivals of the warm-up and 0 that the load generator never started",
        (
            "Borrowing is normal while fewer than 5 % of requests fail; an answer is slow from"
            " 100 ms on"
        ),
        "Health /healthz was asked 10 times a second",
        "Seed 1",
        "Made with lendchaos ",
    ):
        assert said in text


def test_what_counts_as_unknown_is_told_whole() -> None:
    """Every kind of answer that leaves a borrower in the dark, as docs/money.md has it."""
    text = text_of(rich.rich())

    for said in ("no answer in time", "half an answer", "3xx, 408, 409, 425, 504", "not applied"):
        assert said in text


def test_whose_recovery_counts_is_told() -> None:
    """Each heal has its own deadline; what overlaps recovers as one."""
    assert "of several the one that decides" in text_of(rich.rich())


def test_sessions_that_were_opened_anew_are_told() -> None:
    """Counted, and said to be no refusal; nothing is said where there was none."""
    plan, facts, verdict = rich.rich()
    renewed = replace(verdict, log_in=replace(verdict.log_in, renewed=3))

    said = "3 requests met a session that was over, by the lifetime told at log-in or by a later"
    assert said in text_of((plan, facts, renewed))
    assert "lifetime told at log-in" not in text_of((plan, facts, verdict))


def test_the_version_that_judged_is_told() -> None:
    """The page may have been made by a later one."""
    plan, facts, verdict = rich.rich()

    assert "Judged by lendchaos 9.8" in text_of((plan, facts, replace(verdict, judged_by="9.8")))


def test_endless_texts_are_cut_everywhere() -> None:
    """Ten thousand letters without a space leave room for the figures; nothing is lost silently."""
    rendered = html.render(*rich.endless())
    shown = terminal_text.render(rich.endless()[2], "r.html", color=False)

    assert "(10,000 letters)" in rendered
    assert len(rendered) < 400_000
    assert len(shown) < 8000


def test_newer_strings_are_escaped_too() -> None:
    """Names that a target or a scenario chose never become markup."""
    rendered = html.render(*rich.hostile())

    assert "<script" not in rendered.lower()
    assert not [c for c in "\x1b\u202e\ud800" if c in rendered]


def test_the_terminal_tells_what_the_key_figures_do_not() -> None:
    """Slow answers, a health check that was green in vain, borrowers shut out."""
    shown = terminal_text.render(rich.rich()[2], "r.html", color=False)

    assert "latency      back to normal 4.2 s after the last heal" in shown
    assert "health check green for 2.1 s while borrowing failed" in shown
    assert "12 of 400 borrowers could not log in from some moment on" in shown


@pytest.mark.parametrize("run", [sample.passed, sample.failed])
def test_the_terminal_stays_silent_where_there_is_nothing_to_tell(run: sample.Maker) -> None:
    """No line for a figure that is missing or zero."""
    shown = terminal_text.render(run()[2], "r.html", color=False)

    assert not re.search(r"^(latency|health|shut out)", shown, re.MULTILINE)


def test_slow_to_the_end_is_told_in_the_terminal() -> None:
    """There is no instant to give."""
    verdict: Verdict = rich.censored()[2]

    assert "nothing shows that it was back to normal when the run ended" in terminal_text.render(
        verdict, "r.html"
    )


@pytest.mark.parametrize(
    ("p", "said"),
    [(None, "not measured"), (1e-9, "p < 0.0001"), (0.0005, "p = 0.0005"), (0.2, "p = 0.20"),
     (1.0, "p = 1.00")],
)  # fmt: skip
def test_chance_in_words(p: float | None, said: str) -> None:
    """Nobody needs an exponent."""
    assert words.chance(p) == said


def test_the_style_is_let_in_by_its_hash_alone() -> None:
    """No "unsafe-inline": another style in the page would not apply."""
    rendered = html.render(*changed(sample.passed()))
    style = re.search(r"<style>(.*?)</style>", rendered, re.DOTALL)

    assert style
    assert f"style-src '{html.style_hash(style[1])}'" in rendered
    assert "unsafe" not in rendered


def test_a_phase_that_the_run_did_not_have_has_no_row() -> None:
    """A run without a fault has neither fault nor recovery to tell of."""
    _, _, verdict = rich.rich()
    phases = [replace(verdict.phases[0], name="baseline"), replace(verdict.phases[-1], name="rest")]
    borrow = replace(verdict.borrow, failed_by_phase={"baseline": 0, "fault": 0, "rest": 3})
    seen = replace(verdict.retries, attempts_per_operation={"baseline": 1.0, "fault": None})
    watched = replace(verdict, phases=phases, borrow=borrow, retries=seen)

    rows = impairment_table.phases_failed(rich.rich()[1], watched).rows
    assert [cells[0].text for cells in rows] == ["baseline", "rest"]
    assert "fault" not in str(signals.retries(watched).rows)
