"""What `put` does when the answer to an upload never comes."""

import httpx
import pytest

from provenstore.api.cli.local_files import Hashed
from provenstore.api.cli.put import send
from provenstore.api.client import Client, Connection
from provenstore.domain.errors import Unavailable

BEGUN = {"id": "x", "media_type": "text/plain"}


def _client(status: str) -> tuple[Client, list[str]]:
    """Return a client whose uploads break off, after which the file is in `status`; and what it asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        asked.append(request.method)
        if request.method == "PUT":
            raise httpx.ReadError("reset")
        return httpx.Response(200, json={"id": "x", "status": status})

    return Client(Connection("http://ledger.example"), transport=httpx.MockTransport(answer)), asked


def test_an_upload_that_arrived_is_not_called_lost() -> None:
    """The ledger is asked, and its word counts; nothing is sent twice."""
    client, asked = _client("stored")
    assert send(client, BEGUN, Hashed([b"abc"]), 3)["status"] == "stored"
    assert asked == ["PUT", "GET"]


def test_an_upload_that_did_not_arrive_is_given_up() -> None:
    """So that it takes no quota, and the caller hears that it can try again."""
    client, asked = _client("initiated")
    with pytest.raises(Unavailable):
        send(client, BEGUN, Hashed([b"abc"]), 3)
    assert asked == ["PUT", "GET", "DELETE"]
