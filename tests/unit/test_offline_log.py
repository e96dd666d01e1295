"""Whole exported logs: whoever edits, deletes, reorders, inserts or truncates is found, and the place is named."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from exported_log import SIZE, drafts, edited, seal, signed, write_folder, write_lines
from note_keys import LOG, ORIGIN, WITNESS
from offline import Answer, verify
from provenstore.api.verify import offline_verifier as offline
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import EMPTY_ROOT, leaf_hash
from provenstore.domain.transparency.tile import encode_entries
from provenstore.domain.transparency.tiled_tree import Edge

STATES = seal(drafts())
CHECKPOINT = signed(STATES)
Change = Callable[[list[bytes]], Sequence[bytes]]


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Answer]:
    """Check a file of events against the checkpoint of the true ones."""

    def check(states: Sequence[bytes], *arguments: str | Path, checkpoint: bytes = CHECKPOINT) -> Answer:
        (tmp_path / "checkpoint").write_bytes(checkpoint)
        path = write_lines(tmp_path / "events", states)
        return verify("log", path, "--checkpoint", tmp_path / "checkpoint", *arguments)

    return check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The true log as it is published."""
    return write_folder(tmp_path / "log", STATES)


def _earlier(tmp_path: Path, size: int) -> tuple[str, Path]:
    """A checkpoint that the auditor has kept."""
    path = tmp_path / f"kept-{size}"
    path.write_bytes(signed(STATES, size))
    return "--earlier", path


def test_true_log_verifies(lines: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    """As a file of events and as a folder, with all checkpoints that were kept."""
    kept: list[str | Path] = [
        *_earlier(tmp_path, 1),
        *_earlier(tmp_path, 256),
        *_earlier(tmp_path, 599),
        *_earlier(tmp_path, 600),
    ]
    for answer, steps in ((lines(STATES, *kept), 11), (verify("log", folder, *kept), 12)):
        assert (answer.code, len(answer.document["steps"])) == (0, steps)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_log_of_any_size_verifies(lines: Callable[..., Answer], tmp_path: Path, size: int) -> None:
    """Full tiles, partial ones, none."""
    checkpoint = signed(STATES, size) if size else sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), [LOG])
    assert lines(STATES[:size], checkpoint=checkpoint).code == 0
    assert verify("log", write_folder(tmp_path / "log", STATES[:size], checkpoint)).code == 0


def test_events_beyond_the_checkpoint_are_said_to_be_unproven(lines: Callable[..., Answer]) -> None:
    """Their chains hold, and no more is known."""
    answer = lines(STATES, checkpoint=signed(STATES, 590))
    assert answer.code == 0
    assert any("whether the last 10 events are in the log" in one for one in answer.document["not_checked"])


# -- the attacker ------------------------------------------------------------------------------------------------

AT = 300
"""The index of what is attacked, in the middle of the second tile; its position is 301."""

MOVED = [*STATES[:AT], STATES[AT + 1], STATES[AT], *STATES[AT + 2 :]]


def _suffix(states: list[bytes]) -> list[bytes]:
    wanted = drafts()
    wanted[AT] = {**wanted[AT], "outcome": "denied"}
    return seal(wanted)


def _event(**changes: Any) -> Change:
    return lambda states: [*states[:AT], edited(states[AT], lambda _: changes), *states[AT + 1 :]]


