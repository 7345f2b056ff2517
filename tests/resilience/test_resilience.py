"""``resilience.yaml``: read whole or not at all, with every mistake told at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.core.errors import UsageError
from harness.plan.objectives import KINDS, Objectives, Resilience, SteadyState
from harness.plan.resilience import find, read, schema_text

ROOT = Path(__file__).parent.parent.parent
SCHEMA_PATH = ROOT / "docs" / "resilience.schema.json"
WHOLE = """\
version: 1
defaults: {runs: 3, on_inconclusive: fail}
steady_state: {min_baseline: 1m, max_bad: 0.5%, min_started: 95 %}
objectives:
  recovery_seconds_max: 10s
  failed_share_max: 30%
  failed_outside_fault_share_max: 0.5%
  indeterminate_share_max: 5%
  impaired_episodes_max: 1
  latency_ms_p99_max: 250ms
  latency_recovery_seconds_max: 1.5s
  grey_failure_seconds_max: 500 ms
  lost_service_seconds_max: 0s
  attempts_per_operation_max: 1.5
  affected_borrowers_share_max: 100%
  slow_episodes_max: 0
  decision_shift_share_max: 0.1%
scenarios:
  cut:
    runs: 5
    objectives: {recovery_seconds_max: 2m}
"""
STOP = "version: 1\nstop: {failed_budget: off, failed_surge: on, double_disbursement: true}\n"


def written(folder: Path, text: str | bytes) -> Path:
    """A file with this text."""
    path = folder / "resilience.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    """What is told of a text that cannot be taken."""
    with pytest.raises(UsageError) as caught:
        read(written(folder, text))
    return str(caught.value).split("\n  ")[1:] or [str(caught.value)]


def test_everything_it_can_say(tmp_path: Path) -> None:
    """Units are turned into those of the code, and every limit knows its line."""
    found = read(written(tmp_path, WHOLE))

    assert found.objectives == Objectives(
        recovery_seconds_max=10.0,
        failed_share_max=0.3,
        failed_outside_fault_share_max=0.005,
        indeterminate_share_max=0.05,
        impaired_episodes_max=1,
        latency_ms_p99_max=250.0,
        latency_recovery_seconds_max=1.5,
        grey_failure_seconds_max=0.5,
        lost_service_seconds_max=0.0,
        attempts_per_operation_max=1.5,
        affected_borrowers_share_max=1.0,
        slow_episodes_max=0,
        decision_shift_share_max=0.001,
    )
    assert found.scenarios == {"cut": Objectives(recovery_seconds_max=120.0)}
    assert found.steady_state == SteadyState(
        min_baseline_s=60.0, failed_share_max=0.005, started_share_min=0.95
    )
    assert (found.runs_for("cut"), found.runs_for("kill")) == (5, 3)
    assert found.on_inconclusive == "fail"
    assert found.places["objectives.failed_share_max"] == "resilience.yaml:6"
    assert found.places["scenarios.cut.objectives.recovery_seconds_max"] == "resilience.yaml:21"


def test_the_least_file_asks_for_nothing(tmp_path: Path) -> None:
    """Only the version is needed; the rest is what holds without a file."""
    found = read(written(tmp_path, "version: 1\n"))

    assert found == Resilience(name="resilience.yaml", places={"version": "resilience.yaml:1"})


def test_the_file_at_hand_changes_nothing() -> None:
    """The commented sample is read, and is what holds without it."""
    found = read(ROOT / "resilience.yaml")

    assert (found.objectives, found.scenarios) == (Objectives(), {})
    assert found.steady_state == SteadyState()
    assert (found.runs, found.on_inconclusive) == (1, "inconclusive")


def test_the_limits_of_the_file_at_hand_can_be_taken(tmp_path: Path) -> None:
    """What is commented out there is valid, too, and names every objective."""
    lines = (ROOT / "resilience.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# objectives:")
    live = lines[:start] + [line.removeprefix("# ").rstrip("#") for line in lines[start:]]
    found = read(written(tmp_path, "\n".join(live) + "\n"))

    assert all(getattr(found.objectives, name) is not None for name in KINDS)
    assert found.runs_for("server_failure") == 3


# --- mistakes ------------------------------------------------------------------------------------

ONE_MISTAKE = [
    ("", "line 1, column 1: it is empty"),
    ("# nothing\n", "line 1, column 1: it is empty"),
    ("objectives: {}\n", "version is missing"),
    ("version: 2\n", "line 1, column 10: version: 2 must be 1"),
    ("version: true\n", "version: true must be 1"),
    ("version: '1'\n", "version: '1' must be 1"),
    ("- version: 1\n", "the file must be a section with keys: version"),
    ("version: 1\nobjective: {}\n", "line 2, column 1: 'objective' is not known here, did you"),
    ("version: 1\nfrequency: 3\n", "'frequency' is not known here; valid are: version, defaults"),
    ("version: 1\nobjectives:\n", "objectives has nothing in it: leave it out, or give it some of"),
    ("version: 1\nobjectives: 10s\n", "objectives must be a section with keys: recovery_sec"),
    ("version: 1\nobjectives: {recovery_secs_max: 9s}\n", "did you mean recovery_seconds_max?"),
    ("version: 1\nobjectives: {lost_max: 3}\n", "lost_max is not set here: none is ever allowed"),
    ("version: 1\nobjectives: {duplicated: 0}\n", "duplicated is not set here: none is ever"),
    ("version: 1\nobjectives: {recovery_seconds_max: 86401}\n", "must be from 0s to 24h"),
    ("version: 1\nobjectives: {latency_ms_p99_max: 300}\n", "did you mean 300ms?"),
    ("version: 1\nobjectives: {recovery_seconds_max: 10 sec}\n", "a number alone is sec"),
    ("version: 1\nobjectives: {recovery_seconds_max: -3s}\n", "like 250ms, 10s or 2m"),
    ("version: 1\nobjectives: {recovery_seconds_max: 25h}\n", "must be from 0s to 24h"),
    ("version: 1\nobjectives: {recovery_seconds_max: 5%}\n", "must be a duration"),
    ("version: 1\nobjectives: {recovery_seconds_max: 1e3s}\n", "must be a duration"),
    ("version: 1\nobjectives: {recovery_seconds_max: 10:00}\n", "'10:00' must be a duration"),
    ("version: 1\nobjectives: {recovery_seconds_max: null}\n", "nothing must be a duration"),
    ("version: 1\nobjectives: {failed_share_max: 0.005}\n", "did you mean 0.5% or 0.005%?"),
    ("version: 1\nobjectives: {failed_share_max: 101%}\n", "must be from 0% to 100%"),
    ("version: 1\nobjectives: {failed_share_max: 5s}\n", "like 0.5%"),
    ("version: 1\nobjectives: {impaired_episodes_max: '1'}\n", "must be a whole number from 0"),
    ("version: 1\nobjectives: {impaired_episodes_max: 010}\n", "must be a whole number from 0"),
    ("version: 1\nobjectives: {impaired_episodes_max: yes}\n", "true must be a whole number"),
    ("version: 1\nobjectives: {attempts_per_operation_max: .inf}\n", "must be a number from 1"),
    ("version: 1\nobjectives: {attempts_per_operation_max: 0.5}\n", "0.5 must be a number from 1"),
    ("version: 1\ndefaults: {runs: 0}\n", "runs: 0 must be a whole number from 1"),
    ("version: 1\ndefaults: {on_inconclusive: pass}\n", "must be fail or inconclusive"),
    ("version: 1\nsteady_state: {max_bad: 3%}\n", "must be from 0.01% to 2.5%"),
    ("version: 1\nsteady_state: {min_started: 5%}\n", "must be from 50% to 100%"),
    ("version: 1\nversion: 1\n", "line 2, column 1: version stands here again; it is in line 1"),
    ("version: 1\nscenarios: [cut]\n", "scenarios must be a section with keys: names"),
    ("version: 1\nscenarios: {cut: {run: 3}}\n", "line 2, column 19: 'run' is not known here"),
    ("version: 1\n? [a]\n: 2\n", "line 2, column 3: a key must be one word"),
    ("version: 1\ndefaults: &d {runs: 2}\nscenarios: {a: *d}\n", "references (`*name`) are not"),
    ("version: 1\ndefaults: &d\n  runs: *d\n", "references (`*name`) are not read"),
    ("version: 1\ndefaults: {runs: !!python/object:os.system 1}\n", "must be a whole number"),
    ("version: 1\ndefaults: {runs: !secret 1}\n", "the tag !secret is not read"),
    ("version: 1\n---\nversion: 1\n", "line 2, column 1: this is no YAML"),
    ("version: 1\nobjectives: {\n", "this is no YAML"),
    ("version: 1\n\tobjectives: {}\n", "line 2, column 1: this is no YAML"),
    ("version: 1\na: \x07\n", "line 2, column 4: character"),
    ("[" * 20_000, "it is nested too deeply"),
    (b"version: 1\n\xff\n", "line 2, column 1: it must be text in UTF-8"),
    (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("text", "expected"), ONE_MISTAKE, ids=lambda v: repr(v)[:60])
def test_a_mistake_is_told_with_what_would_be_valid(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    """With its line and column, and with nothing else."""
    told = mistakes(tmp_path, text)

    assert any(expected in line for line in told), told
    assert "Traceback" not in "".join(told)
    assert len(told) <= 2


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the lines, also those that YAML itself does not mind."""
    told = mistakes(
        tmp_path,
        "version: 2\n"
        "objectives:\n"
        "  recovery_seconds_max: ten\n"
        "  slow: 1\n"
        "  recovery_seconds_max: 5s\n"
        "scenarios: {cut: {runs: many}}\n",
    )

    assert [line.partition(":")[0] for line in told] == [
        "line 1, column 10",
        "line 3, column 25",
        "line 4, column 3",
        "line 5, column 3",
        "line 6, column 25",
    ]


