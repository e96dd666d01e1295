"""A data directory is made completely, recognised exactly, and never taken from somebody else."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.domain.errors import Misconfigured, StorageFull


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Root may write everywhere: for these tests it becomes somebody who may not."""
    if os.geteuid() != 0:
        yield
        return
    # The temporary folders of root are closed to others; these two belong to this test run.
    opened = [(folder, _mode(folder)) for folder in tmp_path.parents if folder.name.startswith("pytest-")]
    opened += [(tmp_path.parent, _mode(tmp_path.parent)), (tmp_path, _mode(tmp_path))]
    for folder, _ in opened:
        folder.chmod(0o755)
    os.seteuid(65534)
    yield
    os.seteuid(0)
    for folder, mode in reversed(opened):
        folder.chmod(mode)


def test_a_new_directory_is_private_and_versioned(tmp_path: Path) -> None:
    """All folders are closed to other users, and the second start finds what the first one made."""
    directory = DataDirectory(tmp_path / "deep" / "data")
    directory.prepare()
    directory.prepare()
    assert {path.name: _mode(path) for path in directory.path.iterdir() if path.is_dir()} == {
        "objects": 0o700,
        "keys": 0o700,
        "run": 0o700,
    }
    assert (_mode(directory.path), directory.version_file.read_text()) == (0o700, "1\n")


def test_permissions_of_folders_that_were_there_stay(tmp_path: Path) -> None:
    """An existing empty folder, and those above it, keep their modes."""
    (tmp_path / "data").mkdir(mode=0o750)
    before = {path: _mode(path) for path in (tmp_path / "data", *(tmp_path / "data").parents)}
    DataDirectory(tmp_path / "data").prepare()
    assert {path: _mode(path) for path in before} == before


def test_another_layout_version_is_refused_by_both_names(tmp_path: Path) -> None:
    """The sentence names the version found and the one this release reads; nothing is written."""
    (tmp_path / "VERSION").write_text("7\n")
    with pytest.raises(Misconfigured, match="version '7'; this release reads version '1'"):
        DataDirectory(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["VERSION"]


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    """A home directory given by mistake is not filled with our folders."""
    (tmp_path / "letters.txt").touch()
    with pytest.raises(Misconfigured, match=r"not a data directory.*letters\.txt"):
        DataDirectory(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_what_an_interrupted_first_start_left_is_no_obstacle(tmp_path: Path) -> None:
    """A first start killed before VERSION was complete is repeated, also at the root of a file system."""
    (tmp_path / "VERSION.17.part").touch()
    (tmp_path / "lost+found").mkdir()
    DataDirectory(tmp_path).prepare()
    assert (tmp_path / "VERSION").read_text() == "1\n"


def test_a_folder_open_to_everybody_is_refused(tmp_path: Path) -> None:
    """Who may write into the folder could replace the keys in it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    with pytest.raises(Misconfigured, match="chmod o-w"):
        DataDirectory(tmp_path / "data").prepare()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """The path of a file gives a sentence, not a traceback."""
    (tmp_path / "data").touch()
    with pytest.raises(Misconfigured, match="cannot be used"):
        DataDirectory(tmp_path / "data").prepare()


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    """A directory that cannot be written is found out at the start, not at the first file."""
    if os.geteuid() == os.getuid():
        tmp_path.chmod(0o500)
    with pytest.raises(Misconfigured, match="cannot be used"):
        DataDirectory(tmp_path).prepare()


def test_folders_of_another_user_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, or anybody else, does not take over a directory that another system user made."""
    DataDirectory(tmp_path / "data").prepare()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(Misconfigured, match="run as the user who made"):
        DataDirectory(tmp_path / "data").prepare()


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry after making room starts from nothing."""
    directory = DataDirectory(tmp_path / "data")
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _no_room)
        with pytest.raises(StorageFull):
            directory.prepare()
    assert not directory.path.exists()
    directory.prepare()


def _no_room(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