ATTACKS: dict[str, tuple[Change, int]] = {
    "one byte": (lambda s: [*s[:AT], s[AT].replace(b'"svc"', b'"svd"'), *s[AT + 1 :]], AT + 1),
    "no event": (lambda s: [*s[:AT], b"{}", *s[AT + 1 :]], AT + 1),
    "spacing": (lambda s: [*s[:AT], s[AT].replace(b",", b", ", 1), *s[AT + 1 :]], AT + 1),
    "too large": (lambda s: [*s[:AT], s[AT].replace(b'"svc"', b'"%b"' % (b"x" * 64_900)), *s[AT + 1 :]], AT + 1),
    "deleted": (lambda s: s[:AT] + s[AT + 1 :], AT + 1),
    "swapped": (lambda _: MOVED, AT + 1),
    "inserted": (lambda s: [*s[:AT], s[AT], *s[AT:]], AT + 2),
    "forged": (lambda s: [*s[:AT], edited(s[AT], lambda e: {"id": e["id"][:-3] + "fff"}), *s[AT:]], AT + 2),
    "older": (_event(time="2026-11-20T12:00:00.000000Z"), AT + 1),
    "newer": (_event(time="2026-11-22T12:00:00.000000Z"), AT + 1),
    "another version": (_event(version=999), AT + 1),
    "another number": (_event(number=999), AT + 1),
    "another prev": (_event(prev="0" * 64), AT + 1),
    "another stream": (_event(stream="access:x"), AT + 1),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_on_a_file_of_events_is_found(lines: Callable[..., Answer], attack: str) -> None:
    """By the chains, at its position or, for what is gone, moved or added, within the few events that name it."""
    change, position = ATTACKS[attack]
    answer = lines(change(list(STATES)))
    assert answer.code == 7
    found = answer.first[0]
    assert found is not None
    assert position - 2 <= found <= position + 4


@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - {"too large"}))  # for which a bundle has no spelling
def test_attack_on_the_entries_of_a_folder_is_found(folder: Path, attack: str) -> None:
    """At exactly the first position that differs: the tile beside the entries tells it."""
    states = list(ATTACKS[attack][0](list(STATES)))
    for number, width in ((0, 256), (1, 256), (2, 88)):
        name = f"{number:03}" + ("" if width == 256 else f".p/{width}")
        part = states[number * 256 :][:width]
        (folder / "tile" / "entries" / name).write_bytes(encode_entries(part))
    answer = verify("log", folder)
    differs = next(at for at, (one, two) in enumerate(zip(states, STATES, strict=False), start=1) if one != two)
    assert answer.code == 7
    assert answer.first[0] == differs


@pytest.mark.parametrize("at", range(0, 590, 37))
def test_edited_event_is_named_by_what_follows(lines: Callable[..., Answer], at: int) -> None:
    """Exactly, not the successor whose link is broken by it."""
    stream = json.loads(STATES[at])["stream"]
    answer = lines([*STATES[:at], STATES[at].replace(b'"svc"', b'"svd"'), *STATES[at + 1 :]])
    assert (answer.code, answer.first) == (7, (at + 1, stream, None))


