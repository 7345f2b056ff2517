"""The plan of a game day as a file: what it may say, and how what it may not is told."""

from pathlib import Path

import pytest

from harness.apps.gameday.day_plan import read_plan
from harness.core.errors import UsageError

ROOT = Path(__file__).parent.parent.parent
GOOD = """\
version: 1
title: Before the release
hypothesis: It comes back by itself.
abort_word: halt
roles:
  lead: Lin
options:
  rate: 30
  warm_up: 500ms
steps:
  - name: cut
    scenario: network_partition
    expect: back within 5 s
    at: 0m
    for: 5m
    options: [--fault=2s]
  - name: by hand
    scenario: baseline
    at: 5m
    for: 5m
    hand_pulled: Zhao freezes a replica
    pull: kill -STOP 7
    pull_after: 8s
    restore: kill -CONT 7
    restore_after: 10s
"""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios are looked for where the command is called."""
    monkeypatch.chdir(ROOT)


def written(folder: Path, text: str) -> Path:
    """A plan in a file."""
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_as_it_was_meant(tmp_path: Path) -> None:
    """Durations in seconds, options as words for Locust, the text kept as it was."""
    plan = read_plan(written(tmp_path, GOOD))

    cut, by_hand = plan.steps
    assert plan.options_of(cut) == ["--rate=30", "--warm-up=500ms", "--fault=2s"]
    assert (by_hand.at_s, by_hand.length_s) == (300.0, 300.0)
    assert by_hand.inject == ("kill", "-STOP", "7")
    assert (by_hand.inject_after_s, by_hand.restore_after_s) == (8.0, 10.0)
    assert (plan.abort_word, plan.roles, plan.source) == ("halt", {"lead": "Lin"}, GOOD)


def test_an_option_that_may_be_repeated_may_be_so_in_a_list(tmp_path: Path) -> None:
    """As on the command line; of the others one value counts, and two are a mistake."""
    both = ["--without-fault=a", "--without-fault=b"]
    plan = read_plan(written(tmp_path, GOOD.replace("--fault=2s", ", ".join(both))))

    assert list(plan.steps[0].options) == both


@pytest.mark.parametrize("word", ["on", "off", "'off'", "true", "false"])
def test_a_stop_condition_is_on_or_off_as_in_resilience_yaml(word: str, tmp_path: Path) -> None:
    """Both are truth values to the reader of YAML, and words to a run."""
    more = f"  stop_failed_surge: {word}\n  rate: 30"
    plan = read_plan(written(tmp_path, GOOD.replace("  rate: 30", more)))

    said = "on" if word in ("on", "true") else "off"
    assert plan.options[0] == f"--stop-failed-surge={said}"


def test_host_and_objectives_become_options(tmp_path: Path) -> None:
    """Those of the whole day reach every step."""
    more = "host: http://10.0.0.7\nallow_targets: [10.0.0.7]\nobjectives: resilience.yaml\n"
    plan = read_plan(written(tmp_path, GOOD.replace("roles:", more + "roles:")))

    assert plan.options_of(plan.steps[0])[-3:] == [
        "--host=http://10.0.0.7",
        "--allow-target=10.0.0.7",
        "--objectives=resilience.yaml",
    ]


MISTAKES = [
    ("version: 1", "version: 2", "line 1, column 10: version: 2 must be 1"),
    ("abort_word: halt\n", "", "line 1, column 1: abort_word is missing"),
    ("abort_word: halt", "abort_word: stop it", "line 4, column 13: abort_word: 'stop it' must be"),
    ("abort_word: halt", "abort_word: no", "line 4, column 13: abort_word: false must be one word"),
    (
        "abort_word: halt",
        "abort_word: pause",
        "column 13: abort_word: 'pause' means something",
    ),
    ("abort_word: halt", "abort_word: h", "column 13: abort_word: 'h' must have 2 to 20 letters"),
    ("hypothesis: It", "hypotesis: It", "line 3, column 1: 'hypotesis' is not known here, did"),
    ("title: Before the release", "title: 7", "line 2, column 8: title: 7 must be text"),
    ("  lead: Lin", "  lead:", "line 6, column 8: lead: nothing must be text"),
    (
        "  rate: 30",
        "  speed: 30",
        "line 8, column 3: options: there is no option 'speed' here, did",
    ),
    (
        "  rate: 30",
        "  rat: 30",
        "line 8, column 3: options: there is no option 'rat' here, did",
    ),
    (
        "  rate: 30",
        "  runs_dir: x",
        "line 8, column 3: options: there is no option 'runs-dir' here",
    ),
    ("  rate: 30", "  rate:", "line 8, column 3: options: rate needs one value"),
    ("  rate: 30", "  rate: 30\n  warm-up: 1s", "line 8, column 3: options: given twice, and one"),
    ("--fault=2s", "--seed=7, --rate=3, --seed=8", "given twice, and one value counts: seed; le"),
    ("--fault=2s", "fault", "line 16, column 14: options: an option begins with --"),
    (
        "--fault=2s",
        "--service=naive",
        "line 16, column 14: options: service belongs to the options of",
    ),
    (
        "network_partition",
        "network_partitio",
        "line 12, column 15: no scenario 'network_partitio': did you mean network_partition?",
    ),
    ("network_partition", "nothing_like_it", "'nothing_like_it'; there are: baseline, bureau"),
    (
        "name: by hand",
        "name: cut",
        "line 17, column 11: the name 'cut' is taken by an earlier step",
    ),
    (
        "at: 5m",
        "at: 4m",
        "line 19, column 9: 'by hand' would begin at 240s, but those before it take until 300s",
    ),
    ("at: 5m\n    ", "", "line 19, column 10: for needs at"),
    ("at: 5m", "at: soon", "line 19, column 9: at: 'soon' must be a duration like 250ms"),
    ("for: 5m\n    hand", "for: 0s\n    hand", "line 20, column 10: for: '0s' must be more"),
    (
        "    pull_after: 8s\n",
        "",
        "line 22, column 11: pull, pull_after, restore and restore_aft",
    ),
    ("restore_after: 10s", "restore_after: 8s", "line 25, column 20: restore_after must be later"),
    ("pull: kill -STOP 7", "pull: kill '", 'line 22, column 11: pull: "kill \'" is no command'),
    ("hand_pulled: Zhao freezes a replica\n    ", "", "pull is for steps with hand_pulled"),
    ("  - name: cut", "  - nam: cut", "line 11, column 5: 'nam' is not known here, did you"),
    ("    scenario: baseline\n", "", "line 17, column 5: scenario is missing"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_each_mistake_is_told_with_its_place(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Line, column and what would be valid."""
    assert old in GOOD

    with pytest.raises(UsageError) as error:
        read_plan(written(tmp_path, GOOD.replace(old, new)))

    assert said in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    text = GOOD.replace("halt", "7").replace("network_partition", "x").replace("at: 5m", "at: 1m")

    with pytest.raises(UsageError) as error:
        read_plan(written(tmp_path, text))

    lines = str(error.value).splitlines()
    assert "has 3 mistakes" in lines[0]
    assert [line.split(",")[0] for line in lines[1:]] == ["  line 4", "  line 12", "  line 19"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it is empty"),
        (b"- a\n", "the file must be a section with keys: version, title"),
        (b"version: 1\nsteps: []\n", "steps are missing"),
        (b"version: 1\nsteps: [7]\n", "line 2, column 9: each of steps must be a section with"),
        (b"version: 1\nsteps: {}\n", "steps must be a list: each with a name and a scenario"),
        (b"version: 1\nallow_targets: a\n", "line 2, column 16: allow_targets must be a list"),
        (b"version: 1\nroles:\n", "or give it some of each role, and who holds it"),
        (b"version: 1\noptions: 7\n", "options: it must be a section like `rate: 30`, or a list"),
        (b"null\n", "the file has nothing in it"),
        (b"title: [", "this is no YAML"),
        (b"version: 1\ntitle: \xff\n", "line 2, column 8: it must be text in UTF-8"),
    ],
)
def test_what_is_no_plan_is_refused(body: bytes, said: str, tmp_path: Path) -> None:
    """Whatever it is."""
    path = tmp_path / "plan.yaml"
    path.write_bytes(body)

    with pytest.raises(UsageError) as error:
        read_plan(path)

    assert said in str(error.value)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(UsageError, match=r"nothing\.yaml cannot be read: No such file"):
        read_plan(tmp_path / "nothing.yaml")


def test_elsewhere_nothing_outside_the_file_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored plan can be read where its scenarios are not."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, GOOD)

    assert len(read_plan(path, scenarios=False).steps) == 2
    with pytest.raises(UsageError, match=r"no scenario 'network_partition'; there are: none in"):
        read_plan(path)


def test_the_sample_plan_is_half_an_hour_of_real_scenarios() -> None:
    """At least four steps, one of them pulled by hand, and no time left over."""
    plan = read_plan(ROOT / "examples" / "gameday.yaml")

    last = plan.steps[-1]
    assert last.at_s is not None
    assert last.length_s is not None
    assert last.at_s + last.length_s == 30 * 60
    assert len(plan.steps) >= 4
    assert sum(step.manual_fault is not None for step in plan.steps) == 1
    assert all(step.expect for step in plan.steps)
