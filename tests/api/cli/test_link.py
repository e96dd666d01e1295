"""`link`: the URL on stdout and nothing else there, whether the server or the data directory issues it."""

from pathlib import Path

import httpx
import pytest

from tests.api.cli.conftest import Provenstore, Served


@pytest.fixture
def file_id(both: Provenstore, tmp_path: Path) -> str:
    (tmp_path / "report.txt").write_text("the report")
    found: str = both("put", tmp_path / "report.txt", "--json").json["id"]
    return found


def test_a_link_opens_without_a_key(both: Provenstore, served: Served, file_id: str) -> None:
    """It is one line; how long it is good, and whether it is watched, is said beside it."""
    ran = both("link", file_id, "--ttl", "1h", "--purpose", "review", "--recipient", "jo@example.org", "--inline")
    (url,) = ran.text.splitlines()
    assert "each use is recorded" in ran.err
    assert url not in ran.err
    answer = httpx.get(served.url + url[url.index("/v1/signed/") :])
    assert (answer.text, answer.headers["Content-Disposition"]) == ("the report", 'inline; filename="report.txt"')
    events = both("history", file_id, "--json").documents
    issued = next(one for one in events if one["event"]["type"] == "file.link_issued.v1")
    assert issued["event"]["data"]["ttl"] == 3_600
    assert (issued["disclosures"]["purpose"], issued["disclosures"]["recipient"]) == ("review", "jo@example.org")


def test_a_link_as_json(both: Provenstore, file_id: str) -> None:
    """The document of the contract; ten minutes and an attachment by default."""
    link = both("link", file_id, "--json").json
    assert link.keys() == {"id", "url", "expires_at", "observed", "delivery"}
    assert link["url"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("ttl", ["", "soon", "-1", "1.5h", "1h30m", "10 m", "٣m"])
def test_a_time_that_is_none(served: Served, ttl: str) -> None:
    """A usage error, before anything is asked."""
    ran = served.server("link", "01a1fc12-1b93-7471-b42e-6c593dc77969", f"--ttl={ttl}", code=2)
    assert "--ttl" in ran.err


@pytest.mark.parametrize("ttl", ["0s", "61m", "1d"])
def test_a_time_that_is_refused(both: Provenstore, file_id: str, ttl: str) -> None:
    """The category's limit is named."""
    assert "3,600 seconds" in both("link", file_id, "--ttl", ttl, code=1).err


def test_a_link_is_revoked(both: Provenstore, served: Served, file_id: str) -> None:
    """By its id, which its issue answers; an unknown one is refused."""
    link = both("link", "issue", file_id, "--json").json
    both("link", "revoke", file_id, link["id"], "--reason", "sent to the wrong person")
    assert httpx.get(served.url + link["url"][link["url"].index("/v1/signed/") :]).status_code == 410
    assert both("link", "revoke", file_id, link["id"], "--json").json == {"id": link["id"], "revoked": True}
    assert "no such link" in both("link", "revoke", file_id, file_id, code=1).err


def test_a_link_that_nobody_sees_used_takes_a_policy(both: Provenstore, file_id: str) -> None:
    """The refusal names the category."""
    assert "does not allow" in both("link", file_id, "--unobserved", code=1).err


def test_a_link_of_the_data_directory_leads_to_the_server_that_runs(served: Served, tmp_path: Path) -> None:
    """On whatever port that is; which one it is, or that none runs, is said on stderr."""
    (tmp_path / "report.txt").write_text("the report")
    file = served.direct("put", tmp_path / "report.txt").text.strip()
    ran = served.direct("link", file)
    assert httpx.get(ran.text.strip()).text == "the report"
    assert ran.err.splitlines()[-1] == f"it leads to {served.url}, the server that runs on this data directory"
    alone = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    file = alone("put", tmp_path / "report.txt").text.strip()
    assert alone("link", file).err.splitlines()[-1].startswith("no server runs on this data directory")
    elsewhere = Provenstore({**alone.env, "PROVENSTORE_PUBLIC_URL": "https://ledger.example.com"})
    assert "it leads to https://ledger.example.com" in elsewhere("link", file).err
