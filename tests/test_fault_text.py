"""Faults written on a command line: read strictly, never evaluated, refused with what would do."""

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.plan import fault_specs
from harness.plan.fault_specs import (
    AnyFault,
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
from harness.plan.fault_text import names, parse_fault

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('Partition("database")', Partition("database")),
        ("Partition('edge', 'upstream')", Partition("edge", "upstream")),
        ('Partition(link="edge", during=(0.2, 0.5))', Partition("edge", during=(0.2, 0.5))),
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
def test_is_read_as_in_a_scenario_file(text: str, fault: AnyFault) -> None:
    """Positions, names, defaults; a whole number where a number is wanted."""
    assert parse_fault(text) == fault


def test_every_fault_of_the_api_can_be_written() -> None:
    """None is forgotten: the names are those that `harness.faults` exports."""
    from harness import faults  # noqa: PLC0415  # only here

    assert sorted(names()) == sorted(faults.__all__)
    assert all(hasattr(fault_specs, name) for name in names())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there are: Partition, "),
        ("Explode()", "there are: Partition, "),
        ('Partition("edge"', "is no fault: write one as a call"),
        ("partition('edge')", "there are: Partition, "),
        ('harness.faults.Partition("edge")', "is no fault"),
        ('Partition("edge") or Kill()', "is no fault"),
        ("Partition()", 'link: field required; it is Partition(link: text, direction: "both" |'),
        ("Partition(3)", "link: input should be a valid string"),
        ('Partition("edge", "sideways")', "direction: input should be 'both', 'upstream' or"),
        ('Partition("edge", colour="red")', "no field \"colour='red'\""),
        ('Partition("edge", **{"a": 1})', "no field"),
        ('Partition("edge", link="edge")', "link is given twice"),
        ('Partition("edge", "both", "partition")', "takes at most 2 values"),
        ('Partition(kind="partition", link="edge")', "no field"),
        ('Latency("edge", "slow")', "milliseconds: input should be a valid integer"),
        ('Latency("edge", True)', "milliseconds: input should be a valid integer"),
        ('Latency("edge", 1.5)', "milliseconds: input should be a valid integer"),
        ("Kill(target=None)", "target: input should be a valid string"),
        ("Kill(during=(0.5,))", "during"),
        ('Kill(expects_impact="no")', "expects_impact: input should be a valid boolean"),
        ("Kill(target=b'x')", "b'x' is no plain value (a text, number or pair)"),
        ("Kill({1})", "{1} is no plain value"),
        ("Kill(during=({1}, 2))", "({1}, 2) is no plain value"),
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
    monkeypatch.setattr(Kill, "problems", property(lambda _: ["nobody to kill"]))

    with pytest.raises(UsageError, match="nobody to kill"):
        parse_fault("Kill()")
