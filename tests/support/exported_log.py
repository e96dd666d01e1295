"""A log of some hundred events as it is exported, sealed by a few lines here, so that tests can seal forgeries."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from naive_tree import NaiveTree
from note_keys import LOG, ORIGIN
from provenstore.domain.canonical import canonical
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import leaf_hash
from provenstore.domain.transparency.tile import FULL, EntryBundle, Tile, bundles_between, encode_entries, tiles_between
from provenstore.domain.transparency.tiled_tree import Edge

SIZE = 600
"""Entries: two full tiles, a partial one, and one tile above them."""


def drafts(count: int = SIZE) -> list[dict[str, Any]]:
    """Return what is sealed: accesses to 40 files of three workspaces, every seventh event a deletion."""
    return [_draft(at) for at in range(count)]


def _draft(at: int) -> dict[str, Any]:
    file = f"01990000-0000-7000-8000-{at * 7 % 40:012x}"
    deletion = at % 7 == 6
    return {
        "actor": {"id": "svc", "kind": "service", "via": "api_key", "credential": None},
        "cause": None,
        "data": {"access_head": None} if deletion else {"mode": "view", "first": None, "last": None, "size": at},
        "decision": None,
        "id": f"01991111-0000-7000-8000-{at:012x}",
        "occurred": None,
        "on_behalf_of": None,
        "outcome": "ok",
        "private": {},
        "request": None,
        "session": None,
        "stream": f"{'file' if deletion else 'access'}:{file}",
        "time": f"2026-11-21T12:{at // 60 % 60:02}:{at % 60:02}.000000Z",
        "type": "file.soft_deleted.v1" if deletion else "file.accessed.v1",
        "workspace": f"ws-{at * 7 % 40 % 3}",
    }


def seal(wanted: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return exact bytes, each link and each head as the log would have sealed them."""
    newest: dict[str, tuple[int, str]] = {}
    states = []
    for one in wanted:
        event = {**one, "data": dict(one["data"])}
        for what, count, prev in (("stream", "version", "prev"), ("workspace", "number", "workspace_prev")):
            event[count], event[prev] = newest.get(f"{what} {one[what]}", (0, None))
            event[count] += 1
        if "access_head" in event["data"]:
            version, leaf = newest.get(f"stream access:{one['stream'][5:]}", (0, ""))
            event["data"]["access_head"] = {"version": version, "leaf": leaf} if version else None
        states.append(canonical(event))
        for what, count in (("stream", "version"), ("workspace", "number")):
            newest[f"{what} {one[what]}"] = event[count], leaf_hash(states[-1]).hex()
    return states


def edited(state: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """Return an event with changed fields, still in canonical form."""
    return canonical({**(event := json.loads(state)), **change(event)})


def signed(states: Sequence[bytes], size: int | None = None) -> bytes:
    """Return the checkpoint of the first `size` of these entries."""
    size = len(states) if size is None else size
    return sign_checkpoint(Checkpoint(ORIGIN, size, NaiveTree(states[:size]).root(size)), [LOG])


def write_lines(path: Path, states: Sequence[bytes]) -> Path:
    """Write a file of events, one per line."""
    path.write_bytes(b"".join(state + b"\n" for state in states))
    return path


def write_folder(path: Path, states: Sequence[bytes], checkpoint: bytes | None = None) -> Path:
    """Write tiles, entries and checkpoint as they are published, by the other implementation."""
    size, tree = len(states), Edge()
    rows = tree.append([leaf_hash(state) for state in states])
    parts: list[tuple[Tile | EntryBundle, bytes]] = [
        (tile, rows[tile.key][: tile.width * 32]) for tile in tiles_between(0, size)
    ]
    for bundle in bundles_between(0, size):
        parts.append((bundle, encode_entries(states[bundle.begin : bundle.begin + bundle.width])))
    for place, content in parts:
        (path / place.path).parent.mkdir(parents=True, exist_ok=True)
        (path / place.path).write_bytes(content)
    path.mkdir(exist_ok=True)
    (path / "checkpoint").write_bytes(signed(states) if checkpoint is None else checkpoint)
    assert size <= FULL * FULL
    return path