def _forged_links(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda _: dict.fromkeys(names, "0" * 64)


def test_which_end_of_a_broken_link_is_wrong(lines: Callable[..., Answer]) -> None:
    """What one link vouches for is not accused by the other."""
    for names in (("prev",), ("prev", "workspace_prev")):
        forged = edited(STATES[AT], _forged_links(*names))
        assert lines([*STATES[:AT], forged, *STATES[AT + 1 :]]).first[0] == AT + 1
    single = seal([{**one, "stream": "access:one", "workspace": "one", "data": {}} for one in drafts(9)])
    forged = edited(single[5], _forged_links("workspace_prev"))
    answer = lines([*single[:5], forged, *single[6:]], checkpoint=signed(single))
    assert (answer.code, answer.first[0]) == (7, 6)


def test_change_without_successors_is_found(lines: Callable[..., Answer], tmp_path: Path) -> None:
    """Nobody names the last events of streams and workspaces yet; the root does, and kept checkpoints narrow it."""
    states = [*STATES[:-1], STATES[-1].replace(b'"svc"', b'"svd"')]
    answer = lines(states)
    assert (answer.code, answer.first[0]) == (7, 1)
    assert lines(states, *_earlier(tmp_path, 590)).first[0] == 591
    assert "from here to 600" in lines(states, *_earlier(tmp_path, 590)).says


def test_truncated_tail_is_found(lines: Callable[..., Answer], folder: Path) -> None:
    """After a checkpoint nothing can be taken back."""
    assert (lines(STATES[:-1]).code, lines(STATES[:-1]).first[0]) == (7, 600)
    assert lines([]).first[0] == 1
    (folder / "tile/entries/002.p/88").write_bytes(encode_entries(STATES[512:599]))
    answer = verify("log", folder)
    assert (answer.code, answer.first) == (7, (600, None, "tile/entries/002.p/88"))


def test_replaced_suffix_is_found(lines: Callable[..., Answer], tmp_path: Path) -> None:
    """All chains agree with each other; the root does not, and a kept checkpoint says from where."""
    forged = _suffix(list(STATES))
    answer = lines(forged)
    assert (answer.code, answer.first[0]) == (7, 1)
    assert [step["ok"] for step in answer.document["steps"]] == [True] * 6 + [False]
    assert lines(forged, *_earlier(tmp_path, AT)).first[0] == AT + 1


def test_edited_tiles_under_a_new_signature_are_found(tmp_path: Path) -> None:
    """Whoever has database, bucket and key can sign another log; an older checkpoint that was kept finds it."""
    forged = write_folder(tmp_path / "forged", _suffix(list(STATES)))
    assert verify("log", forged).code == 0
    answer = verify("log", forged, *_earlier(tmp_path, AT), *_earlier(tmp_path, AT + 10))
    assert (answer.code, answer.first[0]) == (7, AT + 1)


def test_fork_and_rewound_log_are_found(tmp_path: Path) -> None:
    """Two checkpoints of one size; one of a size that the log has no more."""
    forged = write_folder(tmp_path / "forged", _suffix(list(STATES)))
    assert verify("log", forged, *_earlier(tmp_path, SIZE)).code == 7
    rewound = write_folder(tmp_path / "rewound", STATES[:500])
    answer = verify("log", rewound, *_earlier(tmp_path, 550))
    assert (answer.code, answer.first[0]) == (7, 501)


def test_checkpoint_of_another_log_is_no_help(folder: Path, tmp_path: Path) -> None:
    """Even if its key was given."""
    other = tmp_path / "other"
    other.write_bytes(sign_checkpoint(Checkpoint(WITNESS.name, 1, bytes(32)), [WITNESS]))
    answer = verify("log", folder, "--earlier", other, "--key", str(WITNESS.public))
    assert (answer.code, "different logs" in answer.says) == (7, True)


def test_head_that_was_not_the_newest_is_found(lines: Callable[..., Answer]) -> None:
    """A deletion that hides an access, though the log's keeper sealed and signed it so."""
    wanted = drafts()
    at = next(index for index in range(AT, SIZE) if b'"access_head":{' in STATES[index])
    states = seal(wanted[:at])
    states.append(edited(STATES[at], lambda event: {"data": {"access_head": None}}))
    answer = lines(states, checkpoint=signed(states))
    assert (answer.code, answer.first[0], "newest of access:" in answer.says) == (7, at + 1, True)


# -- tiles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tile", "offset", "position"),
    [("0/000", 0, 1), ("0/001", 44, 301), ("0/002.p/88", 87, 600), ("1/000.p/2", 1, 257)],
)
def test_altered_tile_is_named(folder: Path, tile: str, offset: int, position: int) -> None:
    """With the first position under the hash that is wrong."""
    path = folder / "tile" / tile
    raw = bytearray(path.read_bytes())
    raw[offset * 32 + 31] ^= 1
    path.write_bytes(raw)
    answer = verify("log", folder)
    assert (answer.code, answer.first) == (7, (position, None, f"tile/{tile}"))


