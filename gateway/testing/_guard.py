"""Stand between a test run and a server it started, so that the server never outlives the run.

Run as a program: `python _guard.py FOLDER COMMAND...`, with a pipe as standard input. It writes the
command's process id, lets it write to standard error only, and exits with its code once it and all
its children are gone. When the pipe closes before that, whoever started us is gone, however they
died: the command is ended at once and FOLDER removed.

PostgreSQL refuses to run as root. Root therefore enters a user namespace, where it is an ordinary
user that still owns its files; where the kernel forbids that, it becomes `nobody`, who then owns
FOLDER and must be able to read the server's binaries.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ORDINARY_ID = 1000
GRACE = 5.0


def main(folder: str, command: list[str]) -> int:
    """Run the command to its end, or to the end of whoever holds our standard input."""
    if os.geteuid() == 0 and not _enter_user_namespace():
        _become_nobody(folder)
    # Children that outlive the command become ours, for us to wait for.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        # The guard is still single-threaded here, so a function between fork and exec is safe.
        preexec_fn=_die_with_parent,  # noqa: PLW1509
    ) as server:
        os.write(1, b"%d\n" % server.pid)
        orphaned = threading.Event()
        threading.Thread(target=_watch, args=(server, orphaned), daemon=True).start()
        code = server.wait()
    _await_children()
    if orphaned.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _watch(server: subprocess.Popen[bytes], orphaned: threading.Event) -> None:
    while os.read(0, 1):
        pass
    orphaned.set()
    # SIGQUIT is PostgreSQL's immediate shutdown: unlike SIGKILL it takes the children along.
    server.send_signal(signal.SIGQUIT)
    threading.Timer(GRACE, server.kill).start()


def _await_children() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _enter_user_namespace() -> bool:
    if sys.platform != "linux" or ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    for table in ("uid_map", "gid_map"):
        Path("/proc/self", table).write_text(f"{ORDINARY_ID} 0 1")
    return True


def _become_nobody(folder: str) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in (Path(folder), *Path(folder).rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
