"""Headers and access settings of a stored object: only those that we set may be served.

The user of a URL that wrote the object, or of the store's credentials, may have set headers or made it readable to
others.
"""

from typing import Literal

from provenstore.domain.files.file import File
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectInfo

_ACCESS = "access"


def extras_of(store: ObjectStore, file: File, info: ObjectInfo) -> tuple[str, ...]:
    """Return the names of extras that we did not set (rule only-what-we-set); none for bytes that came through us.

    No URL could write those objects, and the check costs two requests to the store.
    """
    if file.initiated.upload == "api":
        return ()
    found = store.extras(info.key, version=info.version_id)
    if essence(info.media_type) != essence(file.initiated.media_type):
        found = (*found, "content-type")
    return found


def check_of(extras: tuple[str, ...]) -> Literal["access", "headers"]:
    """Return which check failed; `access` (others may read the object) is the more serious one."""
    return "access" if _ACCESS in extras else "headers"


def essence(media_type: str) -> str:
    """Return a media type without its parameters, in lower case: some stores add a charset."""
    return media_type.partition(";")[0].strip().lower()
