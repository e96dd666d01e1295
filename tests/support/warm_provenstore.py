"""`provenstore` without its imports: commands are forked from a process that has everything loaded.

Starting Python and loading modules takes longer than most commands. What is forked is the real entry point with the
caller's arguments, environment, folder and streams; that of the installed script is run where it is the subject.
"""

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

_CLIENT = """#!{python} -IS
import array, json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
said = json.dumps({{"arguments": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}).encode()
streams = array.array("i", [0, 1, 2])
server.sendmsg([len(said).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
server.sendall(said)
code = int(server.makefile().read())
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextmanager
def warm(folder: Path) -> Iterator[Path]:
    """Yield a program in `folder` that does what `provenstore` does, until the end."""
    address, program = folder / "warm.socket", folder / "provenstore"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        command = [sys.executable, __file__, str(listening.fileno())]
        with subprocess.Popen(command, pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL) as server:
            program.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
            program.chmod(0o755)
            try:
                yield program
            finally:
                server.terminate()


def _serve(listening: socket.socket) -> None:
    import provenstore.api.cli.app
    import provenstore.api.cli.local_backend
    import provenstore.api.client  # noqa: F401  # loaded for all

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> NoReturn:
    """Run one command and send its exit code; it ends with whoever waits for it."""
    streams = array.array("i")
    size, about, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(3 * streams.itemsize))
    streams.frombytes(about[0][2])
    said = json.loads(connection.makefile("rb").read(int.from_bytes(size, "big")))
    command = os.fork()
    if command == 0:
        connection.close()
        _become(said, list(streams))
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(command)
    either: list[Any] = [ended, connection]
    if ended not in select.select(either, [], [])[0]:
        os.kill(command, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    connection.sendall(str(code).encode())
    os._exit(0)


def _become(said: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the command: as its script is, in the place where it was called."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # New ones: whether they can seek was settled when the old ones were opened.
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(said["env"])
    os.chdir(said["cwd"])
    sys.argv = ["provenstore", *said["arguments"]]
    from provenstore.api.cli import main

    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
