"""The list of versions that a purge destroys, of any length: its pages, its count and its digest. Pure.

The digest is the SHA-256 over one line per version, in byte order: the version's canonical JSON (RFC 8785, the members
key, marker, size and version_id) and a line feed. So it depends on the versions, not on the order in which a store
lists them or in which pages record them.
"""

import hashlib
from collections.abc import Collection, Iterable

from provenstore.domain.canonical import canonical
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files.file_events import DestroyedVersion, Purged, PurgeListed, PurgeStarted
from provenstore.domain.storage.objects import ObjectVersion

Versions = tuple[DestroyedVersion, ...]


def destroyed_versions(path: str, found: Iterable[ObjectVersion]) -> Versions:
    """Return the versions at a file's keys in the form of events; `key` is set if it is not the file's path."""
    return tuple(
        DestroyedVersion(
            key=None if one.key == path else one.key,
            version_id=one.version_id,
            size=one.size,
            marker=one.is_delete_marker,
        )
        for one in found
    )


def list_digest(versions: Collection[DestroyedVersion]) -> str:
    """Return the hex SHA-256 of a list of versions; see the module for its definition."""
    lines = sorted(canonical(one.model_dump(mode="json")) + b"\n" for one in versions)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def destroyed(purged: Purged, events: Iterable[Event]) -> Versions:
    """Return all versions that a purge destroyed, from the events of the file."""
    if purged.versions or not purged.count:
        return purged.versions
    listed: list[DestroyedVersion] = []
    for event in events:
        data = event.data
        if isinstance(data, PurgeStarted | PurgeListed) and data.purge == purged.purge:
            listed += data.versions
    return tuple(listed)
