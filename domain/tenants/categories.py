"""Where a file belongs: its category, the path that follows from it, and the limits that hold there.

A path is made of the category's template, dated where files keep coming, and `<uuid>.<extension>`. The original name,
and anything else that is private, never enters it; values for placeholders such as `{site}` are public slugs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from provenstore.domain.errors import InvalidInput
from provenstore.domain.storage.media_types import ANY_TYPE, MEDIA_TYPES
from provenstore.domain.tenants.workspace_events import Limits
from provenstore.domain.text import require_slug

GIB = 1024**3
MIB = 1024**2
HOUR = 3_600
DAY = 86_400

MAX_PATH_BYTES = 1_024
"""The longest key that S3 and Ceph RGW take."""

MAX_TEMPLATE = 512
"""Characters; it leaves room in a path for the values of its placeholders."""

DEFAULT_EXTENSIONS = ("pdf", "epub", "txt", "mp3", "wav", "m4a", "jpg", "png", "webp", "mp4", "webm")
EVERY_TYPE = ("*",)
"""In place of extensions: every type, files without an extension among them."""

UPLOAD_TTL = DAY
"""An upload not finished in 24 hours is given up."""

PLACE_NAME = "[a-z_]+"
SEGMENT = re.compile(rf"[a-z0-9_-]+|\{{{PLACE_NAME}\}}")
_PLACEHOLDER = re.compile(rf"\{{({PLACE_NAME})\}}")


@dataclass(frozen=True, slots=True)
class Category:
    """A category with all its limits decided."""

    name: str
    template: str
    extensions: tuple[str, ...] = DEFAULT_EXTENSIONS
    max_size: int = 5 * GIB
    expires_after: int | None = None
    allow_empty: bool = True
    reserve: int = 64 * MIB
    link_ttl: int = HOUR
    direct_links: bool = False

    def limited(self, limits: Limits) -> "Category":
        """Return this category under a workspace's own limits."""
        changes = {name: value for name, value in limits.model_dump().items() if value is not None}
        if limits.expires_after == 0:
            changes["expires_after"] = None
        changed = replace(self, **changes)
        return replace(changed, reserve=min(changed.reserve, changed.max_size))


_ZIP = (*DEFAULT_EXTENSIONS, "zip")
_DATED = "/{year}/{month}/"

BUILT_IN: Mapping[str, Category] = {
    category.name: category
    for category in (
        Category("book_content", "books/content" + _DATED),
        Category("book_cover", "books/covers" + _DATED),
        Category("book_asset", "books/assets" + _DATED),
        Category("audiobook", "audiobooks/full" + _DATED),
        Category("audiobook_chapter", "audiobooks/chapters" + _DATED),
        Category("audiobook_sample", "audiobooks/samples" + _DATED),
        Category("site_asset", "generated-sites/{site}/assets/"),
        Category("site_export", "generated-sites/{site}/exports/", _ZIP),
        Category("site_template", "generated-sites/templates/", _ZIP),
        Category("author_avatar", "authors/avatars/"),
        Category("author_media", "authors/media" + _DATED),
        Category("author_branding", "authors/branding/"),
        Category("user_avatar", "user-content/avatars/"),
        Category("user_content", "user-content/notes" + _DATED),
        Category("user_progress", "user-content/progress" + _DATED),
        Category("chatbot_avatar", "chatbot/avatars/"),
        Category("chatbot_asset", "chatbot/knowledge" + _DATED),
        Category("temp", "temp/uploads" + _DATED, expires_after=DAY),
        Category("temp_processing", "temp/processing" + _DATED, expires_after=DAY),
        Category("backup", "backups/database" + _DATED, _ZIP, allow_empty=False),
        Category("site_backup", "backups/sites" + _DATED, _ZIP, allow_empty=False),
        Category("export", "exports" + _DATED, _ZIP, expires_after=7 * DAY),
        Category("app", "misc/apps" + _DATED, _ZIP),
        Category("misc", "misc" + _DATED, EVERY_TYPE),
    )
}

_DEFAULTS = {"site": "shared"}
_FILLED_BY_US = frozenset({"workspace", "year", "month"})


def require_template(template: str) -> str:
    """Return the template of a workspace's own category, e.g. `{workspace}/{system}/{object_type}/{object_id}/`.

    It ends in `/`; each segment is a-z, 0-9, `-`, `_` or one placeholder.
    """
    if len(template) > MAX_TEMPLATE or not template.endswith("/"):
        raise InvalidInput(
            "template", f"is longer than {MAX_TEMPLATE} characters or does not end in '/'", limit=MAX_TEMPLATE
        )
    if not all(SEGMENT.fullmatch(segment) for segment in template[:-1].split("/")):
        raise InvalidInput("template", "has a segment that is neither a-z, 0-9, '-', '_' nor one {placeholder}")
    if template.split("/", maxsplit=1)[0] in roots():
        raise InvalidInput("template", "begins in a folder of the built-in categories")
    return template


def roots() -> set[str]:
    """Return the folders of the built-in categories, where no template of a workspace's own may begin."""
    return {category.template.split("/")[0] for category in BUILT_IN.values()}


def path_for(
    category: Category, *, workspace: str, placement: Mapping[str, str], file_id: UUID, extension: str, now: datetime
) -> str:
    """Return the object's key, without a dot where `extension` is empty.

    InvalidInput if a placeholder has no value, or a value no placeholder.
    """
    wanted = set(_PLACEHOLDER.findall(category.template)) - _FILLED_BY_US
    if unknown := placement.keys() - wanted:
        raise InvalidInput("placement", f"has {min(unknown)!r}, which category {category.name} does not use")
    values = {name: placement.get(name, _DEFAULTS.get(name)) for name in wanted}
    for name, value in values.items():
        if value is None:
            raise InvalidInput("placement", f"lacks {name!r}, which category {category.name} needs")
        require_slug("placement", value)
    filled = category.template.format(workspace=workspace, year=f"{now.year:04}", month=f"{now.month:02}", **values)
    path = f"{filled}{file_id}.{extension}" if extension else f"{filled}{file_id}"
    if len(path) > MAX_PATH_BYTES:
        raise InvalidInput("placement", f"makes a path longer than {MAX_PATH_BYTES} bytes", limit=MAX_PATH_BYTES)
    return path


def require_type(category: Category, extension: str, media_type: str) -> None:
    """Refuse an extension that the category does not take, and a media type that contradicts the extension.

    `extension` is empty for a file without one, which only a category of every type takes.
    """
    if category.extensions != EVERY_TYPE and extension not in category.extensions:
        found = f"has type {extension!r}" if extension else "has no extension of letters and digits"
        raise InvalidInput("filename", f"{found}; category {category.name} takes {' '.join(category.extensions)}")
    known = MEDIA_TYPES.get(extension)
    if known and media_type != ANY_TYPE and media_type not in known:
        raise InvalidInput("media_type", f"is {media_type}, but a file of type {extension!r} is {known[0]}")
