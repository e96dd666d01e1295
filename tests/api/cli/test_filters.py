"""`ls` narrows a list by everything that the API can be asked for, against a server and on its data directory."""

from pathlib import Path
from uuid import uuid4

from .conftest import Provenstore


def test_dates_retention_and_metadata(both: Provenstore, tmp_path: Path) -> None:
    """Each condition tells the files apart; an entry is asked for with or without its value."""
    workspace = f"w-{uuid4().hex[:16]}"
    both("workspace", "create", workspace)
    ids = {}
    for name in ("kept", "gone"):
        (path := tmp_path / f"{name}.txt").write_bytes(b"x")
        more = ("--metadata", "shelf=7", "--expires-at", "2999-01-01") if name == "kept" else ()
        ids[both("put", path, "--workspace", workspace, *more, "--json").json["id"]] = name
    by_name = {name: file_id for file_id, name in ids.items()}
    both("retention", "set", by_name["kept"], "--until", "2999-01-01", "--mode", "governance", "--reason", "law")
    both("rm", by_name["gone"], "--reason", "done")

    def found(*asked: str) -> set[str]:
        listed = both("ls", "--workspace", workspace, *asked, "--json").documents
        return {ids[one["id"]] for one in listed}

    assert found("--deleted-from", "2020-01-01") == {"gone"}
    assert found("--deleted-before", "2020-01-01") == set()
    assert found("--expires-from", "2998-12-31", "--expires-before", "2999-01-02") == {"kept"}
    assert found("--stored-from", "2020-01-01") == {"kept", "gone"}
    assert found("--stored-before", "2020-01-01") == set()
    assert found("--retained-until", "2999-01-01") == {"kept"}
    assert found("--unretained-at", "2998-01-01") == {"gone"}
    assert found("--retention-mode", "governance") == {"kept"}
    assert found("--retention-mode", "compliance") == set()
    assert found("--metadata", "shelf") == found("--metadata", "shelf=7") == {"kept"}
    assert found("--metadata", "shelf=") == found("--metadata", "floor") == set()
    assert "is not a time" in both("ls", "--retained-until", "2999-01-01T00:00:00", code=2).err
