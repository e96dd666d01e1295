"""`change` and `erase`, against a server and on its data directory."""

import json
from pathlib import Path
from typing import get_args
from uuid import uuid4

from provenstore.api.cli import change, options
from provenstore.domain import file_events as fe
from provenstore.domain.erasure import OF_FILES
from provenstore.domain.store_call import OUTCOMES, STORE_ACTS
from provenstore.projections.jobs import KINDS

from .conftest import Provenstore


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


def test_what_is_erased_is_gone_from_the_history_too(both: Provenstore, tmp_path: Path) -> None:
    """The events and their order stay; whoever reads them sees who erased what."""
    file = _stored(both, tmp_path)
    both("erase", file, "--field", "subjects", "--field", "metadata", "--reason", "asked by the person")
    history = both("history", file, "--json")
    assert b"author-7" not in history.out
    last = history.json["events"][-1]["event"]
    assert last["type"] == "file.personal_data_erased.v1"
    begun = history.json["events"][0]["disclosures"]
    assert begun["subjects"] == begun["metadata"] == {"erased_by": last["id"]}
    assert begun["filename"] == "report.pdf"
    assert "subjects=(erased)" in both("history", file).text


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
    assert change.ERASABLE == OF_FILES
