"""Content is served as what it is only where a browser runs nothing in it, and under a name that misleads nobody."""

import pytest

from provenstore.domain.storage.disposition import content_disposition, served


@pytest.mark.parametrize(
    "media_type", ["image/png", "application/pdf", "text/plain", "audio/mpeg", "video/mp4", "text/csv"]
)
def test_passive_content_is_shown(media_type: str) -> None:
    """Images, sound, documents: as they were stored, inline where that was asked for."""
    shown = served(media_type, "inline", "a")
    assert (shown.media_type, shown.disposition) == (media_type, 'inline; filename="a"')
    assert served(media_type, "attachment", "a").disposition == 'attachment; filename="a"'


@pytest.mark.parametrize(
    "media_type",
    [
        *("text/html", "application/xhtml+xml", "image/svg+xml", "application/xml", "text/xml", "application/rss+xml"),
        *("text/javascript", "application/ecmascript", "application/x-javascript", "text/vbscript", "text/css"),
        *("message/rfc822", "multipart/related", "multipart/x-mixed-replace", "application/x-mimearchive"),
        *("application/wasm", "application/java-archive", "application/x-shockwave-flash", "text/cache-manifest"),
    ],
)
def test_active_content_is_a_download_of_bytes(media_type: str) -> None:
    """What a browser would run is neither shown nor called by its type."""
    shown = served(media_type, "inline", "a")
    assert (shown.media_type, shown.kind) == ("application/octet-stream", "attachment")


def test_unknown_types_are_downloads() -> None:
    """Shown is what is known to be passive, not what is not known to be active."""
    assert served("application/vnd.ms-excel", "inline", "a").kind == "attachment"
    assert served("application/vnd.ms-excel", "inline", "a").media_type == "application/vnd.ms-excel"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("../a\\b.txt", 'attachment; filename=".._a_b.txt"'),
        ("a\r\nSet-Cookie: x", 'attachment; filename="a__Set-Cookie: x"'),
        ("report\u202efdp.exe", 'attachment; filename="report_fdp.exe"'),
        ("\u05e9\u200f.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%D7%A9%E2%80%8F.pdf"),
    ],
)
def test_names_in_the_header(name: str, header: str) -> None:
    """No path, no further line, nothing that turns the name round; right-to-left names stay whole."""
    assert content_disposition("attachment", name) == header
