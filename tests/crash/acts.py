"""What is interrupted: every command of a file's life, how a client sends it, and what it amounts to."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx

from tests.crash.killable import WORKSPACE, Killable

CONTENT = b"%PDF-1.7 a chapter"
IN_TIME = timedelta(minutes=20)
"""Longer than an announced completion is left alone, and than a URL for writing lives."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One command, from a state of the file to another.

    `prepare` brings a file about and returns its name, which is its id, but for an initiation: there it is the
    filename. `effects` are steps that a dry run must see, in this order. `records` are the events that the command
    amounts to: all of them, each once, or none.
    """

    prepare: Callable[[Killable], str]
    command: Callable[[Killable, str], httpx.Response]
    effects: tuple[str, ...]
    records: tuple[str, ...]
    begins: str
    ends: str
    repeatable: bool = True
    """Whether the client may send it once more under the same idempotency key, and be answered 2xx."""
    once: bool = True
    """Whether sending it again is no act of its own, so that it stands in the log once."""
    leaves: str | None = None
    """The status in which it may leave a file that nobody goes on with, other than `begins`."""


# -- how clients send things -------------------------------------------------------------------------------


def post(server: Killable, who: str, file: str, verb: str, **body: object) -> httpx.Response:
    """Send a command on a file under an idempotency key that is the same whenever it is sent."""
    key = {"Idempotency-Key": f"{verb}-{file}"}
    return server.call(who, "POST", f"/v1/files/{file}/{verb}", headers=key, json=body)


def initiate(server: Killable, name: str, **said: object) -> httpx.Response:
    """Initiate a file of this name, of which more may be said."""
    body = {
        "workspace": WORKSPACE,
        "filename": f"{name}.pdf",
        "media_type": "application/pdf",
        "category": "misc",
        **said,
    }
    return server.call("service", "POST", "/v1/files", headers={"Idempotency-Key": name}, json=body)


def store_at_once(server: Killable, name: str) -> httpx.Response:
    """Begin a file of this name with its content."""
    return initiate(server, name, content=base64.b64encode(CONTENT).decode("ascii"))


def upload(server: Killable, file: str) -> httpx.Response:
    """Send the content."""
    return server.call("service", "PUT", f"/v1/files/{file}/content", content=CONTENT)


def abort(server: Killable, file: str) -> httpx.Response:
    """Give the upload up."""
    return server.call("service", "DELETE", f"/v1/files/{file}/upload")


def delete(server: Killable, file: str) -> httpx.Response:
    """Take the content out of reach."""
    return post(server, "service", file, "delete", reason="done with it")


def restore(server: Killable, file: str) -> httpx.Response:
    """Bring the content back."""
    return post(server, "alice", file, "restore")


def request_purge(server: Killable, file: str) -> httpx.Response:
    """Ask for the destruction."""
    return post(server, "alice", file, "purge", reason="no longer needed")


def approve(server: Killable, file: str) -> httpx.Response:
    """Agree to it, as somebody else."""
    return post(server, "bob", file, "purge/approve")


def hold(server: Killable, file: str) -> httpx.Response:
    """Forbid it, as a third person."""
    return post(server, "carol", file, "legal-holds", name="matter 7", reason="litigation")


# -- where the commands begin ------------------------------------------------------------------------------


def done(answer: httpx.Response) -> httpx.Response:
    """Return an answer that says that the command was done."""
    assert answer.is_success, answer.text
    return answer


def a_name(_server: Killable) -> str:
    """Return a name that no file has."""
    return str(uuid4())


def initiated(server: Killable) -> str:
    """Bring about an unfinished upload."""
    file: str = done(initiate(server, a_name(server))).json()["file"]["id"]
    return file


def stored(server: Killable) -> str:
    """Bring about a stored file."""
    done(upload(server, file := initiated(server)))
    return file


def deleted(server: Killable) -> str:
    """Bring about a deleted file."""
    done(delete(server, file := stored(server)))
    return file


def purge_requested(server: Killable) -> str:
    """Bring about a file whose purge waits for a second person."""
    done(request_purge(server, file := deleted(server)))
    return file


# -- the commands ------------------------------------------------------------------------------------------

APPEND = ("log.append:before", "log.append:after")
_PURGE_STEPS = (*APPEND, *APPEND, "store.delete:before", "store.delete:after", *APPEND)

ACTS = {
    "initiate": Act(
        prepare=a_name,
        command=initiate,
        effects=APPEND,
        records=("upload_initiated",),
        begins="none",
        ends="initiated",
    ),
    "store at once": Act(
        prepare=a_name,
        command=store_at_once,
        effects=(*APPEND, "store.put:before", "store.put:after", *APPEND),
        records=("stored",),
        begins="none",
        ends="stored",
        leaves="initiated",
    ),
    "upload": Act(
        prepare=initiated,
        command=upload,
        effects=("store.put:before", *APPEND, "store.put:after", *APPEND),
        records=("stored",),
        begins="initiated",
        ends="stored",
        repeatable=False,
    ),
    "abort": Act(
        prepare=initiated,
        command=abort,
        effects=(*APPEND, *APPEND),
        records=("upload_aborted", "upload_cleared"),
        begins="initiated",
        ends="aborted",
    ),
    "delete": Act(
        prepare=stored,
        command=delete,
        effects=APPEND,
        records=("soft_deleted",),
        begins="stored",
        ends="soft_deleted",
    ),
    "restore": Act(
        prepare=deleted,
        command=restore,
        effects=APPEND,
        records=("restored",),
        begins="soft_deleted",
        ends="stored",
    ),
    "request purge": Act(
        prepare=deleted,
        command=request_purge,
        effects=APPEND,
        records=("purge_requested",),
        begins="soft_deleted",
        ends="soft_deleted",
    ),
    "approve purge": Act(
        prepare=purge_requested,
        command=approve,
        effects=_PURGE_STEPS,
        records=("purge_approved", "purge_started", "purged"),
        begins="soft_deleted",
        ends="purged",
    ),
}


def gaps(steps: list[str]) -> list[int]:
    """Return the numbers, from 1, of the steps that lie between other changes than the step before them."""
    return [
        number
        for number, step in enumerate(steps, start=1)
        if number == 1 or not (step.endswith(":before") and steps[number - 2].endswith(":after"))
    ]