def test_a_misspelt_scenario_is_told_where_it_can_be_checked(tmp_path: Path) -> None:
    """A limit under a name that nothing has would never count."""
    text = "version: 1\nscenarios:\n  netwrk: {runs: 2}\n"
    assert read(written(tmp_path, text)).runs_of == {"netwrk": 2}

    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "network.py").touch()
    assert mistakes(tmp_path, text) == [
        "line 3, column 3: there is no scenario 'netwrk', did you mean network?"
    ]
    assert read(written(tmp_path, text), running=["netwrk"]).runs == 1

    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "netwrk.py").touch()
    assert read(written(tmp_path, text)).runs_of == {"netwrk": 2}


@pytest.mark.parametrize("name", ["../../etc/x", "a*b", "", "[ab]"])
def test_odd_names_of_scenarios_search_nothing(tmp_path: Path, name: str) -> None:
    """A name is a name, never a pattern or a way out of the folder."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "a.py").touch()

    (line,) = mistakes(tmp_path, f"version: 1\nscenarios:\n  {name!r}: {{}}\n")
    assert "there is no scenario" in line


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, or no file at all: one line."""
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named one, else that of the folder, else none; a link into nowhere is no "none"."""
    monkeypatch.chdir(tmp_path)
    assert find(None) is None
    assert find("other.yaml") == Path("other.yaml")

    Path("resilience.yaml").symlink_to("nowhere")
    assert find(None) == Path("resilience.yaml")


# --- the published schema ------------------------------------------------------------------------


def test_published_schema_is_current() -> None:
    """The file in docs is what the types say; `schema_text` writes it anew."""
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text()


def validator() -> Any:
    """For JSON Schema of draft 7, as the language server of most editors uses it."""
    schema = json.loads(SCHEMA_PATH.read_bytes())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def as_an_editor_reads(text: str) -> Any:
    """By YAML 1.2, in which ``on`` is a word like any other."""
    return YAML(typ="safe", pure=True).load(text)


SHIPPED = [ROOT / "resilience.yaml", *sorted((ROOT / "examples" / "ci").glob("resilience-*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_is_valid_in_an_editor(path: Path) -> None:
    """By the schema that its first line names, also with every limit that it has as a comment."""
    text = path.read_text(encoding="utf-8")
    begin, _, named = text.partition("\n")[0].partition("$schema=")
    lines = text.splitlines()
    start = lines.index("# objectives:") if "# objectives:" in lines else len(lines)
    live = lines[:start] + [line.removeprefix("# ").rstrip("#") for line in lines[start:]]

    assert begin == "# yaml-language-server: "
    assert (path.parent / named).resolve() == SCHEMA_PATH
    for said in (text, "\n".join(live)):
        found = as_an_editor_reads(said)
        validator().validate(found)
        assert found["stop"] == {"double_disbursement": "on"}  # else this proves nothing


ALL_OF_IT = "version: 1\nobjectives: {failed_share_max: 100.0%}\n"


@pytest.mark.parametrize("text", [WHOLE, "version: 1\n", STOP, ALL_OF_IT])
def test_the_schema_takes_what_is_valid(text: str) -> None:
    """Everything the program takes."""
    validator().validate(as_an_editor_reads(text))


def places(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Of everything in a document."""
    yield path
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, (*path, key))


