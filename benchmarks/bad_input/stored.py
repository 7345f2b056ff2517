"""Stored runs, sessions, past verdicts and state folders, damaged or from somebody else."""

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bad_input import values
from benchmarks.bad_input.case import JUDGED, NOT_DONE, PERHAPS, Case, prepared, written
from benchmarks.bad_input.damage import WHOLE, damage, damaged
from benchmarks.bad_input.inventory import Parameter
from benchmarks.bad_input.sandbox import HISTORY, RUN, SERIES, SESSION

_FILES = (
    *("plan.json", "status.json", "arrivals.jsonl", "events-*.jsonl", "accounts.json"),
    *("faults.jsonl", "health.jsonl", "ledger.jsonl", "verdict.json"),
)
"""What a run directory holds; of each, every damage is met before any comes twice."""
_OF_A_RUN: tuple[tuple[str, ...], ...] = (
    ("judge", RUN),
    ("judge", RUN, "--json"),
    ("report", RUN),
    ("judge", RUN, "--objectives", "limits.yaml"),
)
_OF_A_SESSION: tuple[tuple[str, ...], ...] = (
    *(("status", SESSION), ("record", SESSION), ("verify", SESSION)),
    *(
        ("note", SESSION, "x"),
        ("action", SESSION, "x", "--owner", "L"),
        ("status", SESSION, "--json"),
    ),
)
_DIFFERS = frozenset({0, 1, 2, 3})
"""`gameday verify`: 1 says that something is not as it was recorded."""
_LIMITS = "version: 1\nobjectives: {failed_share_max: 50%}\n"


