"""Runs one program so that it dies with its parent: `launcher.py SIGNAL PARENT UID GID PROGRAM …`.

The kernel sends SIGNAL to the program when the thread that started it ends, however it ends; a
SIGKILL of the supervisor therefore leaves nothing behind. This is a script of its own, started with
`python -I -S`, because running Python between fork and exec is unsafe as soon as threads exist.
UID and GID are numbers, or `-` to stay who we are.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Changes user if asked, ties this process to its parent and becomes the program."""
    death_signal, parent_pid, uid, gid, *program = arguments
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After the change of user, because that clears the setting.
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        sys.exit(f"cannot tie {program[0]} to its parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent_pid):
        sys.exit("the parent ended before its child had started")
    os.execv(program[0], program)  # noqa: S606 - replacing ourselves is the point, and no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
