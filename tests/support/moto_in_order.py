"""Moto as a process of its own: `python moto_in_order.py PORT`, on loopback.

Moto looks first and writes then, so that under load two writers of one key may both win, though rarely enough for a
probe to miss it. Here it answers one request after another: what it says of a condition is then true every time.
"""

import io
import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import S3Backend, get_canned_acl
from werkzeug.serving import run_simple


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


if __name__ == "__main__":
    _with_access_lists()
    run_simple("127.0.0.1", int(sys.argv[1]), in_order(DomainDispatcherApplication(create_backend_app)), threaded=True)
