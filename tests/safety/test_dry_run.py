"""``--dry-run`` for real, with the interpreter itself as witness of everything that is touched."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# Called by the interpreter for every such act of any library, in every process that is started.
WITNESS = """
import os, sys

def witness(event, arguments):
    acts = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "os.fork",
            "os.mkdir", "os.rename", "os.remove", "os.symlink", "os.kill", "subprocess.Popen")
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes or not isinstance(path, (str, bytes)) or path == os.devnull:
            return
    elif event not in acts:
        return
    os.write(FD, f"{event} {arguments}\\n".encode())

FD = os.open(os.environ["WITNESSED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.set_inheritable(FD, True)
sys.addaudithook(witness)
"""
# urllib3 tries at its import whether the kernel has IPv6: a socket that nobody could ever reach.
PROBE = re.compile(r"socket\.bind .*\('::1', 0\)\)$")
Witnessed = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def witnessed(tmp_path: Path) -> Witnessed:
    """Runs Python under witness in an empty folder: exit code, output, what was touched."""
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(WITNESS)
    folder = tmp_path / "empty"
    folder.mkdir()

    def run(*words: str) -> tuple[int, str, list[str]]:
        done = subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path / 'witness'}:{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "WITNESSED": str(tmp_path / "witnessed"),
            },
        )
        assert list(folder.iterdir()) == []
        lines = (tmp_path / "witnessed").read_text().splitlines()
        seen = [line for line in lines if not PROBE.match(line)]
        return done.returncode, done.stdout + done.stderr, seen

    return run


SCENARIO = str(ROOT / "scenarios" / "network_partition.py")


@pytest.mark.parametrize(
    "options",
    [(), ("--processes=2", "--csv=x", "--html=x.html"), ("--host=http://localhost:9",)],
    ids=["with its page", "with workers and files", "on another target"],
)
def test_locust_touches_nothing(options: tuple[str, ...], witnessed: Witnessed) -> None:
    """No socket, process or file; the plan is told and the exit code is 0, or 2 for a mistake."""
    code, output, seen = witnessed("-m", "locust", "-f", SCENARIO, "--dry-run", *options)

    assert seen == []
    if "--host=http://localhost:9" in options:
        assert code == 2
        assert "needs link database, which this target lacks" in output
    else:
        assert code == 0, output
        assert "fault 1-partition: bytes vanish" in output
        assert "nine of ten such runs show an outage of 0.11 s, and a brownout of 10 s" in output


def test_the_plan_is_told_to_programs(witnessed: Witnessed) -> None:
    """With --json: the same as one document, and nothing is touched for it either."""
    code, output, seen = witnessed("-m", "locust", "-f", SCENARIO, "--dry-run", "--json")
    body = json.loads(output[output.index("{\n") : output.rindex("}") + 1])

    assert (code, seen) == (0, [])
    assert (body["schema"], body["scenario"]) == ("lendchaos.preview/1", "network_partition")
    assert "Hypothesis: borrowers get an answer within their deadline" in body["hypothesis"]
    assert body["objectives"]["recovery_seconds_max"] == 5
    assert set(body["objective_sources"].values()) == {"scenario file"}
    assert body["visible"]["outage_s"] == pytest.approx(0.104)
    assert body["load"]["arrivals"] == 50 * (2 + 8 + 5 + 15)
    (fault,) = body["faults"]
    assert (fault["name"], fault["inject_s"], fault["heal_s"]) == ("1-partition", 8, 13)
    assert body["blast_radius"]["touched"] == {"1-partition": ["link database"]}
    assert body["stop"]["double_disbursement"] is True


def test_lendchaos_starts_locust_and_nothing_else(witnessed: Witnessed) -> None:
    """Several scenarios, several runs of each: told once each, and no stack for them."""
    more = str(ROOT / "scenarios" / "server_failure.py")
    words = ("run", SCENARIO, more, "--runs", "2", "--dry-run")
    code, output, seen = witnessed("-m", "harness.apps.cli", *words)

    assert code == 0, output
    assert output.count("nothing was touched") == 2
    assert [line.split()[0] for line in seen] == ["subprocess.Popen"] * 2
    assert all("'harness.apps.locust'" in line for line in seen)


def test_the_witness_sees(witnessed: Witnessed) -> None:
    """What a dry run must not do would be told."""
    _, _, seen = witnessed(
        "-c",
        "import socket, subprocess; socket.socket().bind(('127.0.0.1', 0));"
        "subprocess.run(['true']); open('/tmp/.witness', 'w').close();"
        "import os; os.remove('/tmp/.witness')",
    )

    assert [line.split()[0] for line in seen] == [
        "socket.bind",
        "subprocess.Popen",
        "open",
        "os.remove",
    ]
