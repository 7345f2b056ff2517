"""The end of bare Locust by a file that it loads."""

import json
import subprocess
import sys

STREAMS = {
    "open": "",
    "output closed": "sys.stdout.close()",
    "errors closed": "sys.stderr.close()",
    "both closed": "sys.stdout.close(); sys.stderr.close()",
    "taken apart": "sys.stdout.detach(); sys.stderr.detach()",
    "none there": "sys.stdout = sys.stderr = None",
    "no streams": "sys.stdout = sys.stderr = object()",
    "others": "sys.stdout = sys.stderr = io.StringIO()",
    "none before us": "sys.stdout = sys.stderr = None; standard_streams._own.clear()",
}
"""What a file does to standard output and standard error; the last before it imports us."""
ENDS = """
import atexit, io, json, os, sys
from harness.core import standard_streams
from harness.apps.locust import process_control
codes = {}
for name, done_by_file in json.load(sys.stdin).items():
    if (child := os.fork()) == 0:
        atexit.register(process_control._at_exit, [])
        exec(done_by_file)
        sys.exit(0)
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(codes))
"""


def test_no_stream_of_the_file_makes_it_a_pass() -> None:
    """Python keeps the exit code of the file, 0, where one of its last functions raises."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS],
        input=json.dumps(STREAMS),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == dict.fromkeys(STREAMS, 2)
    told = "error: the locustfile ends the process while it is loaded, so nothing was run"
    assert done.stderr.splitlines() == [told] * (len(STREAMS) - 1)  # the last has nowhere to
