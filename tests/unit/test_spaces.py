"""The bucket adapter, where a server has to fail: its answers are written down here, byte for byte."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.probe import probe
from provenstore.adapters.spaces.store import Spaces
from provenstore.domain.errors import AlreadyExists, Misconfigured, ProvenstoreError, StorageFull, StoreUnavailable
from provenstore.domain.storage.objects import Capabilities, ObjectInfo, ObjectNotFound

SECRET = "the-secret-key-itself"
CAPABILITIES = Capabilities(
    if_absent_put=True,
    if_absent_copy=True,
    if_absent_complete=True,
    if_etag_delete=False,
    late_parts=False,
    signed_if_absent=True,
    omits_parts=False,
    versioning=False,
    presign=True,
    direct=True,
    checksums=frozenset(["md5"]),
    max_put_size=10**12,
    single_put_size=1024,
    min_part_size=1,
    max_part_size=10**9,
    max_parts=10_000,
)

Answers = list[tuple[int, str]]


class _Scripted(BaseHTTPRequestHandler):
    """Answers as it is told, and remembers what object was last sent to it."""

    answers: Answers
    written: dict[str, str]
    more: dict[str, str]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if name := self.headers["x-amz-meta-provenstore-write"]:
            self.written["write"] = name
        self._answer()

    def _answer(self) -> None:
        status, error = self.answers.pop(0)
        body = b"" if self.command == "HEAD" or not error else f"<Error><Code>{error}</Code></Error>".encode()
        if status == 0:  # nothing at all: the connection breaks
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"5d41402abc4b2a76b9719d911017c592"')
        self.send_header("last-modified", "Sat, 21 Nov 2026 03:00:00 GMT")
        for name in self.written.values():
            self.send_header("x-amz-meta-provenstore-write", name)
        for name, value in self.more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing."""


@contextmanager
def _server(answers: Answers, **more: str) -> Iterator[str]:
    class Scripted(_Scripted):
        pass

    Scripted.answers, Scripted.written, Scripted.more = answers, {}, more
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _bucket(endpoint: str, *, attempts: int = 1) -> Bucket:
    return Bucket(
        endpoint=endpoint,
        region="nyc3",
        name="bucket",
        key="KEY",
        secret=SecretStr(SECRET),
        path_style=True,
        read_timeout=0.5,
        attempts=attempts,
    )


def _put(
    endpoint: str, *, attempts: int = 1, size: int | None = None, capabilities: Capabilities = CAPABILITIES
) -> ObjectInfo:
    store = Spaces(connect(_bucket(endpoint, attempts=attempts)), "bucket", capabilities)
    return store.put("k", [b"hello"], media_type="text/plain", max_size=10, size=size)


@pytest.mark.parametrize(
    ("status", "error", "kind", "told"),
    [
        (500, "InternalError", StoreUnavailable, "InternalError"),
        (503, "SlowDown", StoreUnavailable, "SlowDown"),
        (0, "", StoreUnavailable, "connection broke"),
        (403, "QuotaExceeded", StorageFull, "no room"),
        (507, "", StorageFull, "no room"),
        (403, "AccessDenied", StoreUnavailable, "read, write, list and delete"),
        (403, "InvalidAccessKeyId", StoreUnavailable, "DO_SPACES_KEY"),
        (403, "SignatureDoesNotMatch", StoreUnavailable, "DO_SPACES_SECRET"),
        (403, "RequestTimeTooSkewed", StoreUnavailable, "clock"),
        (403, "", StoreUnavailable, "read, write, list and delete"),
        (404, "NoSuchBucket", StoreUnavailable, "DO_SPACES_BUCKET"),
        (400, "AuthorizationHeaderMalformed", StoreUnavailable, "DO_SPACES_REGION"),
        (412, "PreconditionFailed", AlreadyExists, "already"),
    ],
)
def test_failures_say_what_to_do(status: int, error: str, kind: type[ProvenstoreError], told: str) -> None:
    """Whatever a bucket answers is one of the port's errors, and never shows the secret."""
    with _server([(404, ""), (status, error), (404, "")]) as endpoint, pytest.raises(kind, match=told) as failed:
        _put(endpoint)
    assert SECRET not in f"{failed.value} {failed.value.details} {failed.value.__cause__!r}"


