"""What a stored object carries beside its bytes: only what we set may be served, and only to whom we give it.

A URL that wrote the object, or somebody with the store's key, may have left headers on it or opened it to others.
"""

from typing import Literal

from provenstore.domain.files.file import File
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectInfo

_ACCESS = "access"


def extras_of(store: ObjectStore, file: File, info: ObjectInfo) -> tuple[str, ...]:
    """Name what the object carries that we did not set (rule only-what-we-set); nothing of bytes that came through us.

    No URL could reach those, and asking costs two requests of the store.
    """
    if file.initiated.upload == "api":
        return ()
    found = store.extras(info.key, version=info.version_id)
    if essence(info.media_type) != essence(file.initiated.media_type):
        found = (*found, "content-type")
    return found


def check_of(extras: tuple[str, ...]) -> Literal["access", "headers"]:
    """Return which comparison failed; that others may read the object is the graver one."""
    return "access" if _ACCESS in extras else "headers"


def essence(media_type: str) -> str:
    """Return a media type without its parameters, in lower case: some stores add a charset."""
    return media_type.partition(";")[0].strip().lower()
