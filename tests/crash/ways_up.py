"""Uploads that do not come in one stream: in parts, at signed URLs, and how they are given up.

Where the store is a bucket the signed URLs lead past the server; where it is the folder they lead to it, and the
content sent there is the completion.
"""

import httpx

from tests.crash.acts import APPEND, CONTENT, Act, a_name, abort, done, initiate, post
from tests.crash.killable import Killable

# -- how clients send things -------------------------------------------------------------------------------


def send_part(server: Killable, file: str) -> httpx.Response:
    """Send the only part through the server."""
    return server.call("service", "PUT", f"/v1/files/{file}/parts/1", content=CONTENT)


def complete(server: Killable, file: str) -> httpx.Response:
    """Say that all bytes are there."""
    return post(server, "service", file, "complete")


def send_whole(server: Killable, file: str) -> httpx.Response:
    """Send the content to its URL, and say so; a URL that refuses to overwrite has taken it before."""
    sent = server.send(file, CONTENT)
    assert sent.is_success or sent.status_code in {409, 412}, sent.text
    return complete(server, file)


# -- where the commands begin ------------------------------------------------------------------------------


def in_parts(server: Killable) -> str:
    """Bring about an upload that takes parts, of which none has come."""
    answer = done(initiate(server, a_name(server), upload="multipart", size=len(CONTENT)))
    return str(answer.json()["file"]["id"])


def part_sent(server: Killable) -> str:
    """Bring about an upload whose only part came through the server."""
    done(send_part(server, file := in_parts(server)))
    return file


def signed_part_sent(server: Killable) -> str:
    """Bring about an upload whose only part was sent to a signed URL."""
    answer = done(post(server, "service", file := in_parts(server), "parts", parts=[1]))
    (server.signed[file],) = answer.json()["parts"]
    done(server.send(file, CONTENT))
    return file


def presigned(server: Killable) -> str:
    """Bring about an upload that waits for one PUT to its URL."""
    said = done(initiate(server, a_name(server), upload="presigned", size=len(CONTENT))).json()
    server.signed[file := str(said["file"]["id"])] = said["upload"]
    return file


# -- the commands ------------------------------------------------------------------------------------------

_COMPLETE_PARTS = (*APPEND, "store.complete_multipart:before", "store.complete_multipart:after", *APPEND)
_ABORT_PARTS = (*APPEND, "store.abort_multipart:before", "store.abort_multipart:after")

WAYS_UP = {
    "send part": Act(
        prepare=in_parts,
        command=send_part,
        effects=(
            *("store.create_multipart:before", "store.create_multipart:after", *APPEND),
            *("store.put_part:before", "store.put_part:after", *APPEND),
        ),
        records=("chunk_uploaded",),
        begins="initiated",
        ends="initiated",
        once=False,
    ),
    "complete part": Act(
        prepare=part_sent,
        command=complete,
        effects=_COMPLETE_PARTS,
        records=("completion_requested", "stored"),
        begins="initiated",
        ends="stored",
    ),
    "send whole": Act(
        prepare=presigned,
        command=send_whole,
        effects=(*APPEND, *APPEND),
        records=("stored",),
        begins="initiated",
        ends="stored",
    ),
    "complete signed part": Act(
        prepare=signed_part_sent,
        command=complete,
        effects=_COMPLETE_PARTS,
        records=("completion_requested", "stored"),
        begins="initiated",
        ends="stored",
    ),
    "abort part": Act(
        prepare=part_sent,
        command=abort,
        effects=(*_ABORT_PARTS, *APPEND),
        records=("upload_aborted", "upload_cleared"),
        begins="initiated",
        ends="aborted",
    ),
    # Cleared only once the URL has died.
    "abort signed part": Act(
        prepare=signed_part_sent,
        command=abort,
        effects=_ABORT_PARTS,
        records=("upload_aborted", "upload_cleared"),
        begins="initiated",
        ends="aborted",
    ),
}
