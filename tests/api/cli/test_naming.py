"""Names from outside, made harmless: they stay below the folder, whatever they say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.api.cli.safe_paths import MAX_DEPTH, MAX_NAME_BYTES, Place, beside, harmless, place_of

ID = "0199f4a6-0000-7000-8000-000000000000"


def _file(path: str | None, filename: str | None = "report.pdf") -> dict[str, Any]:
    metadata = {} if path is None else {"path": path}
    return {"id": ID, "filename": filename, "path": f"misc/2026/11/{ID}.pdf", "metadata": metadata}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("photos/2026/one.jpg", ("photos", "2026", "one.jpg")),
        ("../../etc/passwd", ("_", "_", "etc", "passwd")),
        ("/etc//./passwd", ("etc", "passwd")),
        ("..\\..\\x.pdf", ("_.._.._x.pdf",)),
        ("a/\0/b\n.pdf", ("a", "_", "b_.pdf")),
        ("c:/nul.txt", ("c_", "_nul.txt")),
        ("COM1/lpt9.pdf.txt", ("_COM1", "_lpt9.pdf.txt")),
        ("console/com10.txt", ("console", "com10.txt")),
        (".ssh/-rf", ("_.ssh", "_-rf")),
        ("dots. . /x .pdf.", ("dots", "x .pdf")),
        ("...", ("_",)),
        ("/", ("report.pdf",)),
        ("x/" * MAX_DEPTH + "x", ("report.pdf",)),
        (None, ("report.pdf",)),
    ],
)
def test_a_place_is_below_the_folder(path: str | None, place: Place) -> None:
    """What may stay stays; the rest becomes an underscore or gets one."""
    assert place_of(_file(path)) == place


def test_without_any_name_the_object_has_one() -> None:
    """Names can be erased; the key in the store tells nothing."""
    assert place_of(_file(None, None)) == (f"{ID}.pdf",)


@given(st.text())
def test_any_name_can_be_written(name: str) -> None:
    """Never empty, a path, hidden, an option, or too long; and harmless is harmless."""
    found = harmless(name)
    assert found
    assert not set(found) & set('/\\\0\n:*?"<>|')
    assert not found.startswith((".", "-"))
    assert not found.endswith((".", " "))
    assert len(found.encode()) <= MAX_NAME_BYTES
    assert harmless(found) == found


def test_a_long_name_keeps_its_extension() -> None:
    """It is what programs go by."""
    assert harmless("ü" * 300 + ".pdf").endswith("ü.pdf")
    long = beside(("a", "ü" * 120 + ".pdf"), ID)
    assert long[-1].endswith(f"ü~{ID}.pdf")
    assert len(long[-1].encode()) <= MAX_NAME_BYTES


def test_a_taken_place_is_told_apart_by_the_id() -> None:
    """Before the extension, in the same folder."""
    assert beside(("a", "b.tar.gz"), ID) == ("a", f"b.tar~{ID}.gz")
    assert beside(("noext",), ID) == (f"noext~{ID}",)
