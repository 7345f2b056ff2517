"""Closed, full and narrow standard streams: what is run is run, and ends with its own code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLI = f"exec {sys.executable} -m harness.apps.cli"


def shell(line: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A line of a shell, in the folder of the code."""
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
        env={**os.environ, **more},
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_changes_no_exit_code(closed: str) -> None:
    """Neither that of a success nor that of a mistake."""
    good, bad = shell(f"{CLI} explain not_recovered {closed}"), shell(f"{CLI} explain xx {closed}")

    assert "Traceback" not in good.stderr + bad.stderr
    assert (good.returncode, bad.returncode) == (
        shell(f"{CLI} explain not_recovered").returncode,
        2,
    )


@pytest.mark.parametrize("package", ["harness.apps.cli", "harness.apps.locust"])
def test_no_file_takes_the_place_of_a_closed_stream(package: str) -> None:
    """Here or in a program that is started from here."""
    code = (
        f"import {package}, os, subprocess;"
        " print(os.readlink('/proc/self/fd/2'), open('/etc/passwd').fileno() > 2, flush=True);"
        " subprocess.run(['readlink', '/proc/self/fd/2'])"
    )

    done = shell(f'exec {sys.executable} -c "{code}" 2>&-')

    assert done.stdout.split() == ["/dev/null", "True", "/dev/null"]


def test_what_the_encoding_lacks_is_written_nonetheless() -> None:
    """In letters that it has."""
    code = "import harness.apps.cli; print('größe 龙')"

    done = shell(f'exec {sys.executable} -c "{code}"', PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stdout) == (0, "gr\\xf6\\xdfe \\u9f99\n"), done.stderr


@pytest.mark.parametrize("package", ["harness.apps.cli", "harness.apps.locust"])
@pytest.mark.parametrize("unbuffered", ["", "-u"])
def test_a_full_disk_changes_no_exit_code(package: str, unbuffered: str) -> None:
    """Not even at the very end, where Python writes what is left."""
    code = "import {package}; print('a', flush=True); print('b')"

    done = shell(
        f'exec {sys.executable} {unbuffered} -c "{code}" >/dev/full'.format(package=package)
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_that_does_not_wait_gets_all_of_it() -> None:
    """Whoever shares it may have made it so; what it does not take at once is written later."""
    code = (
        "import os; os.set_blocking(1, False); import harness.apps.cli;"
        " print('x' * 3_000_000, flush=True); print('end')"
    )

    done = shell(f'{sys.executable} -c "{code}" | (sleep 0.5; cat)')

    assert (len(done.stdout), done.stderr) == (3_000_005, "")


@pytest.mark.parametrize("package", ["harness.apps.cli", "harness.apps.locust"])
def test_lines_between_our_programs_stay_readable(package: str) -> None:
    """In an encoding that writes ASCII in another way, here and in what is started from here."""
    inner = "import sys; print('inner', sys.stdin.encoding)"
    code = (
        f"import {package}, subprocess, sys;"
        f" print(sys.stdin.readline().strip(), '龙', flush=True);"
        f" subprocess.run([sys.executable, '-c', \\\"{inner}\\\"])"
    )

    done = shell(f'echo told | {sys.executable} -c "{code}"', PYTHONIOENCODING="utf-16:strict")

    assert done.stdout.splitlines() == ["told 龙", "inner utf-8"], done.stderr


def test_commands_to_a_ci_go_out_by_name_only() -> None:
    """As docs/ci.md says: not by print, but by the stream that Python had at its start."""
    code = (
        "import sys; from harness.core.standard_streams import make_usable; make_usable();"
        "print('::error::foreign', flush=True); sys.__stdout__.write('::error::meant')"
    )
    done = shell(f'{sys.executable} -c "{code}"')

    assert done.stdout == ": :error::foreign\n::error::meant"


def test_a_log_that_was_set_up_before_lets_no_command_out() -> None:
    """Of a scenario file, say, that does so in its first line; it holds the stream of before."""
    code = "import logging; logging.basicConfig(); import harness.apps.locust"
    code += "; logging.error('\\n::error::')"

    done = shell(f'exec {sys.executable} -c "{code}"')

    assert done.stderr == "ERROR:root:\n: :error::\n"
