"""The client's manners: what it repeats, what it never repeats, and what it makes of answers."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import stamina
from pydantic import SecretStr

from provenstore.api.client import Client, Connection
from provenstore.api.client.problems import error_of
from provenstore.domain import errors
from provenstore.domain.storage.objects import NotSupported

KEY = "pvs_0199f4a600007000800000000000000a_secret"
Answer = httpx.Response | httpx.TransportError

BUSY = httpx.Response(503, json={"code": "database-unavailable", "detail": "the database does not answer"})
BROKEN = httpx.ReadError("reset")
NOT_REACHED = httpx.ConnectError("refused")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retry at once, as often as the client would."""
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


def _client(*answers: Answer) -> tuple[Client, list[httpx.Request]]:
    """Return a client that gets these answers, and the list of what it sent."""
    sent: list[httpx.Request] = []
    waiting = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        sent.append(request)
        found = next(waiting)
        if isinstance(found, httpx.TransportError):
            raise found
        return httpx.Response(found.status_code, headers=found.headers, stream=httpx.ByteStream(found.content))

    connection = Connection("http://ledger.example", SecretStr(KEY))
    return Client(connection, transport=httpx.MockTransport(answer)), sent


def test_a_key_may_come_as_text() -> None:
    """It is hidden all the same, and one that could not be sent is refused before anything is."""
    connection = Connection("http://ledger.example/", key=KEY)
    assert connection == Connection("http://ledger.example", SecretStr(KEY))
    assert KEY not in repr(connection)
    for wrong in ("pvs_a\r\nX-Evil: 1", "pvs_\u00e9", ""):
        with pytest.raises(errors.Misconfigured) as caught:
            Connection("http://ledger.example", key=wrong)
        assert wrong == "" or wrong not in str(caught.value)
    with pytest.raises(errors.Misconfigured):
        Connection("ledger.example")


def _ok(**document: str) -> httpx.Response:
    return httpx.Response(200, json=document)


@pytest.mark.parametrize("failure", [BUSY, BROKEN, NOT_REACHED], ids=["busy", "broken", "not reached"])
def test_reading_is_repeated(failure: Answer) -> None:
    """It changes nothing, however often it is asked."""
    client, sent = _client(failure, failure, _ok(id="x"))
    assert client.file("x") == {"id": "x"}
    assert len(sent) == 3


def test_acts_are_repeated_under_one_idempotency_key() -> None:
    """So that the server knows the second for the first; the next act has another."""
    client, sent = _client(BROKEN, _ok(id="x"), _ok(id="x"))
    client.restore("x", None)
    client.restore("x", None)
    first, again, other = (request.headers["Idempotency-Key"] for request in sent)
    assert first == again != other


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.issue_key({}),
        lambda client: client.release_hold("x", "h", None),
        lambda client: client.upload("x", [b"a"], size=1, media_type="text/plain"),
        lambda client: client.change_workspace("x", {}),
    ],
    ids=["issue", "release", "upload", "change"],
)
def test_what_could_happen_twice_is_not_repeated(act: Callable[[Client], object]) -> None:
    """Once something was sent, only the caller can decide."""
    client, sent = _client(BROKEN, _ok())
    with pytest.raises(errors.Unavailable):
        act(client)
    assert len(sent) == 1


def test_downloads_are_not_repeated() -> None:
    """Each one is an access of its own in the ledger."""
    client, sent = _client(BUSY, _ok())
    with pytest.raises(errors.DatabaseUnavailable), client.content("x"):
        pytest.fail("there is no content")
    assert len(sent) == 1


def test_the_rest_of_a_content_is_that_of_the_same_content() -> None:
    """Asked for with its digest; whatever else the server answers is refused."""
    whole = httpx.Response(200, content=b"whole")
    other = httpx.Response(206, content=b"ole", headers={"Content-Range": "bytes 1-4/5"})
    rest = httpx.Response(206, content=b"ole", headers={"Content-Range": "bytes 2-4/5"})
    client, sent = _client(whole, other, rest)
    for _ in range(2):
        with pytest.raises(errors.PreconditionFailed), client.content("x", first=2, sha256="ab"):
            pytest.fail("it is not the rest")
    with client.content("x", first=2, sha256="ab") as chunks:
        assert b"".join(chunks) == b"ole"
    assert (sent[0].headers["Range"], sent[0].headers["If-Range"]) == ("bytes=2-", '"ab"')


