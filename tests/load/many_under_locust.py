"""Runs many command lines as ``python -m harness.apps.locust``, each in a fork of this process.

Standard input has a list of [words, environment]; printed are exit code, standard output, standard
error, and ``left``: the names that the folder then holds and did not before, and whatever came,
went or changed in its ``runs``. One Locust is loaded for all.
"""

import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import harness.apps.locust.__main__ as program

NO_CONDUCTOR = "--conductor-module=tests.load.no_such_conductor"
"""Whatever is not refused ends there, with a run directory, and starts nothing."""


def play(words: list[str], variables: dict[str, str]) -> None:
    """One command line, in this process; ends it."""
    code = 70
    try:
        os.environ.update(variables)
        os.environ["LENDCHAOS_PROGRESS_FD"] = str(os.open(os.devnull, os.O_WRONLY))
        sys.argv = ["lendchaos run", *words, NO_CONDUCTOR]
        program.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as Python itself would end
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def found() -> set[tuple[str, bytes]]:
    """Each name in the folder; with each in its ``runs``, where that leads or what it holds."""
    names = {(path.name, b"") for path in Path().iterdir()}
    for path in Path("runs").rglob("*"):
        held = path.read_bytes() if path.is_file() else b""
        names.add((str(path), bytes(path.readlink()) if path.is_symlink() else held))
    return names


def run(words: list[str], variables: dict[str, str]) -> dict[str, Any]:
    """One command line, in a fork."""
    before = found()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            play(words, variables)
        _, status = os.waitpid(child, 0)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
    left = sorted({name for name, _ in before ^ found()})
    for name in left:
        shutil.rmtree(name, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "out": said[0], "err": said[1], "left": left}


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    json.dump([run(*case) for case in json.load(sys.stdin)], sys.stdout)
