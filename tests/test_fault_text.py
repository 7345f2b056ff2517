"""Faults written on a command line: read strictly, never evaluated, refused with what would do."""

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.faults import (
    BlockingMigration,
    CommitLost,
    Flap,
    Freeze,
    Kill,
    Latency,
    PacketDrop,
    Partition,
    Refuse,
    Reset,
    Restart,
    Throttle,
)
from harness.plan.fault import FaultSpec
from harness.plan.fault_text import names, parse_fault

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('Partition("database")', Partition("database")),
        ("Partition('edge', 'upstream')", Partition("edge", "upstream")),
        ('Partition(link="edge", at="1s", lasts=2)', Partition("edge", at="1s", lasts=2)),
        ('Refuse("edge")', Refuse("edge")),
        ('Reset("database")', Reset("database")),
        ('Latency("database", milliseconds=200)', Latency("database", milliseconds=200)),
        ('Latency("edge", 200, jitter=20)', Latency("edge", 200, 20)),
        ('Throttle("edge", kilobytes_per_second=8)', Throttle("edge", 8)),
        ('Flap("database", period=1, duty=0.25)', Flap("database", 1.0, 0.25)),
        ("CommitLost()", CommitLost()),
        ('PacketDrop("database")', PacketDrop("database")),
        ("Kill", Kill()),
        (' Kill("replica-1", expects_impact=False) ', Kill("replica-1", expects_impact=False)),
        ('Freeze("postgres")', Freeze("postgres")),
        ("Restart()", Restart()),
        ('BlockingMigration("risk_flag")', BlockingMigration("risk_flag")),
    ],
)
def test_is_read_as_in_a_scenario_file(text: str, fault: FaultSpec) -> None:
    """Positions, names, defaults; a whole number where a number is wanted."""
    assert parse_fault(text) == fault


def test_every_fault_of_the_api_can_be_written() -> None:
    """None is forgotten: the names are those that `harness.faults` exports."""
    from harness import faults  # noqa: PLC0415  # only here

    assert sorted(names()) == sorted(faults.__all__)
    assert all(getattr(faults, name).__name__ == name for name in names())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there are: BlockingMigration, CommitLost, "),
        ("Explode()", "there are: BlockingMigration, CommitLost, "),
        ('Partition("edge"', "is no fault: write one as a call"),
        ("partition('edge')", "there are: BlockingMigration, CommitLost, "),
        ('harness.faults.Partition("edge")', "is no fault"),
        ('Partition("edge") or Kill()', "is no fault"),
        ("Partition()", 'link is missing; it is Partition(link: text, direction: "both" |'),
        ("Partition(3)", "link 3: input should be a valid string"),
        (
            'Partition("edge", "sideways")',
            "direction 'sideways': input should be 'both', 'upstream' or",
        ),
        ('Partition("edge", colour="red")', "there is no colour=;"),
        ('Partition("edge", **{"a": 1})', "no field"),
        ('Partition("edge", link="edge")', "link is given twice"),
        ('Partition("edge", "both", "partition")', "it takes at most 2 values without a name"),
        ('Partition(kind="partition", link="edge")', "there is no kind=;"),
        ('Latency("edge", "slow")', "milliseconds 'slow': input should be a valid integer"),
        ('Latency("edge", True)', "milliseconds True: input should be a valid integer"),
        ('Latency("edge", 1.5)', "milliseconds 1.5: input should be a valid integer"),
        ("Kill(target=None)", "target None: input should be a valid string"),
        ("Kill(during=(0.5, 1))", "during= is no longer used: say when it begins"),
        ('Kill(expects_impact="no")', "expects_impact 'no': input should be a valid boolean"),
        ("Kill(target=b'x')", "b'x' is no plain value (a text, number or pair)"),
        ("Kill({1})", "{1} is no plain value"),
        ("Kill({[]: 1})", "is no plain value"),
        (r"Kill('\ud800')", r"'\ud800' is no plain value"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_do(text: str, told: str) -> None:
    """One line that names the mistake."""
    with pytest.raises(UsageError) as caught:
        parse_fault(text)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'Kill(open("PLANTED", "w").name)',
        'Kill(target=[open("PLANTED", "w")])',
        '(lambda: open("PLANTED", "w"))()',
        'open("PLANTED", "w")',
        "Kill(*[open('PLANTED', 'w')])",
        "(" * 5000,
    ],
)
def test_nothing_is_ever_evaluated(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code in place of a value is refused and leaves no trace."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError):
        parse_fault(text)

    assert list(tmp_path.iterdir()) == []


def test_values_are_checked_by_the_fault_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a specification calls a problem is one here, too."""
    monkeypatch.setattr(Kill, "problems", property(lambda _: ["no one to kill"]))

    with pytest.raises(UsageError, match="no one to kill"):
        parse_fault("Kill()")