def test_a_write_whose_answer_was_lost_is_recognised() -> None:
    """Sent again it is refused, because it is there; it is told from another's by its name."""
    with _server([(404, ""), (0, ""), (412, "PreconditionFailed"), (200, "")]) as endpoint:
        assert _put(endpoint, attempts=2).etag == "5d41402abc4b2a76b9719d911017c592"


def test_a_small_object_is_one_request() -> None:
    """Where the request that writes carries the condition; elsewhere the bucket is looked at before, and again."""
    absent = (404, "")
    careless = replace(CAPABILITIES, if_absent_put=False)
    for size, capabilities, looks in ((5, CAPABILITIES, 0), (None, CAPABILITIES, 1), (5, careless, 2)):
        answers = [*[absent] * looks, (200, "")]
        with _server(answers) as endpoint:
            _put(endpoint, size=size, capabilities=capabilities)
        assert answers == []


def test_a_missing_bucket_is_not_a_missing_object() -> None:
    """A reader is told that something is wrong, not that the object is gone."""
    for error, kind in (("NoSuchBucket", StoreUnavailable), ("NoSuchKey", ObjectNotFound)):
        with _server([(404, error)]) as endpoint, pytest.raises(kind):
            Spaces(connect(_bucket(endpoint)), "bucket", CAPABILITIES).get("k")


@pytest.mark.parametrize("said", [None, "bytes 0-31/32", "bytes 3-34/100", "bytes 4-35/*", "nonsense"])
def test_another_range_than_was_asked_for_is_not_given_out(said: str | None) -> None:
    """The bytes of a server that sends the whole, or others, would leave under a record of those that were wanted."""
    more = {} if said is None else {"content-range": said}
    with _server([(200 if said is None else 206, "four")], **more) as endpoint:  # 32 bytes
        store = Spaces(connect(_bucket(endpoint)), "bucket", CAPABILITIES)
        with pytest.raises(StoreUnavailable, match="another range"):
            store.get("k", first=4, last=35)


@pytest.mark.parametrize(("last", "size"), [(35, 100), (35, 36), (99, 36), (None, 36)])
def test_the_range_that_was_asked_for_is_read(last: int | None, size: int) -> None:
    """As far as the object goes."""
    with _server([(206, "four")], **{"content-range": f"bytes 4-35/{size}"}) as endpoint:
        reader = Spaces(connect(_bucket(endpoint)), "bucket", CAPABILITIES).get("k", first=4, last=last)
        with reader:
            assert (reader.first, reader.length, reader.info.size) == (4, 32, size)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """A full cluster takes the bytes and says nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=True) as silent:
        endpoint = f"http://127.0.0.1:{silent.server_port}"
        with pytest.raises(StoreUnavailable, match="in time"):
            Spaces(connect(_bucket(endpoint)), "bucket", CAPABILITIES).head("k")


def test_probing_stops_where_somebody_has_to_act() -> None:
    """At the start a wrong key is no reason to wait."""
    with _server([(403, "InvalidAccessKeyId")]) as endpoint, pytest.raises(Misconfigured, match="DO_SPACES_KEY"):
        probe(connect(_bucket(endpoint)), "bucket")
    with _server([(503, "SlowDown")]) as endpoint, pytest.raises(StoreUnavailable):
        probe(connect(_bucket(endpoint)), "bucket")


def test_the_secret_does_not_show() -> None:
    """Neither does a description of the bucket tell it."""
    assert SECRET not in repr(_bucket("http://127.0.0.1:1"))
