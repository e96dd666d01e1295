"""What the local folder knows about a file beside its bytes: one small JSON record, in a folder of its own.

A record is bound to one file by inode, size and time of modification. So it may be written before the file takes its
name, and a crash in between, a restored backup or an edit behind our back makes it fit nothing: then it is ignored
and the bytes are hashed again. A record proves nothing; it only saves that reading.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from provenstore.domain.storage.objects import Digests, ObjectInfo

UNKNOWN_TYPE = "application/octet-stream"
_MAX_BYTES = 16 * 1024  # two records of at most a few hundred bytes, with room


@dataclass(frozen=True, kw_only=True)
class Record:
    """A file's identity and what was computed or said about its bytes when they were written."""

    inode: int
    size: int  # bytes
    mtime_ns: int
    media_type: str
    etag: str
    sha256: str
    md5: str
    upload: str | None = None  # the multipart upload that it was completed from

    def fits(self, found: os.stat_result) -> bool:
        """Tell whether this is the record of exactly that file, unchanged."""
        return (self.inode, self.size, self.mtime_ns) == (found.st_ino, found.st_size, found.st_mtime_ns)

    def info(self, key: str) -> ObjectInfo:
        """Return the record as the port tells it."""
        return ObjectInfo(
            key=key,
            size=self.size,
            etag=self.etag,
            media_type=self.media_type,
            version_id=None,
            sha256=self.sha256,
            md5=self.md5,
            modified=moment(self.mtime_ns),
        )


_RECORDS = TypeAdapter(list[Record])


def record_of(
    found: os.stat_result, digests: Digests, media_type: str, *, etag: str | None = None, upload: str | None = None
) -> Record:
    """Make the record of a file whose bytes were just hashed; its etag is the MD5 unless another is given."""
    if digests.md5 is None:
        raise ValueError("the folder keeps the MD5 of everything")
    return Record(
        inode=found.st_ino,
        size=digests.size,
        mtime_ns=found.st_mtime_ns,
        media_type=media_type,
        etag=etag or digests.md5,
        sha256=digests.sha256,
        md5=digests.md5,
        upload=upload,
    )


def moment(nanoseconds: int) -> datetime:
    """Return a file's time as a datetime in UTC, cut to microseconds."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).replace(microsecond=nanoseconds % 10**9 // 1000)


def record_name(key: str) -> str:
    """Return the file name of a key's record: a hash, since a key may be longer than a name may be."""
    return hashlib.sha256(key.encode()).hexdigest() + ".json"


def encode(records: list[Record]) -> bytes:
    """Write records, the newest first, as JSON."""
    return _RECORDS.dump_json(records, indent=1)


def decode(descriptor: int) -> list[Record]:
    """Read records; what is damaged counts as absent, since the bytes can always be hashed again."""
    try:
        return _RECORDS.validate_json(os.pread(descriptor, _MAX_BYTES, 0), strict=True)
    except ValidationError:
        return []
