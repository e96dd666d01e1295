"""What `put` finds in a folder, and what it leaves out."""

import os
import socket
from pathlib import Path

import pytest

from provenstore.api.cli.sources import HIDDEN, LINK, SPECIAL, LeftOut, Source, Unreadable, found
from provenstore.domain.errors import Refused


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "sub" / "empty").mkdir(parents=True)
    for name in ("one.pdf", "sub/two.pdf", ".hidden.pdf", "sub/.hidden/three.pdf"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link.pdf").symlink_to("one.pdf")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.pdf")
    return folder


def test_files_are_found_below_a_folder_and_the_rest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are not followed, and what is hidden needs to be asked for."""
    folder = _folder(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # the address of a socket is short
        listening.bind("socket.pdf")
        all_found = list(found([folder], hidden=False))
    sources = {one.relative for one in all_found if isinstance(one, Source)}
    assert sources == {"folder/one.pdf", "folder/sub/two.pdf"}
    left_out = {one.path.name: one.why for one in all_found if isinstance(one, LeftOut)}
    assert left_out == {
        ".hidden.pdf": HIDDEN,
        ".hidden": HIDDEN,
        "link.pdf": LINK,
        "round": LINK,
        "pipe.pdf": SPECIAL,
        "socket.pdf": SPECIAL,
    }
    more = {one.relative for one in found([folder], hidden=True) if isinstance(one, Source)}
    assert more - sources == {"folder/.hidden.pdf", "folder/sub/.hidden/three.pdf"}


def test_what_is_named_itself_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden or a link: whoever names it means it. A folder keeps its name, however it is spelled."""
    folder = _folder(tmp_path)
    named = [folder / ".hidden.pdf", folder / "link.pdf"]
    assert list(found(named, hidden=False)) == [Source(path) for path in named]
    monkeypatch.chdir(folder / "sub")
    assert [one.relative for one in found([Path()], hidden=False) if isinstance(one, Source)] == ["sub/two.pdf"]


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    """The others are read on."""
    folder = _folder(tmp_path)
    seen: list[object] = []
    for one in found([folder, tmp_path / "folder"], hidden=False):
        if not seen:
            for path in (folder / "sub", folder / "one.pdf"):
                path.rename(tmp_path / f"moved-{path.name}")
        seen.append(one)
    assert any(isinstance(one, Unreadable) and one.path.name == "sub" for one in seen)


def test_what_takes_a_files_place_is_not_read(tmp_path: Path) -> None:
    """A link would lead out of the folder, and a pipe would wait for ever."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        Source(tmp_path / "link", "link").open()
    with pytest.raises(Refused, match="no longer a file"):
        Source(tmp_path / "pipe", "pipe").open()
