"""The folder of the embedded server's socket: private, short enough for an address, the same until all owners left.

It must never be a folder that somebody else could have made: it is created by us with mode 0700, or not used.
"""

import os
import socket
import stat
import tempfile
from pathlib import Path

from provenstore.adapters.embedded.data_directory import FOLDER_MODE
from provenstore.adapters.embedded.installation import Account
from provenstore.adapters.embedded.keeper import SOCKET_FILES, remove_socket_folder
from provenstore.domain.errors import Misconfigured

# sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux, the final NUL included.
SOCKET_PATH_BYTES = 103
_RECORD = "socket-folder"
_PREFIX = "provenstore-"
_RANDOM = "12345678"  # as long as what mkdtemp appends


def make_socket_folder(run: Path, account: Account) -> Path:
    """Make `run/socket`, or where that is too long a folder in the runtime or temporary directory, and record it.

    The caller knows that no server runs; what a crashed one left is removed.
    """
    record, folder = run / _RECORD, run / "socket"
    for old in (Path(record.read_text(encoding="utf-8")) if record.exists() else folder, folder):
        _remove_if_ours(old, account)
    if _fits(folder):
        folder.mkdir(mode=FOLDER_MODE)
    else:
        # A random name, mode 0700, and a failure on any existing one: whoever makes folders beforehand loses.
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_short_base()))
    os.chown(folder, account.uid, account.gid)
    record.write_text(str(folder), encoding="utf-8")
    return folder


def reuse_socket_folder(run: Path, account: Account) -> Path:
    """The recorded folder for another server, emptied of what the dead one left: who knows it finds the new one.

    The caller knows that no server runs, and that the record is of an owner who lives: a record in the copy of a
    data directory would lead to another server's folder. `Misconfigured` when it is no longer ours.
    """
    folder = recorded_socket_folder(run, account)
    if folder.exists():
        for name in SOCKET_FILES:
            (folder / name).unlink(missing_ok=True)
    else:
        # Its name is known by now; whoever takes it first makes this fail.
        folder.mkdir(mode=FOLDER_MODE)
        os.chown(folder, account.uid, account.gid)
    return folder


def recorded_socket_folder(run: Path, account: Account) -> Path:
    """The folder of the running server; `Misconfigured` when it is not the private one that was made."""
    folder = Path((run / _RECORD).read_text(encoding="utf-8"))
    try:
        found = folder.lstat()
    except FileNotFoundError:
        # The server is gone, and somebody tidied up; nothing answers there.
        return folder
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or stat.S_IMODE(found.st_mode) & 0o077:
        raise Misconfigured(
            f"The socket folder {folder} must be a folder of the system user {account.name!r} with mode 0700."
        )
    return folder


def answers(folder: Path) -> bool:
    """Whether a server accepts connections there: a pid file that says so survives a crash."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(folder / SOCKET_FILES[0]))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _short_base() -> Path:
    bases = (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp")  # noqa: S108 (only for mkdtemp)
    for base in map(Path, filter(None, bases)):
        if base.is_dir() and _fits(base / (_PREFIX + _RANDOM)):
            return base
    raise Misconfigured("No temporary directory has a path short enough for a socket; set XDG_RUNTIME_DIR to one.")


def _fits(folder: Path) -> bool:
    # libpq takes a comma for the end of a host name.
    return len(os.fsencode(folder / SOCKET_FILES[0])) <= SOCKET_PATH_BYTES and "," not in str(folder)


def _remove_if_ours(folder: Path, account: Account) -> None:
    """Remove the folder of a server that crashed together with its keeper; a stranger's stays."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid:
        remove_socket_folder(folder)