def put(part: Any, path: tuple[str, ...], value: Any) -> Any:
    """The same document with something else in one place."""
    if not path:
        return value
    return {**part, path[0]: put(part.get(path[0], {}), path[1:], value)}


TAKEN = [
    *(((name,), 1.25) for name, kind in KINDS.items() if kind in ("ratio", "seconds")),
    (("min_baseline",), 1.25),
    (("failed_surge",), True),
    (("double_disbursement",), True),
]
"""What may stand there, too."""
WHOLE_STOP = as_an_editor_reads(WHOLE + "stop: " + STOP.partition("stop: ")[2])


@pytest.mark.parametrize("path", list(places(WHOLE_STOP)), ids=".".join)
def test_the_schema_refuses_whatever_is_changed(path: tuple[str, ...]) -> None:
    """Another kind of value in any place, a word that is not known in any section."""
    whole = WHOLE_STOP
    validator().validate(whole)

    for odd in (None, [], "", "ten", -1, 1.25, 10**18, "5 years", True, {"odd": 1}):
        if (path[-1:], odd) in TAKEN:
            continue
        assert not validator().is_valid(put(whole, path, odd)), odd


BEYOND_A_SCHEMA = (
    *("stands here again", "references", "!!python", "this is no YAML", "character"),
    *("nested", "UTF-8", "larger", "a key must", "it is empty", "!secret", "10:00", "24h"),
    *("2.5%", "from 50%", "must be a whole number from 0"),
)