def test_a_list_holds_what_this_client_wrote() -> None:
    """It waits for the newest position that an answer named, unless the caller names one."""
    written = httpx.Response(200, json={}, headers={"Provenstore-Position": "7"})
    client, sent = _client(_ok(), written, _ok(), _ok())
    client.files({}, cursor=None, limit=1)
    client.restore("x", None)
    client.files({}, cursor=None, limit=1)
    client.files({"min_position": 9}, cursor=None, limit=1)
    assert [sent[one].url.params.get("min_position") for one in (0, 2, 3)] == [None, "7", "9"]


def test_a_missing_key_is_said_in_the_words_of_the_client() -> None:
    """A header is nothing that a person at a command line can set."""
    network = httpx.MockTransport(lambda _: httpx.Response(401, json={"code": "unauthenticated"}))
    with pytest.raises(errors.Unauthenticated, match="PROVENSTORE_KEY"):
        Client(Connection("http://ledger.example"), transport=network).file("x")


def test_patience_ends() -> None:
    """The last error is the answer."""
    client, sent = _client(NOT_REACHED, NOT_REACHED, NOT_REACHED)
    with pytest.raises(errors.Unavailable, match="does not answer"):
        client.issue_key({})
    assert len(sent) == 3


def test_a_refusal_is_not_repeated_and_keeps_its_type() -> None:
    """Code, sentence, field and details are those of the server."""
    problem = {
        "code": "invalid-input",
        "detail": "size: is 0",
        "field": "size",
        "limit": 7,
        "title": "t",
        "status": 422,
    }
    client, sent = _client(httpx.Response(422, json=problem))
    with pytest.raises(errors.InvalidInput) as caught:
        client.initiate({})
    assert (caught.value.field, caught.value.message) == ("size", "size: is 0")
    assert caught.value.details == {"field": "size", "limit": 7}
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (409, {"code": "legal-hold", "detail": "held"}, errors.LegalHold),
        (409, {"type": "urn:provenstore:problem:legal-hold", "detail": "held"}, errors.LegalHold),
        (422, {"code": "not-supported"}, NotSupported),
        (507, {"code": "storage-full"}, errors.StorageFull),
        (500, {"code": "integrity-violated"}, errors.IntegrityViolated),
        (418, {"code": "of-a-newer-server"}, errors.Refused),
        (502, {}, errors.Unavailable),
        (500, {}, errors.Stopped),
        (302, {}, errors.Stopped),
        (422, {"code": "invalid-input", "message": "odd"}, errors.InvalidInput),
    ],
)
def test_every_answer_has_its_kind(status: int, problem: dict[str, str], kind: type[errors.ProvenstoreError]) -> None:
    """By its code, or by its status where the code is unknown."""
    assert type(error_of(status, problem)) is kind


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json=[1])])
def test_what_is_not_ours_is_said(answer: httpx.Response) -> None:
    """A wrong URL often answers something."""
    client, _ = _client(answer)
    with pytest.raises(errors.Stopped, match="is the URL right"):
        client.file("x")


def test_the_key_stays_where_it_belongs() -> None:
    """It goes into one header, never after a redirect, and is not shown."""
    client, sent = _client(httpx.Response(302, headers={"Location": "http://elsewhere.example"}))
    with pytest.raises(errors.Stopped):
        client.file("x")
    assert [f"Bearer {KEY}"] == [request.headers["Authorization"] for request in sent]
    assert "secret" not in repr(client)