def runs(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Each file of a run with each damage; sealed as it was, or without seals."""
    del known
    name = _FILES[turn % len(_FILES)]
    how = WHOLE[turn // len(_FILES) % len(WHOLE)]
    unsealed, seed = chance.random() < 0.6, chance.getrandbits(31)

    def prepare(folder: Path) -> None:
        if unsealed:
            _unseal(folder / RUN)
        own = random.Random(seed)
        how(min((folder / RUN).glob(name)), own)
        if own.random() < 0.15:
            damage(own.choice(sorted((folder / RUN).iterdir())), own)

    words = chance.choice(_OF_A_RUN)
    if name == "verdict.json":
        words = chance.choice((("report", RUN), ("compare", RUN), ("compare", RUN, "--json")))
    writes = () if words[0] == "compare" or "--json" in words else (f"{RUN}/*",)
    return Case(
        kind="runs",
        words=words,
        ends=JUDGED,
        prepare=prepared(written("limits.yaml", _LIMITS), prepare),
        may_write=writes,
        note=f"{name} {how.__name__.strip('_')}{', unsealed' if unsealed else ''}",
    )


def _unseal(run: Path) -> None:
    body = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**body, "seals": {}}))


def sessions(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A session with a damaged plan, log, record or run."""
    del known
    words = ("gameday", *_OF_A_SESSION[turn % len(_OF_A_SESSION)])
    name = chance.choice(("session.jsonl", "session.jsonl", "plan.yaml", "record.json", "runs/*/*"))
    times = chance.randint(1, 3)
    return Case(
        kind="sessions",
        words=words,
        ends=_DIFFERS if "verify" in words else JUDGED - {1, 4},
        prepare=damaged(f"{SESSION}/{name}", chance.getrandbits(31), times),
        may_write=() if "status" in words or "verify" in words else (f"{SESSION}/*",),
        note=f"{name}, {times} damages",
    )


def histories(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A series or a folder of past verdicts that is damaged, or none at all."""
    del known
    words = (
        ("compare", "main", "--history", HISTORY),
        ("compare", RUN, "--baseline", "main", "--history", HISTORY),
        ("compare", RUN, "--history", HISTORY, "--save", "main"),
        ("compare", "--history", HISTORY, "--trend", "trend.html"),
        ("compare", RUN, "--baseline", "main", "--history", HISTORY, "--fail-on-regression"),
        ("compare", SERIES, "--baseline", RUN),
    )[turn % 6]
    past = ("history.json", "main/*/*.json", "main/*/*.json", "main/*", "main")
    name = f"{SERIES}/series.json" if SERIES in words else f"{HISTORY}/{chance.choice(past)}"
    return Case(
        kind="histories",
        words=words,
        ends=JUDGED - {4},
        prepare=damaged(name, chance.getrandbits(31), chance.randint(1, 2)),
        may_write=(f"{HISTORY}/*", "trend.html"),
        note=name,
    )


# --- state folders -------------------------------------------------------------------------------


def states(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A state folder that is damaged, or somebody else's, with files of theirs named in it."""
    del known
    command = ("status", "down", "heal", "doctor", "up", "run")[turn % 6]
    how = turn // 6 % 5
    place = chance.choice((".lendchaos", "sd"))
    words = (command,) if command != "run" else ("run", "network_partition")
    if place != ".lendchaos":
        words = (*words, "--state-dir", place)
    seed, note = (
        chance.getrandbits(31),
        ("foreign", "damaged", "journal", "attached", "no folder")[how],
    )

    def prepare(folder: Path) -> None:
        own, state = random.Random(seed), folder / place
        if note == "no folder":
            _no_folder(state, own)
            return
        if note == "attached":
            state.mkdir()
            state /= "attached"
        _foreign(state, own)
        if note == "damaged":
            damage(state / "stack.json", own)
        elif note == "journal":
            (state / "journal.jsonl").write_text(own.choice(_JOURNALS))
            if own.random() < 0.5:
                (state / "stack.json").unlink()

    return Case(
        kind="states",
        words=words,
        ends=NOT_DONE if command in ("up", "run") else PERHAPS,
        prepare=prepare,
        may_write=(f"{place}/*", "runs/*", "~/.local*")
        if command not in ("status", "doctor")
        else (),
        note=note,
    )


_JOURNALS = (
    *("junk\n", "\0\n", '{"stack":"x","event":"intent"}\n', "[" * 50_000 + "\n", "null\n", "5\n"),
    '{"stack": "abc", "event": "intent", "run": "r", "fault": "f", "at_ns": 1e400}\n',
)


def _no_folder(state: Path, chance: random.Random) -> None:
    how = chance.randrange(5)
    if how == 0:
        state.write_text("x")
    elif how == 1:
        state.symlink_to(state.name)
    elif how == 2:
        os.mkfifo(state)
    elif how == 3:
        state.symlink_to("nowhere/at/all")
    else:
        state.symlink_to("/dev/null")


def _foreign(state: Path, chance: random.Random) -> None:
    """As somebody else would write it, who wants files deleted and processes ended."""
    home = next(up for up in state.parents if (up / "home").is_dir()) / "home" / "precious"
    state.mkdir()
    nobody = {"pid": 2**22 - 1, "started_ticks": 1}
    bystander = json.loads((home / "process.json").read_text())
    link = {"name": "edge", "listen": "127.0.0.1:9", "upstream": "127.0.0.1:9"}
    body = {
        "kind": chance.choice(("local", "attached")),
        "stack_id": chance.choice(("0123456789abcdef", "../x", values.ESCAPE)),
        "state_dir": str(state),
        "log_dir": str(home),
        "socket_path": str(home / "letter.txt"),
        "links": {"edge": link, "database": {**link, "name": "database"}},
        "toxiproxy_api": chance.choice(("http://127.0.0.1:9", "file:///etc/passwd", "nonsense")),
        "service_url": "http://127.0.0.1:9",
        "edge_url": "http://127.0.0.1:9",
        "admin_token": "x",
        "data_dir": str(home),
        "database_url": "postgresql://127.0.0.1:9/x",
        "service_logs": {"replica-1": str(home / "letter.txt")},
        "supervisor": chance.choice((None, nobody, bystander)),
        "processes": {"postgres": bystander, "toxiproxy": nobody},
        "ready": True,
        "schema_version": 1,
    }
    (state / "stack.json").write_text(json.dumps(body))
