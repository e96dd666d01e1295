"""The process between us and an embedded server: starts it, waits for it, stops it when no owner is left.

It runs as a script by itself (`python -I -S keeper.py …`), so that the server outlives the
process that happened to start it, and yet never outlives the last of them: an owner killed by any signal
loses its lock on `owners.lock`, which this process notices within a second.
It must never import anything outside the standard library, and never decide anything from a process id.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

TURN = "turn.lock"
OWNERS = "owners.lock"
SERVER = "server.lock"
SOCKET_FILES = (".s.PGSQL.5432", ".s.PGSQL.5432.lock")
_TICK_SECONDS = 0.5


def remove_socket_folder(folder: Path) -> None:
    """Remove a socket folder outside the data directory, with what a crashed server left in it."""
    # Best effort: it may be gone already, and an empty private folder that stays harms nobody.
    with contextlib.suppress(OSError):
        for name in SOCKET_FILES:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _start(uid: int, gid: int, command: list[str]) -> int:
    """Fork the server; as root, under the given identity without any other group."""
    server = os.fork()
    if server:
        return server
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        os.execv(command[0], command)  # noqa: S606 (a fixed path, no shell wanted)
    except OSError as exc:
        os.write(2, f"FATAL: the server program cannot be run: {exc.strerror}\n".encode())
    os._exit(127)


def _no_owner_left(turn: int, owners: int) -> bool:
    """Answer True, keeping both locks, when nobody uses the server and nobody is about to."""
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        fcntl.flock(owners, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(turn, fcntl.LOCK_UN)
        return False
    return True


def _keep(run: Path, server: int) -> bool:
    """Return when the server has ended; True, with the turn, when we have ended it and its socket folder is ours.

    The folder of a server that ended otherwise must stay: its owners start the next one in it, perhaps already;
    the last of them, or the next start, removes it.
    """
    turn = os.open(run / TURN, os.O_RDWR)
    owners = os.open(run / OWNERS, os.O_RDWR)
    while os.waitpid(server, os.WNOHANG) == (0, 0):
        if _no_owner_left(turn, owners):
            # The turn stays ours until the server is down: who starts next finds a clean shutdown.
            os.kill(server, signal.SIGINT)
            os.waitpid(server, 0)
            return True
        time.sleep(_TICK_SECONDS)
    return False


def main(arguments: list[str]) -> None:
    """Detach and keep one server: RUN-FOLDER SOCKET-FOLDER-TO-REMOVE-OR-EMPTY UID GID DESCRIPTORS COMMAND…

    Standard error is the server's log; the inherited descriptors are the server's, among them its lock.
    """
    run, temporary, uid, gid, inherited, *command = arguments
    if os.fork():
        return
    os.setsid()
    os.umask(0o077)
    # The server is ours to end; a signal to a whole service group (systemd, Ctrl-C) must not leave it unkept.
    server = _start(int(uid), int(gid), command)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The server's lock must be the server's alone: it says whether one of its processes is still alive.
    for descriptor in inherited.split(","):
        os.close(int(descriptor))
    if _keep(Path(run), server) and temporary:
        remove_socket_folder(Path(temporary))


if __name__ == "__main__":
    main(sys.argv[1:])
