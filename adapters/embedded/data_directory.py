"""The data directory: where an installation without external services keeps everything.

It must never change the permissions of a folder that it did not make, and never write into a folder
that holds something else.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from provenstore.adapters.durable.whole_file import PART, write_whole
from provenstore.domain.errors import Misconfigured, ProvenstoreError, StorageFull

LAYOUT_VERSION = "1"
FOLDER_MODE = 0o700
# What a fresh file system or our own interrupted first start leaves in a folder that is otherwise empty.
_HARMLESS = ("lost+found",)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class DataDirectory:
    """The folders of one installation: `VERSION`, `postgres/`, `objects/`, `keys/` and `run/` below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.version_file = self.path / "VERSION"
        self.postgres = self.path / "postgres"
        self.objects = self.path / "objects"
        self.keys = self.path / "keys"
        self.run = self.path / "run"

    def require(self) -> None:
        """Raise `Misconfigured` where there is nothing yet: no folder, or an empty one. What is there is not judged."""
        try:
            missing = not self.path.exists() or not any(self.path.iterdir())
        except OSError as exc:
            raise self.translate(exc) from exc
        if missing:
            raise Misconfigured(
                f"There is no data directory at {self.path}: name it with --data-dir or PROVENSTORE_DATA_DIR, "
                "or make one with `provenstore serve` or `put`."
            )

    def prepare(self) -> None:
        """Make what is missing, or check that what is there is ours; idempotent, safe in concurrent processes.

        Raises `StorageFull` (leaving nothing a retry would trip over), or `Misconfigured` for a folder that is
        read-only, of another layout version, of another system user, or holds something else.
        `postgres/` is made with the database, because it may belong to another system user.
        """
        made = not self.path.exists()
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._check_root()
            self._settle_version()
            for folder in (self.objects, self.keys, self.run):
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                self._check_folder(folder)
        except OSError as exc:
            if made:
                # Succeeds only while the folder is empty: an empty folder of ours is as good as none.
                with contextlib.suppress(OSError):
                    self.path.rmdir()
            raise self.translate(exc) from exc

    def translate(self, exc: OSError) -> ProvenstoreError:
        """Say what an operating system's error below this folder means for the installation."""
        reason = f"{exc.strerror or type(exc).__name__}{f' ({exc.filename})' if exc.filename else ''}"
        if exc.errno in _NO_ROOM:
            return StorageFull(f"There is no room left in the data directory {self.path}: {reason}.")
        return Misconfigured(f"The data directory {self.path} cannot be used: {reason}.")

    def _check_root(self) -> None:
        if stat.S_IMODE(self.path.stat().st_mode) & stat.S_IWOTH:
            raise Misconfigured(
                f"Every system user can write into the data directory {self.path}; run chmod o-w on it."
            )
        self._check_writable(self.path)

    def _settle_version(self) -> None:
        # The listing comes first: whoever makes this directory at the same time writes VERSION before anything else.
        entries = [entry.name for entry in self.path.iterdir()]
        try:
            found = self.version_file.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            foreign = sorted(name for name in entries if name not in _HARMLESS and not name.endswith(PART))
            if foreign:
                raise Misconfigured(
                    f"The folder {self.path} is not a data directory: it has no VERSION but holds {foreign[0]!r}."
                ) from None
            # Two first starts write the same content, and the last rename wins.
            write_whole(self.version_file, f"{LAYOUT_VERSION}\n".encode("ascii"))
            return
        if found != LAYOUT_VERSION:
            raise Misconfigured(
                f"The data directory {self.path} has layout version {found[:20]!r}; "
                f"this release reads version {LAYOUT_VERSION!r}."
            )

    def _check_folder(self, folder: Path) -> None:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Misconfigured(
                f"{folder} belongs to the system user with uid {found.st_uid}, or is no folder; "
                f"run as the user who made the data directory, not as uid {os.geteuid()}."
            )
        self._check_writable(folder)

    @staticmethod
    def _check_writable(folder: Path) -> None:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise OSError(errno.EACCES, "Read-only for this system user", str(folder))
