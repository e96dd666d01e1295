"""Local files are read once and written whole or not at all."""

import io
from pathlib import Path

import pytest

from provenstore.api.cli.local_files import Hashed, chunks_of, whole_file
from provenstore.domain.errors import Refused


def test_what_passes_is_counted_and_hashed() -> None:
    """The digest is that of all chunks in their order."""
    seen: list[int] = []
    body = Hashed(chunks_of(io.BytesIO(b"abc")), seen.append, 3)
    assert list(body) == [b"abc"]
    assert (body.count, body.sha256) == (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert seen == [3]


@pytest.mark.parametrize(("expected", "word"), [(2, "grew"), (4, "shrank")])
def test_a_file_that_changes_while_it_is_read_is_refused(expected: int, word: str) -> None:
    """The size that was announced is the size that is sent."""
    with pytest.raises(Refused, match=word):
        list(Hashed([b"abc"], expected=expected))


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Until the block ends there is nothing under the name."""
    target = tmp_path / "report.pdf"
    with whole_file(target, force=False) as file:
        file.write(b"all of it")
        assert not target.exists()
    assert target.read_bytes() == b"all of it"
    assert [target] == list(tmp_path.iterdir())


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    """No part of a file stays behind, under any name."""
    with pytest.raises(Refused), whole_file(tmp_path / "report.pdf", force=False) as file:
        file.write(b"half of")
        raise Refused
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    """Also one that comes while the content is on its way."""
    target = tmp_path / "report.pdf"
    with pytest.raises(Refused, match="--force"), whole_file(target, force=False):
        target.write_bytes(b"mine")
    with pytest.raises(Refused, match="--force"), whole_file(target, force=False):
        pytest.fail("the block must not begin")
    assert target.read_bytes() == b"mine"
    with whole_file(target, force=True) as file:
        file.write(b"theirs")
    assert target.read_bytes() == b"theirs"
