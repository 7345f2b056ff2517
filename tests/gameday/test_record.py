"""The record of a game day: what it says of a stored session, and how its page shows it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday import make_record, render_record
from harness.apps.gameday.day_record import Record, RecordSource, to_json
from harness.apps.gameday.session_store import (
    PLAN_FILE,
    Event,
    SessionStore,
    What,
    between,
)
from harness.core.errors import UsageError
from harness.verdict.types import Judgement
from tests.cli.conftest import Ended
from tests.gameday.stored_days import (
    ATTACK,
    PLAN,
    at,
    contents,
    failed_before,
    run_of,
    small_day,
    whole_day,
)
from tests.report.test_html import Page


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole day, as it was left; not to be changed."""
    return whole_day(tmp_path_factory.mktemp("whole") / "day")


@pytest.fixture(scope="module")
def day(folder: Path) -> Record:
    """Its record."""
    return make_record.made(folder, silent)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small day that a test may change."""
    return small_day(tmp_path / "day")


# --- what it says --------------------------------------------------------------------------------


def test_the_worst_step_decides_and_is_named(day: Record) -> None:
    """One failure fails the day; the statement counts what was done, aborted and left to do."""
    assert day.outcome is Judgement.FAIL
    assert day.statement == (
        "3 of 3 steps done; failed: plug; 1 try aborted; 2 open actions."
    )  # fmt: skip
    assert [step.outcome for step in day.steps] == ["pass", "fail", "pass"]
    assert day.remarks == ()


def test_an_aborted_try_stays_in_the_record(day: Record) -> None:
    """With its own run and verdict, and by whom it was ordered; the repeated one decides."""
    first, second = day.steps[0].tries

    assert (first.ended, first.aborts) == ("aborted", ("key",))
    assert first.verdict is not None
    assert first.verdict.verdict is Judgement.INCONCLUSIVE
    assert (second.ended, second.aborts) == ("done", ())
    assert second.verdict is not None
    assert second.verdict.verdict is Judgement.PASS


def test_what_was_said_of_a_manual_fault_stands_beside_what_was_seen(day: Record) -> None:
    """The answers showed the outage 0.4 s before anybody said so, and its end 0.4 s after."""
    injected, restored = day.steps[1].tries[0].plugs

    assert (injected.said_utc, injected.restored) == (at(308.4), False)
    assert injected.seen_utc is not None
    assert abs(between(at(308), injected.seen_utc) or 9) < 0.1
    assert injected.seen_after_s is not None
    assert -0.5 < injected.seen_after_s < -0.3
    assert restored.restored
    assert restored.seen_after_s is not None
    assert 0.3 < restored.seen_after_s < 0.5


def test_the_timeline_mixes_what_was_said_done_and_seen(day: Record) -> None:
    """In the order of the wall clock, each with whose word it is."""
    moments = day.timeline
    second = [m for m in moments if m.step == "cut" and m.at_utc > at(100)]

    assert [m.at_utc for m in moments] == sorted(m.at_utc for m in moments)
    assert {m.source for m in moments} == set(RecordSource)
    assert [m.text for m in second] == [
        "go",
        "step started",
        "outage begins",
        "fault 1-partition injected",
        "note: the queue is long",
        "fault 1-partition healed",
        "outage is over",
        "run ended pass",
        "step ended: done",
    ]


def test_notes_actions_versions_and_roles_are_kept(day: Record) -> None:
    """An action without an owner is kept without one."""
    assert [(n.step, n.text) for n in day.notes] == [
        ("cut", "the queue is long"),
        (None, "all in all: the queue is long"),
    ]
    assert [(a.owner, a.step) for a in day.actions] == [("Zhao Ming", "plug"), ("", None)]
    assert day.versions["postgresql"] == "18.4"
    assert day.roles == {"lead": "Lin Yue", "safety": "Zhao Ming"}
    assert {"plan.yaml", "session.jsonl"} < set(day.files)
    assert {Path(name).name for name in day.files} >= {"verdict.json", "events-load-0.jsonl"}


def test_what_was_said_of_a_run_is_held_against_judging_it_again(small: Path) -> None:
    """The stored run counts, and the contradiction is remarked."""
    session = small / "session.jsonl"
    session.write_text(session.read_text().replace('"verdict": "pass"', '"verdict": "fail"'))
    record = make_record.made(small, silent)

    assert record.outcome is Judgement.PASS
    assert record.remarks == (
        f"runs/{run_of(small).name}: the session was told fail, and the stored run is judged pass",
    )


def test_a_failure_is_not_repeated_until_it_is_green(small: Path) -> None:
    """A try that failed fails its step and the day, though a later one passes."""
    failed_before(small)
    record = make_record.made(small, silent)

    verdicts = [one.verdict.verdict for one in record.steps[0].tries if one.verdict]
    assert verdicts == [Judgement.FAIL, Judgement.PASS]
    assert (record.steps[0].outcome, record.outcome) == (Judgement.FAIL, Judgement.FAIL)


def test_a_step_that_did_not_end_is_no_pass(small: Path) -> None:
    """Though its run passes: somebody may have ended it for a reason."""
    path = small / "session.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"step_ended"' not in line))
    record = make_record.made(small, silent)

    assert record.steps[0].tries[0].verdict is not None
    assert record.steps[0].tries[0].verdict.verdict is Judgement.PASS
    assert (record.steps[0].outcome, record.outcome) == ("inconclusive", "inconclusive")


def test_a_step_that_was_left_out_leaves_the_day_open(small: Path) -> None:
    """Nothing passes without evidence, and the statement names it."""
    plan = small / PLAN_FILE
    plan.write_text(plan.read_text() + "  - {name: more, scenario: baseline}\n")
    waiting = make_record.made(small, silent)
    SessionStore(small).append(Event(What.NO_GO, "", "more", "no time left"))
    left_out = make_record.made(small, silent)

    assert (waiting.outcome, left_out.outcome) == ("inconclusive", "inconclusive")
    assert "not begun: more" in waiting.statement
    assert "left out: more" in left_out.statement
    assert [s.observed for s in (waiting.steps[1], left_out.steps[1])] == [
        "never begun",
        "left out, by decision: no time left",
    ]


def test_a_run_that_was_lost_is_told(small: Path) -> None:
    """Its step is not passed by what the session says of it."""
    shutil.rmtree(run_of(small))
    record = make_record.made(small, silent)

    assert record.outcome is Judgement.INCONCLUSIVE
    assert record.steps[0].observed == "its run cannot be judged: it is not among the stored runs"


def test_a_run_of_which_nobody_tells_is_told(small: Path) -> None:
    """A process that was killed leaves one."""
    shutil.copytree(run_of(small), small / "runs" / "stray")
    record = make_record.made(small, silent)

    assert record.remarks == ("runs/stray is a run of which the session does not tell",)
    assert (record.steps[0].outcome, record.outcome) == ("pass", "inconclusive")


def test_a_cut_line_of_the_session_is_told(small: Path) -> None:
    """And a step that was begun and never ended does not pass."""
    log = SessionStore(small)
    log.append(Event(What.STEP_STARTED, at(60), "cut"))
    with (small / "session.jsonl").open("a") as file:
        file.write('{"event": {"what": "run_')
    record = make_record.made(small, silent)

    assert record.outcome is Judgement.INCONCLUSIVE
    assert record.steps[0].observed == "no run was recorded"
    assert [r.split(" is ")[0] for r in record.remarks] == ["session.jsonl, line 9"]


def test_an_aborted_step_that_is_not_begun_again_is_said_so() -> None:
    """It is not "left out"."""
    (moment,) = make_record.timeline(
        [Event(What.NO_GO, at(0), "cut", "aborted; it is not run again")], []
    )

    assert moment.text == "no-go: aborted; it is not run again"


# --- its files -----------------------------------------------------------------------------------


def test_the_same_session_gives_the_same_files(small: Path, tmp_path: Path) -> None:
    """Twice, and on a copy elsewhere."""
    copy = tmp_path / "some" / "where"
    shutil.copytree(small, copy, symlinks=True)
    render_record.write(small, silent)
    before = contents(small)
    render_record.write(small, silent)
    render_record.write(copy, silent)

    assert {"record.json", "record.html"} <= {Path(name).name for name in before}
    assert contents(small) == before
    for name in ("record.json", "record.html"):
        assert (copy / name).read_bytes() == (small / name).read_bytes()


def test_a_later_note_comes_into_the_record(small: Path) -> None:
    """Written anew, whenever."""
    render_record.write(small, silent)
    SessionStore(small).append(Event(What.ACTION, "", None, "buy a second switch", "Zhao Ming"))
    render_record.write(small, silent)

    assert "buy a second switch" in (small / "record.html").read_text()
    body = json.loads((small / "record.json").read_bytes())
    assert body["actions"][0]["owner"] == "Zhao Ming"


def test_the_data_name_their_schema_and_spell_verdicts_as_runs_do(
    day: Record, folder: Path
) -> None:
    """So that whoever reads verdict.json reads this, too."""
    body = json.loads(to_json(day))
    run = body["steps"][1]["tries"][0]["run"]
    kept = json.loads((folder / "runs" / run["directory"] / "verdict.json").read_bytes())

    assert next(iter(body)) == "schema"
    assert body["schema"] == "lendchaos.record/1"
    assert run["verdict"] == kept


@pytest.mark.parametrize("missing", ["plan.yaml", "session.jsonl"])
def test_no_session_is_said_and_nothing_written(small: Path, missing: str) -> None:
    """Exit 2 for the command."""
    (small / missing).unlink()
    with pytest.raises(UsageError, match=re.escape(missing)):
        render_record.write(small, silent)

    assert not (small / "record.json").exists()


# --- its page ------------------------------------------------------------------------------------


def test_the_page_has_everything_in_order(day: Record) -> None:
    """By its headings."""
    headings = re.findall(r"<h2 id=\"([a-z0-9-]+)\"", render_record.render(day))

    assert headings == [
        *("hypothesis", "steps", "step-1", "step-2", "step-3"),
        *("timeline", "notes", "actions", "runs", "files", "signatures"),
    ]


def test_the_page_says_what_the_record_says(day: Record) -> None:
    """The words and figures that a reader looks for."""
    text = Page(render_record.render(day)).text

    for said in (
        "FAIL Before the release of the ninth",
        day.statement,
        day.hypothesis,
        "15 January 2027, 07:59:00 UTC to 15 January 2027, 08:11:00 UTC",
        "lead Lin Yue",
        "Abort word halt",
        "The harness sees the outage within a second.",
        "Try 1 of 2: INCONCLUSIVE",
        "Try 2 of 2: PASS",
        "(ordered by: key)",
        "Failed borrow requests 107",
        "08:02:08.000",
        "before it was said",
        "Zhao Ming stops both replicas for five seconds.",
        "raise the alarm earlier",
        "no one yet",
        "18.4",
        day.files["session.jsonl"].sha256,
        "Name, date and signature",
    ):
        assert said in text, said


def test_the_page_runs_and_loads_nothing(day: Record) -> None:
    """No script, no handler, no resource; and every id is there once, charts included."""
    seen = Page(render_record.render(day))
    names = {tag for tag, _ in seen.tags}
    ids = [a["id"] for _, a in seen.tags if a.get("id")]

    assert seen.open == []
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for _, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not {"src", "srcset", "xlink:href", "action", "href"} & set(attributes)
    assert len(ids) == len(set(ids))
    assert "run4-wide-title" in ids


def test_doubts_are_on_the_page(small: Path) -> None:
    """A remark is not left to the data."""
    shutil.copytree(run_of(small), small / "runs" / "stray")

    assert "Reasons to doubt this record" in render_record.render(make_record.made(small, silent))


def test_hostile_strings_stay_text(tmp_path: Path) -> None:
    """Of the plan, of people and of the session."""
    plan = PLAN.replace("Lin Yue", "'<script>alert(1)</script>'").replace(
        "Nothing at all.", "'<img src=x onerror=alert(1)>'"
    )
    hostile = whole_day(tmp_path / "day", plan, ATTACK)
    written = render_record.render(make_record.made(hostile, silent))

    assert "<script" not in written.lower()
    assert "<img" not in written.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written
    assert not [c for c in "\x1b\u202e" if c in written]


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_and_names_the_files(
    small: Path, lendchaos: Callable[..., Ended]
) -> None:
    """On standard output."""
    done = lendchaos("gameday", "record", small)

    assert done.exit_code == 0
    assert done.stdout.split() == [str(small / "record.json"), str(small / "record.html")]


def test_the_command_names_what_is_no_session(
    tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Exit 2, nothing made."""
    done = lendchaos("gameday", "record", tmp_path / "nowhere")

    assert done.exit_code == 2
    assert "is no session of a game day" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []
