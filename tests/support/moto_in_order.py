"""Moto as a process of its own: `python moto_in_order.py PORT`, on loopback.

Moto looks first and writes then, so that under load two writers of one key may both win, though rarely enough for a
probe to miss it. Here it answers one request after another: what it says of a condition is then true every time.
"""

import io
import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend, get_canned_acl
from werkzeug.serving import WSGIRequestHandler, run_simple


def in_order(application: Any) -> Any:  # WSGI applications, on which type checkers do not agree
    """Return an application that handles requests one after another, each when all of its body has come."""
    lock = threading.Lock()

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Before the lock: a body that waits for another request must not keep that out.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with lock:
            return list(application(environ, start_response))

    return handle


def _with_access_lists() -> None:
    """Let moto tell the access list of a copy, and of an object made of parts: it has none there, and fails."""
    told = S3Backend.get_object_acl

    def get_object_acl(self: Any, key: Any) -> Any:
        return told(self, key) or get_canned_acl("private")

    setattr(S3Backend, "get_object_acl", get_object_acl)  # noqa: B010  # mypy knows its type


def _with_refused_parts() -> None:
    """Let moto refuse a part of an upload that is over, as S3 does: it fails, and clients then wait and ask again."""
    taken = S3Backend.upload_part

    def upload_part(self: Any, bucket_name: str, multipart_id: str, part_id: int, value: bytes) -> Any:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return taken(self, bucket_name, multipart_id, part_id, value)

    setattr(S3Backend, "upload_part", upload_part)  # noqa: B010  # as above


class Quiet(WSGIRequestHandler):
    """Writes no line for each request, which nobody would read."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Do nothing."""


if __name__ == "__main__":
    _with_access_lists()
    _with_refused_parts()
    # Only S3: looking for the service of each request would take a quarter of the time.
    application = in_order(create_backend_app("s3"))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=Quiet)