@pytest.mark.parametrize("tile", ["0/000", "0/002.p/88", "1/000.p/2", "entries/001", "entries/002.p/88"])
def test_missing_short_or_long_tile_is_named(folder: Path, tile: str) -> None:
    """As is one that is a link out of the folder."""
    path = folder / "tile" / tile
    raw = path.read_bytes()
    for content in (raw[:-1], raw + b"\0", b""):
        path.write_bytes(content)
        assert (verify("log", folder).code, verify("log", folder).first[2]) == (7, f"tile/{tile}")
    path.unlink()
    assert verify("log", folder).first[2] == f"tile/{tile}"
    (folder.parent / "elsewhere").write_bytes(raw)
    path.symlink_to(folder.parent / "elsewhere")
    assert (verify("log", folder).code, verify("log", folder).first[2]) == (7, f"tile/{tile}")


@pytest.mark.parametrize("what", ["pipe", "link", "folder"])
def test_what_is_no_file_in_place_of_a_tile_is_named(folder: Path, what: str) -> None:
    """Whoever owns the folder gets no "cannot be checked" by it."""
    place = folder / "tile/0/001"
    place.rename(folder / "elsewhere")
    make: dict[str, Callable[[Path], object]] = {
        "pipe": os.mkfifo,
        "link": lambda at: at.symlink_to(folder / "elsewhere"),
        "folder": Path.mkdir,
    }
    make[what](place)
    answer = verify("log", folder)
    assert (answer.code, answer.first) == (7, (257, None, "tile/0/001"))


def test_full_tile_stands_for_a_partial_one(tmp_path: Path) -> None:
    """A log that has grown since the checkpoint that is checked."""
    grown, kept = write_folder(tmp_path / "log", STATES), tmp_path / "kept"
    kept.write_bytes(signed(STATES, 300))
    partial = write_folder(tmp_path / "partial", STATES[:300])
    shutil.copytree(partial / "tile/1/000.p", grown / "tile/1/000.p", dirs_exist_ok=True)
    answer = verify("log", grown, "--checkpoint", kept)
    assert answer.code == 0
    assert any("files in tile/ that this checkpoint does not need" in one for one in answer.document["not_checked"])
    full = grown / "tile/0/001"
    full.write_bytes(full.read_bytes()[:-1])
    assert verify("log", grown, "--checkpoint", kept).code == 0  # what is altered is beyond the checkpoint


def test_huge_file_is_not_read(folder: Path) -> None:
    """A hole of a terabyte costs its maker nothing."""
    os.truncate(folder / "tile/0/000", 2**40)
    assert (verify("log", folder).code, verify("log", folder).first[2]) == (7, "tile/0/000")


def test_line_without_end_is_not_read(tmp_path: Path) -> None:
    """Nor held in memory."""
    (tmp_path / "checkpoint").write_bytes(CHECKPOINT)
    (tmp_path / "events").touch()
    os.truncate(tmp_path / "events", 2**40)
    answer = verify("log", tmp_path / "events", "--checkpoint", tmp_path / "checkpoint")
    assert (answer.code, answer.first[0]) == (7, 1)


def test_usage(tmp_path: Path) -> None:
    """A file of events has no checkpoint in it, an empty folder neither."""
    assert verify("log", write_lines(tmp_path / "events", STATES)).code == 2
    assert verify("log", tmp_path).code == 2


def test_paths_of_tiles() -> None:
    """As tlog-tiles spells them."""
    names = {0: "000", 7: "007", 999: "999", 1_000: "x001/000", 1_234_067: "x001/x234/067"}
    assert {number: offline._elements(number) for number in names} == names


def test_tree_fills_the_same_tiles() -> None:
    """Beyond one level, where the log of the other tests ends."""
    tree, edge = offline.Tree(), Edge()
    leaves = [leaf_hash(b"%d" % at) for at in range(256 * 256 + 300)]
    filled = {(level, number): row for leaf in leaves for level, number, row in tree.add(leaf)}
    assert filled == {tuple(key): row for key, row in edge.append(leaves).items() if len(row) == 256 * 32}
    assert tree.root() == edge.root()
