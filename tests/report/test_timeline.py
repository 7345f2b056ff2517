"""The chart: well-formed, self-contained, described in words."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from harness.report import timeline_chart
from harness.report.faultbar import foot
from harness.report.marks import NARROW, WIDE, Axis, Layout
from harness.verdict.types import Episode
from tests.builders import rows
from tests.report import sample

RUNS = [sample.passed, sample.failed, sample.inconclusive, sample.hostile]


def parsed(run: sample.Run, layout: Layout = WIDE) -> ET.Element:
    """The chart as a tree; fails where it is not well-formed."""
    return ET.fromstring(timeline_chart.svg(*run, layout))  # noqa: S314  # made by ourselves


def texts(svg: ET.Element) -> list[str]:
    """Every text that is drawn."""
    return ["".join(element.itertext()) for element in svg.iter("text")]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
@pytest.mark.parametrize("layout", [WIDE, NARROW], ids=lambda layout: layout.name)
def test_it_is_well_formed_and_described(run: sample.Maker, layout: Layout) -> None:
    """XML that parses, with a title and a description that the image role refers to."""
    svg = parsed(run(), layout)

    named = {e.get("id"): e for e in svg.iter() if e.get("id")}
    labels = (svg.get("aria-labelledby") or "").split()
    assert svg.get("role") == "img"
    assert len(labels) == 2
    assert all((named[name].text or "").strip() for name in labels)


def test_it_draws_without_any_style() -> None:
    """Presentation attributes only: a strict content security policy drops every style."""
    svg = parsed(sample.failed())

    assert [e.tag for e in svg.iter() if e.get("style") or e.tag == "style"] == []
    filled = [e for e in svg.iter() if e.tag in ("rect", "path", "text")]
    assert all(e.get("fill") or e.get("stroke") for e in filled)


def test_both_sizes_have_ids_of_their_own() -> None:
    """They stand on one page, where an id must be unique."""
    ids = [e.get("id") for size in (WIDE, NARROW) for e in parsed(sample.failed(), size).iter()]
    given = [i for i in ids if i]

    assert len(given) == len(set(given)) == 14


def test_phases_faults_and_episodes_are_named() -> None:
    """The words a reader needs stand in the chart itself."""
    shown = texts(parsed(sample.failed()))

    for name in ("warm-up", "baseline", "fault", "recovery", "request timeout 2 s"):
        assert name in shown
    assert "1-partition: injected 8.0 s, healed 13.0 s" in shown
    assert "outage from 8.0 s to 13.0 s" in shown
    assert "degraded from 13.0 s to 14.9 s" in shown


def test_the_description_has_the_totals() -> None:
    """Who cannot see the chart is told its numbers."""
    plan, facts, verdict = sample.failed()
    failed = sum(o.outcome.value == "failed" for o in rows(facts.operations))

    said = parsed((plan, facts, verdict)).findtext("desc") or ""

    assert f"{failed} failed" in said
    assert "Fault 1-partition: injected 8.0 s, healed 13.0 s." in said


def test_a_fault_that_was_not_healed_is_shaded_to_the_end() -> None:
    """And says so."""
    plan, facts, verdict = sample.failed()
    verdict = replace(verdict, faults=[replace(verdict.faults[0], healed_s=None)])

    svg = parsed((plan, facts, verdict))

    shades = [e for e in svg.iter("rect") if e.get("fill-opacity") == "0.22"]
    (shade,) = shades
    right = float(shade.get("x", "0")) + float(shade.get("width", "0"))
    assert right == pytest.approx(WIDE.width - WIDE.right, abs=0.2)
    assert any("not healed" in text for text in texts(svg))


def test_a_fault_that_was_never_injected_has_no_bar() -> None:
    """Nothing is shaded for it; the table of faults says that it never was."""
    plan, facts, verdict = sample.failed()
    verdict = replace(verdict, faults=[replace(verdict.faults[0], injected_s=None)])

    svg = parsed((plan, facts, verdict))

    assert [e for e in svg.iter("rect") if e.get("fill-opacity") == "0.22"] == []


def test_slow_stretches_have_a_row_of_their_own() -> None:
    """A slow stretch around an outage must not hide it."""
    plan, facts, verdict = sample.failed()
    slow = Episode("slow", 7.0, 6.8, 7.1, 16.0, 15.5, 16.5, True, 0)  # noqa: FBT003  # confirmed
    verdict = replace(verdict, episodes=[*verdict.episodes, slow])

    shown = texts(parsed((plan, facts, verdict)))

    assert shown.count("impaired") == shown.count("slow") == 1


def test_an_episode_that_outlasts_the_run_says_so() -> None:
    """No end is made up for it."""
    plan, facts, verdict = sample.failed()
    endless = replace(
        verdict.episodes[0], recovered_s=None, recovered_s_low=None, recovered_s_high=None
    )

    shown = texts(parsed((plan, facts, replace(verdict, episodes=[endless]))))

    assert "outage from 8.0 s to the end" in shown


def bars(svg: ET.Element, colour: str) -> list[tuple[float, float]]:
    """Where the bars of this colour that may not be all there begin and end."""
    found = [e for e in svg.iter("rect") if e.get("fill") == colour and e.get("fill-opacity")]
    return [(float(e.get("x", 0)), float(e.get("x", 0)) + float(e.get("width", 0))) for e in found]


@pytest.mark.parametrize("layout", [WIDE, NARROW], ids=lambda layout: layout.name)
def test_an_interval_is_a_band_as_wide_as_itself(layout: Layout) -> None:
    """From the earliest begin to the latest end; an open end reaches the edge of the chart."""
    plan, facts, verdict = sample.failed()
    begin_s, end_s = -2.0, 28.0
    known = replace(verdict.episodes[0], onset_s_low=7.0, onset_s_high=9.0, recovered_s_high=16.0)
    opened = replace(known, onset_s_low=None, recovered_s=None, recovered_s_high=None)

    def drawn(episode: Episode) -> tuple[float, float]:
        svg = parsed((plan, facts, replace(verdict, episodes=[episode])), layout)
        (band,) = bars(svg, "#D55E00")
        return band

    left, right = layout.left, layout.width - layout.right
    a_second = (right - left) / (end_s - begin_s)
    place = [left + (at_s - begin_s) * a_second for at_s in (7.0, 16.0)]
    assert drawn(known) == pytest.approx(place, abs=3)
    assert drawn(opened) == pytest.approx((left, right), abs=0.1)


def test_what_lasts_to_the_end_is_told_where_there_is_room() -> None:
    """To its right there is none, so it stands with the first to the left of that."""
    plan, facts, verdict = sample.failed()
    outage, degraded = verdict.episodes
    endless = replace(degraded, recovered_s=None, recovered_s_high=None)

    shown = texts(parsed((plan, facts, replace(verdict, episodes=[outage, endless]))))

    assert "outage from 8.0 s, degraded to the end" in shown


def test_many_faults_are_cut_to_a_few_rows() -> None:
    """The chart stays on the first screen; the rest is counted and left to the table."""
    plan, facts, verdict = sample.failed()
    verdict = replace(verdict, faults=verdict.faults * 9)

    assert "and 3 more, in the table of faults" in texts(parsed((plan, facts, verdict)))


def test_a_load_that_never_began_is_said_in_words() -> None:
    """No empty axes."""
    drawn = timeline_chart.svg(*sample.never_began())

    assert "never began" in drawn
    assert "<svg" not in drawn


def test_two_stretches_that_are_far_apart_are_not_told_as_one() -> None:
    """Late in the run there is no room to the right of the last one: it is named to its left."""
    plan, known, verdict = sample.failed()
    first, second = verdict.episodes
    late = replace(
        second,
        onset_s=24.5, onset_s_low=24.4, onset_s_high=24.6,
        recovered_s=26.5, recovered_s_low=26.4, recovered_s_high=26.6,
    )  # fmt: skip
    shown = str(timeline_chart.svg(plan, known, replace(verdict, episodes=[first, late])))

    assert "outage from 8.0 s to 13.0 s" in shown
    assert "degraded from 24.5 s to 26.5 s</text>" in shown
    assert "outage from 8.0 s, degraded" not in shown


@pytest.mark.parametrize("end_s", [0.2, 0.6, 1.0, 1.4, 3.0])
def test_the_names_of_the_phases_do_not_run_into_each_other(end_s: float) -> None:
    """The widest of common letters takes 0.65 of its size, a bold one 0.72."""
    plan, _, verdict = sample.passed()
    warm_up = replace(verdict.phases[0], name="warm-up", start_s=0.0, end_s=end_s)
    axis = Axis(WIDE, 0.0, 41.0)
    drawn = foot(plan, replace(verdict, phases=[warm_up]), axis, 0.0)[0]
    found = {t.text: t for t in ET.fromstring(f"<svg>{drawn}</svg>").iter("text")}  # noqa: S314  # ours
    ends = 0.72 * WIDE.font * len("phase")
    name = found.get("warm-up")

    assert name is not None or end_s < 1.5
    if name is not None:
        width = 0.65 * WIDE.font * len("warm-up")
        part = {"end": 1.0, "middle": 0.5}[name.get("text-anchor", "")]
        assert float(name.get("x", "")) - part * width > ends
