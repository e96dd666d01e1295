"""`change` and `erase`, against a server and on its data directory."""

import json
from pathlib import Path
from typing import get_args
from uuid import uuid4

from provenstore.api.cli import erasing, options
from provenstore.domain.files import file_events as fe
from provenstore.domain.privacy.erasure import OF_FILES
from provenstore.domain.storage.store_call import OUTCOMES, STORE_ACTS
from provenstore.projections.files.jobs import KINDS

from .conftest import Provenstore, Served


def _stored(provenstore: Provenstore, tmp_path: Path) -> str:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 a report")
    said = ["--metadata", "a=1", "--metadata", "b=2", "--subject", "author-7", "--related", "order:9"]
    return provenstore("put", path, *said).text.strip()


def test_what_is_named_changes_and_the_rest_stays(both: Provenstore, tmp_path: Path) -> None:
    """Entries are replaced as a whole, and stdout has the id alone."""
    file = _stored(both, tmp_path)
    expires = ["--expires-at", "2100-01-01"]
    ran = both("change", file, "--name", "final.pdf", "--access", "workspace", "--metadata", "a=3", *expires)
    assert (ran.text, ran.err) == (f"{file}\n", "changed final.pdf\n")
    shown = both("show", file, "--json").json
    assert (shown["filename"], shown["access"], shown["metadata"]) == ("final.pdf", "workspace", {"a": "3"})
    assert (shown["subjects"], shown["expires_at"]) == (["author-7"], "2100-01-01T00:00:00.000000Z")
    emptied = both("change", file, "--clear", "subjects", "--clear", "related", "--expires-at", "never", "--json").json
    assert (emptied["subjects"], emptied["related"], emptied["expires_at"]) == ([], [], None)
    assert emptied["metadata"] == {"a": "3"}


def test_a_refused_change_changes_nothing(both: Provenstore, tmp_path: Path) -> None:
    """All of it or none: publishing is refused under a hold, so the new name is not taken either."""
    file = _stored(both, tmp_path)
    both("hold", "place", file, "--name", "audit", "--reason", "asked")
    assert "legal hold" in both("change", file, "--name", "final.pdf", "--access", "public", code=1).err
    assert both("show", file, "--json").json["filename"] == "report.pdf"


def test_what_is_erased_is_gone_from_the_history_too(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """By two persons. The events and their order stay; whoever reads them sees who erased what."""
    file = _stored(both, tmp_path)
    asked = served.server(
        "erase", file, "--field", "subjects", "--field", "metadata", "--reason", "asked by the person"
    )
    request = asked.text.strip()
    assert "another person approves it" in asked.err
    assert "other than the one who asked" in served.server("erase", "approve", request, code=1).err
    assert "completed: 2 values were erased" in served.second("erase", "approve", request).err
    assert request in both("erase", "list").text
    history = both("history", file, "--json")
    assert b"author-7" not in history.out
    types = [one["event"]["type"] for one in history.documents]
    last = history.documents[types.index("file.personal_data_erased.v1")]["event"]
    begun = history.documents[0]["disclosures"]
    assert begun["subjects"] == begun["metadata"] == {"erased_by": last["id"]}
    assert begun["filename"] == "report.pdf"
    assert "subjects=(erased)" in both("history", file).text


def test_a_person_is_erased_everywhere(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """Shown first; rejected it stays, approved it goes; what is searched for is never printed."""
    name = f"anna-{uuid4()}"
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 a report")
    file = both("put", path, "--subject", name).text.strip()
    shown = both("erase", "preview", "--subject", name, "--workspace", "default")
    assert shown.text.split()[-3:] == ["file", "subjects", "1"]
    assert "1 value, of 1 file" in shown.err
    for decision, told in (("reject", "rejected"), ("approve", "completed")):
        said = ("--workspace", "default", "--reason", "asked to", "--json")
        asked = served.server("erase", "--subject", name, *said)
        assert (asked.json["status"], asked.json["report"]) == ("requested", None)
        decided = served.second("erase", decision, asked.json["id"], "--reason", "seen")
        assert told in decided.err
        shown = both("erase", "show", asked.json["id"], "--json")
        assert shown.json["status"] == told
        assert name.encode() not in asked.out + decided.out + shown.out
    assert both("show", file, "--json").json["subjects"] == []


def test_unknown_files_are_not_changed(both: Provenstore) -> None:
    """Nor does the answer tell whether there is one elsewhere."""
    refused = both("change", str(uuid4()), "--name", "x.pdf", "--json", code=1)
    assert json.loads(refused.err)["code"] == "not-found"


def test_words_are_those_of_the_domain() -> None:
    """Options spell them out, because importing the domain would make help slow."""
    assert get_args(options.AccessLevel) == get_args(fe.AccessLevel)
    assert get_args(options.Variant) == get_args(fe.Variant)
    assert get_args(options.Kind) == KINDS
    assert get_args(options.StoreAct) == STORE_ACTS
    assert get_args(options.Outcome) == OUTCOMES
    assert get_args(options.RetentionMode) == get_args(fe.RetentionMode)
    assert erasing.ERASABLE == OF_FILES
