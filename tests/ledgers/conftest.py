"""A ledger that the last release left behind, as a data directory of this machine."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import SUPERUSER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from store_database import PROGRAMS

RELEASES = sorted(Path(__file__).parent.glob("release-*.tar.xz"))


@contextmanager
def restored(archive: Path, folder: Path) -> Iterator[RunningPostgres]:
    """Bring a release's ledger back in `folder`; yield its server, on which no migration of ours has run yet."""
    folder.mkdir(mode=0o700)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    dump = folder.with_suffix(".sql")
    (folder / "ledger.sql").rename(dump)
    with EmbeddedPostgres(DataDirectory(folder)) as running:
        running.bootstrap()
        psql = [str(PROGRAMS / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", str(dump)]
        subprocess.run([*psql, running.conninfo(SUPERUSER)], check=True, capture_output=True)
        yield running


@pytest.fixture(params=RELEASES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The data directory of each release's ledger; its server runs."""
    with restored(request.param, tmp_path / "data"):
        yield tmp_path / "data"
