"""`category`, against a server and on its data directory."""

from pathlib import Path
from uuid import uuid4

from .conftest import Provenstore


def test_a_category_of_ones_own_takes_every_type(both: Provenstore, tmp_path: Path) -> None:
    """Added without a list it takes what the everyday brings, and its folder is the template's."""
    workspace = f"w-{uuid4().hex[:12]}"
    both("workspace", "create", workspace)
    added = both("category", "add", workspace, "scans", "--template", "scans/{year}/", "--max-size", "1000", "--json")
    [category] = added.documents
    assert (category["extensions"], category["max_size"]) == (["*"], 1_000)
    scan = tmp_path / "Akte.docx"
    scan.write_bytes(b"PK")
    file = both("put", scan, "--workspace", workspace, "--category", "scans").text.strip()
    shown = both("show", file, "--json").json
    assert shown["path"].startswith("scans/")
    assert shown["media_type"].endswith("wordprocessingml.document")


def test_limits_are_set_and_return(both: Provenstore) -> None:
    """What is not given is as built in again; the list shows what holds."""
    workspace = f"w-{uuid4().hex[:12]}"
    both("workspace", "create", workspace)
    both("category", "limit", workspace, "misc", "--extension", "csv", "--extension", "pdf", "--link-ttl", "60")
    assert "misc" in both("category", "list", workspace).text
    listed = {one["category"]: one for one in both("category", "list", workspace, "--json").documents}
    assert (listed["misc"]["extensions"], listed["misc"]["link_ttl"]) == (["csv", "pdf"], 60)
    both("category", "limit", workspace, "book_cover", "--extension", "*")
    again = both("category", "limit", workspace, "misc", "--json").documents
    assert (again[0]["extensions"], again[0]["link_ttl"]) == (["*"], 3_600)
    refused = both("category", "limit", workspace, "nothing", code=1)
    assert "which this workspace does not have" in refused.err
