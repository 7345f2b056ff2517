"""The trend page: every number of the history, in charts and in words, and nothing else."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from harness.report.archive import Stored
from harness.report.compare.compared_figures import FIGURES, Figure, ShownRun, Value
from harness.report.compare.comparison import run_of
from harness.report.trend_chart import RUNS_MAX, Trend, _ticks, draw, legend
from harness.report.trend_page import TABLE_ROWS, page
from harness.report.words import seconds
from harness.verdict.catalogue import MONEY
from harness.verdict.types import Judgement, Severity
from tests.report.sample import ATTACK
from tests.verdicts import stored_of, verdict_of, with_finding

FAILED, AFTER = FIGURES[0], replace(FIGURES[1], write=seconds)


def run(name: str, label: str, figure: str, value: Value | None, day: int = 1) -> ShownRun:
    """A run that passed."""
    at = f"2026-11-{day:02}T08:00:00Z"
    return ShownRun(name, at, 1, Judgement.PASS, label, "", {figure: value}, {}, ledger_read=True)


def trend_of(
    *values: Value | None, label: str = "main", figure: Figure = AFTER, **changes: Any
) -> Trend:
    """One run for each value, a day apart."""
    runs = (
        replace(run(f"run{n}", label, figure.name, value, n + 1), **changes)
        for n, value in enumerate(values)
    )
    return Trend("cut", tuple(runs))


def kept(count: int, label: str = "main", **changes: Any) -> list[Stored]:
    """So many runs under a label."""
    return [stored_of(n, label=label, day=1 + n % 28, **changes) for n in range(count)]


def test_every_number_is_in_words() -> None:
    """Verdict, values and intervals of each run, beside the charts."""
    html = page([stored_of(1, label="main", share=0.2, recovery_s=0.3, wait_ms=21.0)])

    assert html.count("<svg") == 6
    for told in ("20.0 %", "18.0 % to 22.0 %", "0.30 s", "0.25 s to 0.40 s", "21 ms", "PASS"):
        assert f">{told}<" in html
    assert "1 November 2026, 08:01:00 UTC" in html
    assert "run0001" in html
    assert "1 run of 1 scenario, kept under main: 0 failed, 0 inconclusive." in html


def test_scenarios_have_sections_of_their_own() -> None:
    """Also where run ids are the same, with a way to each."""
    html = page(kept(3, scenario="cut") + kept(2, scenario="kill"))

    assert re.findall(r'<h2 id="scenario-\d">(\w+)</h2>', html) == ["cut", "kill"]
    assert '<a href="#scenario-2">kill</a>' in html
    assert html.count("<svg") == 12


def test_a_run_about_to_be_kept_is_shown_once() -> None:
    """It may be there already."""
    html = page(kept(3), [stored_of(2), stored_of(9)], "main")

    assert "4 runs of 1 scenario" in html


def test_many_runs_are_cut_to_the_newest() -> None:
    """In the charts and in the table, and the page says so."""
    many = [stored_of(n, label="main", zero_utc=f"2026-11-01T08:{n:02}:00Z", run_id=f"r{n:03}")
            for n in range(RUNS_MAX)]  # fmt: skip
    more = [stored_of(99, label="main", zero_utc="2026-10-01T08:00:00Z", run_id="oldest")]
    html = page(many + more)

    assert f"The newest {RUNS_MAX} of {RUNS_MAX + 1} runs" in html
    assert "oldest" not in html
    assert f"{RUNS_MAX - TABLE_ROWS} older runs" in html


def test_an_empty_history_is_said_so() -> None:
    """It is no error."""
    assert "No run has been kept yet." in page([])


def test_foreign_text_does_nothing() -> None:
    """Scenario, label and run id are escaped, wherever they stand."""
    invalid = stored_of(1, label=ATTACK, scenario=ATTACK, run_id=ATTACK)
    html = page([invalid, *kept(2)])

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_money_stands_out() -> None:
    """Of one run among many, and an unread ledger is no clean one."""
    verdict = verdict_of(1)
    lost = replace(verdict, reconciliation=replace(verdict.reconciliation, lost=2))
    unread = replace(verdict.reconciliation, ledger_read=False, lost=None)

    assert ">2 lost<" in page([Stored(lost, None, "main")])
    assert ">in 1 run<" in page([Stored(lost, None, "main"), *kept(1)])
    assert ">ledger not read in full<" in page(
        [Stored(replace(verdict, reconciliation=unread), None, "main")]
    )


@pytest.mark.parametrize("code", MONEY)
def test_money_is_wrong_by_its_findings_too(code: str) -> None:
    """Also where no class of the ledger counts it: as in the tile of its report."""
    wrong = with_finding(verdict_of(1), code)

    assert f">1 {code}<" in page([Stored(wrong, None, "main")])
    assert run_of(Stored(wrong)).wrong == f"1 {code}"
    assert run_of(Stored(with_finding(verdict_of(1), code, Severity.NOTE))).money == {}


def test_a_listing_that_is_not_complete_shows_no_money_in_order() -> None:
    """What is missing in it may be wrong."""
    partly = with_finding(verdict_of(1), "ledger_incomplete", Severity.INCONCLUSIVE)

    assert ">ledger not read in full<" in page([Stored(partly, None, "main")])


def test_a_run_without_evidence_is_marked() -> None:
    """Its reason is in the table, and its mark is a cross that no line joins."""
    invalid = with_finding(verdict_of(1), "interrupted", Severity.INCONCLUSIVE)

    assert ">it was interrupted<" in page([Stored(invalid, None, "main")])
    values = (Value(1.0), Value(2.0), Value(1.5))
    whole, crossed = trend_of(*values), trend_of(*values, left_out="it was interrupted")
    assert drawn_lines(whole, AFTER) == 2
    assert drawn_lines(crossed, AFTER) == 6  # three crosses, of two strokes each


def drawn_lines(trend: Trend, figure: Figure) -> int:
    """Lines that are not of the grid."""
    return str(draw(trend, figure, ["main"], "x")).count('class=""')


def test_a_value_stands_where_it_belongs() -> None:
    """The larger, the higher; its interval around it; the later, the further right."""
    trend = trend_of(Value(1.0, 0.5, 2.0), Value(3.0, 2.5, 3.5))
    svg = str(draw(trend, AFTER, ["main"], "x"))
    marks = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in marks)
    bars = re.findall(r'y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)"', svg.replace("x1", "\nx1"))
    around = [(float(a), float(b)) for a, b in bars if float(a) > y1 > float(b)]

    assert x1 < x2
    assert y1 > y2
    assert around


def test_a_recovery_without_an_end_is_an_arrow_and_presses_no_scale() -> None:
    """It leaves the chart at the top; the others keep their own scale."""
    trend = trend_of(Value(0.3, 0.2, 0.4), Value(None, 15.0))
    svg = str(draw(trend, AFTER, ["main"], "x"))

    assert "<path" in svg
    assert "15" not in re.sub(r'[\w-]+="[^"]*"', "", svg)
    assert "1 run did not recover." in svg


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.0, 0.28), [0.0, 0.1, 0.2, 0.3]),
        ((0.0, 0.0), [0.0, 0.25]),
        ((-0.4, 1.4), [-0.5, 0.0, 0.5, 1.0, 1.5]),
        ((0.0, 6012.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0]),
        ((0.0, 1e-6), None),
        ((0.0, 1e12), None),
    ],
)
def test_the_scale_is_round_and_holds_all(
    ends: tuple[float, float], ticks: list[float] | None
) -> None:
    """From nought, or below it where a recovery came before the heal was confirmed."""
    found = _ticks([Value(end) for end in ends])

    assert found[0] <= min(ends)
    assert found[-1] >= max(ends)
    assert 2 <= len(found) <= 7
    if ticks is not None:
        assert found == pytest.approx(ticks)


def test_one_run_alone_is_drawn() -> None:
    """And one that was not measured is not, nor joined to the others."""
    alone = str(draw(trend_of(Value(0.0)), AFTER, ["main"], "x"))
    gap = trend_of(Value(1.0), None, Value(1.0))

    assert alone.count("<circle") == 1
    assert drawn_lines(gap, AFTER) == 0


def test_verdicts_have_shapes_and_labels_have_colours() -> None:
    """Nobody needs to see colours to tell pass from fail."""
    runs = tuple(replace(run(f"r{v}", v, FAILED.name, Value(0.1)), verdict=v) for v in Judgement)
    trend = Trend("cut", runs)
    svg = str(draw(trend, FAILED, ["pass", "fail", "inconclusive"], "x"))

    assert svg.count("<circle") == 2  # pass, and the ring of inconclusive
    assert len(re.findall(r'<rect [^>]*width="8"', svg)) == 1
    colours = {"#0072B2", "#D55E00", "#009E73"}
    assert colours <= set(re.findall("#[0-9A-Za-z]{6}", svg))


def test_lines_of_labels_are_told_apart_without_colours() -> None:
    """By their dashes, which the legend shows, too."""
    labels = [f"pr-{n}" for n in range(9)]
    runs = tuple(
        run(f"{name}{n}", name, FAILED.name, Value(0.1)) for n in (1, 2) for name in labels
    )
    trend = Trend("cut", runs)
    found = [
        re.findall(r'stroke="(#\w+)"[^>]* stroke-dasharray="([^"]+)"', str(svg))
        for svg in (draw(trend, FAILED, labels, "x"), legend(trend, labels, "y"))
    ]

    assert set(found[0]) == set(found[1])
    assert len({dashes for _, dashes in found[0]}) == len({paint for paint, _ in found[0]}) == 6


def test_more_labels_than_colours_share_the_last() -> None:
    """And the legend says how many."""
    labels = [f"pr-{n}" for n in range(9)]
    runs = tuple(run(name, name, FAILED.name, Value(0.1)) for name in labels)
    drawn = str(legend(Trend("cut", runs), labels, "x"))

    assert "4 other labels" in drawn
    assert "kept under pr-0, pr-1, pr-2, pr-3, pr-4 and 4 other labels" in page(
        [stored_of(n, label=name) for n, name in enumerate(labels)]
    )


def test_a_label_has_one_colour_on_the_whole_page() -> None:
    """Whichever of them a scenario saw first."""
    html = page(
        [
            stored_of(1, label="main", scenario="cut"),
            *(stored_of(n, label="nightly", scenario="cut") for n in (2, 3)),
            stored_of(4, label="nightly", scenario="kill"),
            stored_of(5, label="main", scenario="kill"),
        ]
    )
    shown = re.findall(
        r'<circle cx="[\d.]+" cy="[\d.]+" r="3.6" fill="(#\w+)"></circle><text [^>]*>(\w+)<', html
    )

    assert len(shown) == 4
    assert set(shown) == {("#0072B2", "nightly"), ("#D55E00", "main")}


@pytest.mark.parametrize("count", [2, 7, 13, 26, 28])
def test_dates_do_not_run_into_each_other(count: int) -> None:
    """Nor out of the chart, however many days there are."""
    svg = str(draw(trend_of(*[Value(1.0)] * count), AFTER, ["main"], "x"))
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)"[^>]*>2026-', svg)]

    assert len(places) >= 2
    assert all(after - before >= 61 for before, after in pairwise(places))
    assert places[-1] + 61 <= 360


def test_only_its_own_style_is_let_in() -> None:
    """The policy names the hash of the style sheet that stands in the page."""
    html = page(kept(2))

    assert "default-src 'none'; style-src 'sha256-" in html
    assert html.count("<style>") == 1
    assert " style=" not in html