def test_an_id_stays_within_its_place() -> None:
    """It cannot lead to another resource."""
    client, sent = _client(_ok())
    client.release_hold("x", "../../keys/y?reason=z", None)
    assert sent[0].url.raw_path == b"/v1/files/x/legal-holds/..%2F..%2Fkeys%2Fy%3Freason%3Dz"


def test_an_upload_announces_its_size_where_it_is_known() -> None:
    """Otherwise it is sent in chunks."""
    client, sent = _client(_ok(), _ok())
    client.upload("x", [b"ab", b"c"], size=3, media_type="text/plain")
    client.upload("x", [b"ab", b"c"], size=None, media_type="text/plain")
    assert [request.content for request in sent] == [b"abc", b"abc"]
    assert [request.headers.get("Content-Length") for request in sent] == ["3", None]


def _body(content: bytes) -> Callable[[int, int], list[bytes]]:
    return lambda first, length: [content[first : first + length]]


def _begun(method: str, **way: object) -> dict[str, object]:
    told = {"method": method, "url": "http://store.example/put", "headers": {"X-Signed": "1"}, **way}
    return {"file": {"id": "x", "media_type": "text/plain"}, "upload": told}


def test_a_form_is_sent_as_told_without_the_key() -> None:
    """The fields in their order and the content last; then the server is told that it is there."""
    client, sent = _client(httpx.Response(204), _ok(status="stored"))
    begun = _begun("form", fields={"key": "k", "policy": "p"})
    assert client.send(begun, _body(b"content"), size=7, sha256="a") == {"status": "stored"}
    form, completion = sent
    assert (form.method, str(form.url), form.headers.get("authorization")) == ("POST", "http://store.example/put", None)
    names = [part.split(b'"')[1] for part in form.content.split(b"form-data; name=")[1:]]
    assert names == [b"key", b"policy", b"file"]
    assert b"\r\n\r\ncontent\r\n--" in form.content
    assert int(form.headers["content-length"]) == len(form.content)
    assert (completion.url.path, completion.content) == ("/v1/files/x/complete", b'{"sha256":"a"}')


def test_a_signed_put_is_sent_as_told_without_the_key() -> None:
    """With the headers that were signed, and its length."""
    client, sent = _client(httpx.Response(200), _ok(status="stored"))
    assert client.send(_begun("presigned"), _body(b"content"), size=7) == {"status": "stored"}
    assert (sent[0].method, sent[0].content, sent[0].headers.get("authorization")) == ("PUT", b"content", None)
    assert (sent[0].headers["x-signed"], sent[0].headers["content-length"]) == ("1", "7")


def test_what_has_arrived_of_parts_is_not_sent_again() -> None:
    """A URL is asked for just before each part that is missing."""
    way = {"number": 2, "url": "http://store.example/2", "headers": {}, "expires_at": "t"}
    listed = httpx.Response(200, json={"part_size": 4, "parts": [{"number": 1}]})
    client, sent = _client(
        listed, httpx.Response(200, json={"parts": [way]}), httpx.Response(200), _ok(status="stored")
    )
    assert client.send(_begun("multipart", part_size=4), _body(b"content"), size=7) == {"status": "stored"}
    assert [one.url.path for one in sent] == ["/v1/files/x/parts", "/v1/files/x/parts", "/2", "/v1/files/x/complete"]
    assert sent[2].content == b"ent"


def test_what_goes_through_the_server_has_the_key() -> None:
    """And is finished by it."""
    client, sent = _client(_ok(status="stored"))
    assert client.send(_begun("api"), _body(b"content"), size=7) == {"status": "stored"}
    assert [(one.method, one.url.path, "authorization" in one.headers) for one in sent] == [
        ("PUT", "/v1/files/x/content", True)
    ]


def test_a_refusal_of_the_store_shows_no_url() -> None:
    """The URL is a permission as long as it lives."""
    client, _ = _client(httpx.Response(403, content=b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(errors.ProvenstoreError) as refusal:
        client.send(_begun("form", fields={"policy": "p"}), _body(b"content"), size=7)
    assert "store.example" not in f"{refusal.value} {refusal.value.details}"
