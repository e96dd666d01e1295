"""Paths follow from category, date and id alone; types and limits follow from category and workspace."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.errors import InvalidInput
from provenstore.domain.storage.media_types import extension_of, media_type_of
from provenstore.domain.tenants.categories import BUILT_IN, GIB, path_for, require_template, require_type
from provenstore.domain.tenants.workspace_events import Limits

ID = UUID("0199aaaa-0000-7000-8000-00000000c0de")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _path(name: str, **placement: str) -> str:
    return path_for(BUILT_IN[name], workspace="acme", placement=placement, file_id=ID, extension="pdf", now=NOW)


@pytest.mark.parametrize(
    ("category", "folder"),
    [
        ("book_content", "books/content/2026/03"),
        ("book_cover", "books/covers/2026/03"),
        ("audiobook", "audiobooks/full/2026/03"),
        ("audiobook_chapter", "audiobooks/chapters/2026/03"),
        ("site_asset", "generated-sites/shared/assets"),
        ("site_template", "generated-sites/templates"),
        ("author_media", "authors/media/2026/03"),
        ("user_avatar", "user-content/avatars"),
        ("chatbot_asset", "chatbot/knowledge/2026/03"),
        ("temp", "temp/uploads/2026/03"),
        ("backup", "backups/database/2026/03"),
        ("export", "exports/2026/03"),
        ("misc", "misc/2026/03"),
    ],
)
def test_paths_follow_the_tree(category: str, folder: str) -> None:
    """The folder by category, the month where files keep coming, the id as the name."""
    assert _path(category) == f"{folder}/{ID}.pdf"


def test_every_folder_of_the_tree_has_a_category() -> None:
    """The tree that callers know is reachable in full."""
    folders = {"/".join(category.template.split("/{year}")[0].rstrip("/").split("/")) for category in BUILT_IN.values()}
    tree = """books/content books/covers books/assets audiobooks/chapters audiobooks/full audiobooks/samples
        generated-sites/{site}/assets generated-sites/{site}/exports generated-sites/templates authors/avatars
        authors/media authors/branding user-content/avatars user-content/notes user-content/progress chatbot/avatars
        chatbot/knowledge temp/uploads temp/processing backups/database backups/sites exports misc"""
    assert set(tree.split()) <= folders


def test_a_site_has_its_own_folder() -> None:
    """The site is a public slug, not a path."""
    assert _path("site_asset", site="my-site") == f"generated-sites/my-site/assets/{ID}.pdf"
    with pytest.raises(InvalidInput, match="placement"):
        _path("site_asset", site="../secret")


def test_placement_must_be_used() -> None:
    """A value that no placeholder takes is a mistake."""
    with pytest.raises(InvalidInput, match="does not use"):
        _path("misc", site="x")


@pytest.mark.parametrize(
    ("filename", "media_type", "extension"),
    [
        ("a.pdf", "application/pdf", "pdf"),
        ("A.PDF", "application/pdf", "pdf"),
        ("a.b.c.txt", "text/plain", "txt"),
        ("db.tar.gz", "application/gzip", "tar.gz"),
        ("photo.jpeg", "image/jpeg", "jpg"),
        ("README", "text/plain", "txt"),
        (".bashrc", "text/plain", "txt"),
        ("trailing.", "image/png", "png"),
        ("README", "application/x-unknown", ""),
        ("a.p d", "text/plain", ""),
        ("a.thirteenchars", "text/plain", ""),
        ("a.ö", "text/plain", ""),
    ],
)
def test_extension(filename: str, media_type: str, extension: str) -> None:
    """What follows the last dot, lower-cased; by media type where there is none; empty where neither tells."""
    assert extension_of(filename, media_type) == extension


@given(st.text(max_size=30))
def test_an_extension_never_leaves_the_folder(filename: str) -> None:
    """Whatever the name, the path stays a path of ours."""
    extension = extension_of(filename, "text/plain")
    assert extension.replace(".", "").isalnum() or extension == ""
    assert extension.isascii()


def test_types_by_category() -> None:
    """zip goes where archives go, and a media type does not contradict its extension."""
    require_type(BUILT_IN["export"], "zip", "application/zip")
    require_type(BUILT_IN["book_content"], "pdf", "application/octet-stream")
    with pytest.raises(InvalidInput, match="takes pdf epub"):
        require_type(BUILT_IN["book_content"], "zip", "application/zip")
    with pytest.raises(InvalidInput, match="media_type"):
        require_type(BUILT_IN["book_content"], "pdf", "text/html")


EVERYDAY = [
    *("docx", "xlsx", "pptx", "odt", "csv", "tsv", "eml", "msg", "zip", "gz", "tar.gz", "7z", "parquet", "json"),
    *("xml", "html", "svg", "md", "rtf", "gif", "tiff", "heic", "mov", "log"),
]


@pytest.mark.parametrize("extension", [*EVERYDAY, ""])
def test_misc_takes_every_type(extension: str) -> None:
    """A file that no list foresaw is still a file."""
    name = f"a.{extension}" if extension else "README"
    media_type = media_type_of(name)
    require_type(BUILT_IN["misc"], extension_of(name, media_type), media_type)
    with pytest.raises(InvalidInput, match="filename"):
        require_type(BUILT_IN["book_cover"], "", media_type)


def test_a_file_without_an_extension_has_its_id_for_a_name() -> None:
    """No dot is made up."""
    path = path_for(BUILT_IN["misc"], workspace="acme", placement={}, file_id=ID, extension="", now=NOW)
    assert path == f"misc/2026/03/{ID}"


def test_limits_of_a_workspace() -> None:
    """What is named changes, the rest stays; a reservation never exceeds the largest file."""
    category = BUILT_IN["temp"].limited(Limits(max_size=1024, expires_after=0, extensions=("csv",)))
    assert (category.max_size, category.expires_after, category.extensions, category.reserve) == (
        1024,
        None,
        ("csv",),
        1024,
    )
    assert BUILT_IN["temp"].expires_after == 86_400
    assert BUILT_IN["export"].expires_after == 7 * 86_400
    assert BUILT_IN["misc"].max_size == 5 * GIB


@pytest.mark.parametrize(
    "template", ["{workspace}/{system}/{object_type}/{object_id}/", "archive/{year}/{month}/", "a/b-c_d/"]
)
def test_templates(template: str) -> None:
    """Segments are plain or one placeholder."""
    assert require_template(template) == template


@pytest.mark.parametrize(
    "template",
    ["a", "../a/", "a//b/", "/a/", "a{b}/", "{A}/", "books/mine/", "a/{b!r}/", "{workspace.x}/", "x" * 600 + "/"],
)
def test_hostile_templates(template: str) -> None:
    """Nothing that formats, climbs or hides among the built-in folders."""
    with pytest.raises(InvalidInput, match="template"):
        require_template(template)


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [
        ("a.PDF", "application/pdf"),
        ("a.jpeg", "image/jpeg"),
        ("a.tar.gz", "application/gzip"),
        ("README", "application/octet-stream"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.csv", "text/csv"),
        ("a.nobody-knows", "application/octet-stream"),
        (".pdf", "application/octet-stream"),
    ],
)
def test_a_name_tells_a_media_type(filename: str, media_type: str) -> None:
    """By its extension, as `require_type` would have it; what is unknown stays unknown."""
    assert media_type == media_type_of(filename)
