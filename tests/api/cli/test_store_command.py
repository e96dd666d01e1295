"""`store`, and what every way in does while the object store is not the one of the log."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from provenstore.api.http.app import create_app
from provenstore.api.settings import load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.errors import WrongStore
from tests.api.conftest import MovableClock, serving

from .conftest import Provenstore


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory of this test's own."""
    return tmp_path / "data"


@pytest.fixture
def direct(data_dir: Path) -> Iterator[Provenstore]:
    """The command line on it; a server holds its database up, so that commands need not start one each."""
    provenstore = Provenstore({"PROVENSTORE_DATA_DIR": str(data_dir)})
    with open_services(load_settings(data_dir=data_dir), sweep=False):
        yield provenstore


def _put(direct: Provenstore, tmp_path: Path) -> str:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"a report")
    direct("workspace", "create", "solo", "--no-four-eyes")
    found: str = direct("put", path, "--workspace", "solo", "--json").json["id"]
    return found


def test_a_start_with_a_wrong_store_is_refused(direct: Provenstore, data_dir: Path, tmp_path: Path) -> None:
    """store-identity: commands and servers; `verify --objects` concludes nothing; the named act lets it go on."""
    _put(direct, tmp_path)
    objects = data_dir / "objects"
    objects.rename(data_dir / "away")
    objects.mkdir(0o700)
    assert "no marker" in direct("ls", code=3).err
    with pytest.raises(WrongStore), open_services(load_settings(data_dir=data_dir), sweep=False):
        pass
    verified = direct("verify", "--objects", code=0).text
    assert "not checked, 1 of 1 could not be read: the object store has no marker" in verified
    assert direct("store", "show", "--json").json["marker"] is None
    assert "none of the stored objects" in direct("store", "identify", "--reason", "a new disk", code=3).err
    found = direct("store", "identify", "--reason", "the disk is lost", "--although-empty", "--json").json
    assert found["recorded"] == found["marker"]
    assert "the object is missing" in direct("verify", "--objects", code=7).text
    direct("ls")


def test_one_link_is_a_finding_of_one_file(direct: Provenstore, data_dir: Path, tmp_path: Path) -> None:
    """The rest is read; the file is damaged, and a purge removes the link itself."""
    first, second = _put(direct, tmp_path), ""
    (tmp_path / "other.pdf").write_bytes(b"another report")
    second = direct("put", tmp_path / "other.pdf", "--workspace", "solo", "--json").json["id"]
    paths = {one: data_dir / "objects" / direct("show", one, "--json").json["path"] for one in (first, second)}
    paths[first].unlink()
    paths[first].symlink_to("/etc/hostname")
    paths[second].write_bytes(b"altered report")
    findings = direct("verify", "--objects", "--json", code=7).json["findings"]
    assert [one["stream"] for one in findings] == [f"file:{first}", f"file:{second}"]
    direct("verify-content", first, code=7)
    assert direct("show", first, "--json").json["damage"] == "altered"
    direct("rm", first, "--reason", "damaged")
    direct("purge", "request", first)
    assert not paths[first].is_symlink()
    assert direct("purge", "certificate", first).json["found"] == "altered"


def test_readiness_names_a_wrong_store(data_dir: Path) -> None:
    """store-identity: also where the folder goes away while the server runs."""
    clock = MovableClock()
    settings = load_settings(data_dir=data_dir)
    with serving(create_app(settings, lambda: open_services(settings, sweep=False, clock=clock)), clock) as api:
        assert httpx.get(f"{api.url}/readyz").json()["checks"]["store"] == "ok"
        (data_dir / "objects").rename(data_dir / "away")
        (data_dir / "objects").mkdir(0o700)
        answer = httpx.get(f"{api.url}/readyz")
        assert (answer.status_code, answer.json()["checks"]["store"]) == (503, "wrong-store")