@pytest.mark.parametrize(
    "text",
    [
        text
        for text, expected in ONE_MISTAKE
        if isinstance(text, str) and not any(w in expected or w in text for w in BEYOND_A_SCHEMA)
    ],
    ids=lambda v: repr(v)[:60],
)
def test_the_schema_refuses_what_is_not(text: str) -> None:
    """All that a schema can tell: words, units, ranges of counts."""
    assert not validator().is_valid(as_an_editor_reads(text))


def test_the_schema_names_every_objective() -> None:
    """With a sentence that an editor can show."""
    limits = json.loads(schema_text())["definitions"]["Objectives"]["properties"]

    assert list(limits) == list(KINDS)
    assert all(part["description"] for part in limits.values())


@pytest.mark.parametrize(
    "line",
    [
        *(f"latency_ms_p99_max: {n}" for n in ("300", "1e9", "-0.1")),
        *(f"failed_share_max: {n}" for n in ("0.005", "2", "50", "-1", "1e-7", ".inf")),
    ],
)
def test_what_is_proposed_is_taken(line: str, tmp_path: Path) -> None:
    """A number without its unit may have been meant in more than one way, or in none."""
    file = tmp_path / "resilience.yaml"
    file.write_text(f"version: 1\nobjectives: {{{line}}}\n")
    with pytest.raises(UsageError) as caught:
        read(file)

    _, _, proposed = str(caught.value).partition("did you mean ")
    for text in filter(None, proposed.rstrip("?").split(" or ")):
        file.write_text(f"version: 1\nobjectives: {{{line.partition(':')[0]}: {text}}}\n")
        read(file)
