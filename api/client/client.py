"""The acts of the API as methods, answering the JSON of the contract; see docs/reference/ for what each answers.

It decides nothing, and keeps only the newest position that it was told, so that its lists hold what it wrote. Errors
are those of `provenstore.domain.errors`; Unavailable also where the server is not reached.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from provenstore.api.client.connection import Connection
from provenstore.api.client.transport import WORK_TIMEOUT, Document, Transport

Decision = Literal["withdraw", "approve", "reject"]
ErasureDecision = Literal["approve", "reject"]
IdKind = Literal["file", "key", "event", "erasure", "link", "hold", "purge", "disposal", "request"]
ProjectionAct = Literal["pause", "park", "resume", "retry"]

CHECKPOINT_WAIT = 10
"""Seconds to wait for a checkpoint in one request; they come every few."""


class Client:
    """A Provenstore server. A context manager; safe to share between threads."""

    def __init__(self, connection: Connection, *, transport: httpx.BaseTransport | None = None) -> None:
        """Talk to the server of `connection`."""
        self._http = Transport(connection, transport=transport)

    def __enter__(self) -> Self:
        """Return itself; connections are opened when needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._http.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        """Show the server, never the key."""
        return f"Client({self._http!r})"

    # -- content -------------------------------------------------------------------------------------------

    def initiate(self, new: Document, key: str | None = None) -> Document:
        """Begin a file; answers {"file", "upload", "replayed"}; with "content" (in Base64) it is stored at once.

        The same again under the same `key` answers the same file, "replayed".
        """
        return self._http.begin("/v1/files", new, key)

    def upload(self, file_id: str, body: Iterable[bytes], *, size: int | None, media_type: str) -> Document:
        """Send the whole content, which finishes the file; answers File."""
        return self._http.upload(_file(file_id, "content"), body, size=size, media_type=media_type)

    def send(
        self, begun: Document, body: Callable[[int, int], Iterable[bytes]], *, size: int, sha256: str | None = None
    ) -> Document:
        """Send the whole content in the way that the answer of `initiate` says, and finish the file; answers File.

        `body` yields so many bytes from a position on; it is asked once for each request that is sent. Bytes that go
        past the server, and parts, are completed with `sha256` as the claim about the whole.
        """
        way, file_id = begun["upload"], begun["file"]["id"]
        if way is None:
            return self.file(file_id)
        if way["method"] == "api":
            media_type = begun["file"]["media_type"]
            return self.upload(file_id, body(0, size), size=size, media_type=media_type)
        if way["method"] == "multipart":
            self._send_parts(file_id, way["part_size"], body, size)
        else:
            self._http.send_signed(way, body(0, size), size=size)
        return self.complete(file_id, sha256=sha256)

    def _send_parts(self, file_id: str, part_size: int, body: Callable[[int, int], Iterable[bytes]], size: int) -> None:
        arrived = {part["number"] for part in self.parts(file_id)["parts"]}
        for number, first in enumerate(range(0, size, part_size), 1):
            if number in arrived:
                continue
            # One at a time: a URL lives for minutes, a large content may take hours.
            (way,) = self.part_urls(file_id, [number])["parts"]
            length = min(part_size, size - first)
            self._http.send_signed(way, body(first, length), size=length)

    def upload_part(self, file_id: str, number: int, body: Iterable[bytes], *, size: int) -> Document:
        """Send one part; answers {"number", "first", "size", "etag", "md5", "sha256"}."""
        at = _file(file_id, "parts", str(number))
        return self._http.upload(at, body, size=size, media_type="application/octet-stream")

    def part_urls(self, file_id: str, numbers: list[int]) -> Document:
        """Ask where parts may be sent; answers {"parts"} with "number", "url", "headers", "expires_at" of each.

        The URLs are secrets. Asked again there are new ones beside them, which does no harm.
        """
        return self._http.post(_file(file_id, "parts"), {"parts": numbers})

    def parts(self, file_id: str) -> Document:
        """Answer {"part_size", "parts"}: what has arrived."""
        return self._http.get(_file(file_id, "parts"))

    def complete(self, file_id: str, *, parts: list[Document] | None = None, sha256: str | None = None) -> Document:
        """Finish an upload of these parts ("number", "etag" of each), or of all that have arrived; answers File."""
        said = {"parts": parts, "sha256": sha256}
        given = {name: value for name, value in said.items() if value is not None}
        return self._http.wait(_file(file_id, "complete"), given, repeatable=True)

    def abort(self, file_id: str, reason: str) -> Document:
        """Give an unfinished upload up; answers File."""
        return self._http.send("DELETE", _file(file_id, "upload") + _query(reason))

    def content(
        self, file_id: str, *, first: int = 0, sha256: str | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Lend the content as it comes, from byte `first` on; the server records the access first.

        PreconditionFailed if `first` is not 0 and the content is not the one whose SHA-256 is `sha256`.
        """
        return self._http.download(_file(file_id, "content"), first, sha256)

    def issue_link(self, file_id: str, wish: Document) -> Document:
        """Issue a link, for "ttl", "purpose", "recipient", "disposition", "delivery", "observed"; answers {"id", "url",
        "expires_at", "observed", "delivery"}. The URL is a secret.
        """
        return self._http.post(_file(file_id, "links"), wish)

    def revoke_link(self, file_id: str, link: str, reason: str | None) -> None:
        """Revoke a link; one that has ended already stays so."""
        self._http.send("DELETE", _file(file_id, "links", link) + _query(reason))

    # -- reading -------------------------------------------------------------------------------------------

    def file(self, file_id: str, *, full: bool = False, at: str | None = None) -> Document:
        """Answer File, as it was at a position or a time with a zone if that is said."""
        asked = {"view": "full" if full else None, "at": at}
        return self._http.get(_file(file_id), {name: value for name, value in asked.items() if value is not None})

    def files(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"files", "next"} under the filters of the API's query; it has seen what this client wrote."""
        given = {"min_position": self._http.position or None, **asked, "cursor": cursor, "limit": limit}
        return self._http.get("/v1/files", {name: value for name, value in given.items() if value is not None})

    def history(self, file_id: str, *, after: int, limit: int) -> Document:
        """Answer a page {"events", "next"} of everything that happened to a file."""
        return self._http.get(_file(file_id, "history"), {"after": after, "limit": limit})

    # -- proofs --------------------------------------------------------------------------------------------

    def receipt(self, file_id: str | None, *, event_id: str | None = None, tlog_proof: bool = False) -> bytes:
        """Return the receipt of a file's newest lifecycle event, or of any event, as JSON or as a tlog-proof.

        Waits for a checkpoint over it; Unavailable if that takes long.
        """
        of = _file(str(file_id)) if event_id is None else f"/v1/events/{_segment(event_id)}"
        accept = "text/plain" if tlog_proof else "application/json"
        return self._http.content(f"{of}/receipt?wait={CHECKPOINT_WAIT}", accept=accept)

    def history_proof(self, file_id: str) -> bytes:
        """Return the proof of a file's whole history, a JSON document."""
        return self._http.content(_file(file_id, "history") + "?proof=full", accept="application/json")

    def workspace_proof(self, workspace: str, *, through: int | None, after: int) -> Document:
        """Answer a page {"events", "next", "through", …} of the proof that a workspace's list is whole."""
        asked = {"after": after} if through is None else {"through": through, "after": after}
        return self._http.get(f"/v1/workspaces/{_segment(workspace)}/proof", asked)

    def range_proof(self, begin: int, end: int | None) -> bytes:
        """Return the proof of the entries that the log of `end` has and that of `begin` had not, a JSON document."""
        ending = "" if end is None else f"&to={end}"
        return self._http.content(f"/log/proof/range?from={begin}{ending}", accept="application/json")

    def consistency_proof(self, old: int, new: int | None) -> Document:
        """Return the proof that the log of `new` entries, by default all that are signed, begins with that of `old`."""
        return self._http.get("/log/proof/consistency", {"from": old} if new is None else {"from": old, "to": new})

    # -- custody -------------------------------------------------------------------------------------------

    def soft_delete(self, file_id: str, reason: str | None) -> Document:
        """Take the content out of reach; answers File."""
        return self._http.post(_file(file_id, "delete"), _given(reason=reason))

    def restore(self, file_id: str, reason: str | None) -> Document:
        """Bring the content back; answers File."""
        return self._http.post(_file(file_id, "restore"), _given(reason=reason))

    def change(self, file_id: str, changes: Document) -> Document:
        """Change what is named, all of it or nothing; values are replaced whole. Answers File."""
        return self._http.patch(_file(file_id), changes)

    def erase(self, file_id: str, *, fields: list[str], reason: str) -> Document:
        """Ask for private values of all events of a file to be erased; answers Erasure."""
        return self._http.post(_file(file_id, "erasure"), {"fields": fields, "reason": reason})

    def preview_erasure(self, wanted: Document) -> Document:
        """Count what an erasure would erase; answers {"found", "files"}."""
        return self._http.wait("/v1/erasures/preview", wanted)

    def request_erasure(self, wanted: Document) -> Document:
        """Ask for an erasure; answers Erasure."""
        return self._http.post("/v1/erasures", wanted)

    def erasures(self, *, after: str | None) -> Document:
        """Answer a page {"erasures", "next"}."""
        return self._http.get("/v1/erasures", {} if after is None else {"after": after})

    def erasure(self, erasure: str) -> Document:
        """Answer Erasure."""
        return self._http.get(f"/v1/erasures/{_segment(erasure)}")

    def decide_erasure(self, erasure: str, decision: ErasureDecision, reason: str | None) -> Document:
        """Approve or reject; answers Erasure."""
        return self._http.post(f"/v1/erasures/{_segment(erasure)}/{decision}", {"reason": reason} if reason else {})

    def set_retention(self, file_id: str, *, until: str, mode: str, reason: str) -> Document:
        """Set the retention; answers File."""
        return self._http.post(_file(file_id, "retention"), {"until": until, "mode": mode, "reason": reason})

    def place_hold(self, file_id: str, *, name: str, matter: str | None, reason: str) -> Document:
        """Place a legal hold; answers {"id"}."""
        return self._http.post(_file(file_id, "legal-holds"), _given(name=name, matter=matter, reason=reason))

    def release_hold(self, file_id: str, hold: str, reason: str | None) -> Document:
        """End a legal hold; answers File."""
        return self._http.send("DELETE", _file(file_id, "legal-holds", hold) + _query(reason))

    def holds(self, file_id: str) -> Document:
        """Answer {"legal_holds"}."""
        return self._http.get(_file(file_id, "legal-holds"))

    # -- purges --------------------------------------------------------------------------------------------

    def request_purge(self, file_id: str, reason: str | None, *, missing: bool = False) -> Document:
        """Ask for the destruction of a file; answers {"id", "file_id", "status", "requested_by", "missing", "policy"}.

        With `missing`, of one whose object is known to be missing.
        """
        asked = {**_given(reason=reason), **({"missing": True} if missing else {})}
        return self._http.post(_file(file_id, "purge"), asked)

    def decide_purge(self, file_id: str, decision: Decision, reason: str | None) -> Document:
        """Withdraw, approve or reject a purge; answers as `request_purge` does."""
        return self._http.post(_file(file_id, "purge", decision), _given(reason=reason))

    def purge(self, file_id: str) -> Document:
        """Answer the newest purge of a file, with who asked and agreed, when and why, and what keeps the file."""
        return self._http.get(_file(file_id, "purge"))

    def certificate(self, file_id: str) -> Document:
        """Answer the certificate of a file's destruction."""
        return self._http.get(_file(file_id, "certificate"))

    # -- disposal ------------------------------------------------------------------------------------------

    def disposal_policies(self, workspace: str) -> Document:
        """Answer {"policies", "requests"}: the disposal policies of a workspace, and the requested ones."""
        return self._http.get(_disposal(workspace))

    def request_disposal_policy(self, workspace: str, new: Document) -> Document:
        """Ask for a disposal policy: "category", "after_days" (null for never), "reason".

        Answers {"id", "category", "after_days", "requested_by", "requested_at"}.
        """
        return self._http.post(_disposal(workspace, "requests"), new)

    def decide_disposal_policy(
        self, workspace: str, request: str, decision: Literal["approve", "reject"], reason: str | None
    ) -> Document:
        """Approve or reject a requested policy; answers as `disposal_policies` does."""
        return self._http.post(_disposal(workspace, "requests", request, decision), _given(reason=reason))

    def disposal_due(self, workspace: str, asked: Mapping[str, Any]) -> Document:
        """Answer {"now", "policies", "files", "next"}: what the policies destroy, and when.

        Under "category", "before", "cursor", "limit"; with "after_days" as if such policies were approved now.
        """
        return self._http.get(_disposal(workspace, "due"), asked)

    def disposal_runs(self, workspace: str, *, after: str, limit: int) -> Document:
        """Answer a page {"runs", "next"} of the reports of runs, the oldest first."""
        return self._http.get(_disposal(workspace, "runs"), {"after": after, "limit": limit})

    # -- background work -----------------------------------------------------------------------------------

    def verify_content(self, file_id: str) -> Document:
        """Have the whole content read, even if that was just done.

        Answers {"file_id", "outcome", "size", "sha256", "verified_at"}.
        """
        return self._http.wait(f"{_file(file_id, 'verification')}?again=true")

    def jobs(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"jobs", "next"} under "kind", "workspace" and "upcoming"."""
        given = {**asked, "cursor": cursor, "limit": limit}
        return self._http.get("/v1/jobs", {name: value for name, value in given.items() if value is not None})

    def run_jobs(self, workspace: str | None) -> Document:
        """Have one round done now; answers {"done", "failed", "stopped"}."""
        return self._http.wait("/v1/jobs/run", _given(workspace=workspace))

    def retry_job(self, file_id: str) -> Document:
        """Have done now what is due for a file; answers {"file_id", "status", "jobs"}, the jobs that are left."""
        return self._http.wait(f"/v1/jobs/{_segment(file_id)}/retry")

    # -- the object store ----------------------------------------------------------------------------------

    def operations(self, asked: Mapping[str, Any]) -> Document:
        """Answer {"since", "before", "missing", "figures"} under "since", "before", "provider", "kind"."""
        return self._http.get("/v1/operations", asked)

    def store_calls(self, asked: Mapping[str, Any]) -> Document:
        """Answer {"calls"} under the same, "outcome", "request" and "limit"; newest first."""
        return self._http.get("/v1/operations/calls", asked)

    # -- what is known of the ledger -----------------------------------------------------------------------

    def audit(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"entries", "next"} of the audit trail under the filters of the API's query; it has seen what
        this client wrote. That it was read is recorded.
        """
        given = {"min_position": self._http.position or None, **asked, "cursor": cursor, "limit": limit}
        return self._http.get("/v1/audit", {name: value for name, value in given.items() if value is not None})

    def usage(self, workspace: str | None, asked: Mapping[str, Any]) -> Document:
        """Answer {"usage", "quota", "groups", "next"} of a workspace, or with None of the whole ledger; it has seen
        what this client wrote.
        """
        given = {"min_position": self._http.position or None, **asked}
        path = "/v1/usage" if workspace is None else f"/v1/workspaces/{_segment(workspace)}/usage"
        return self._http.get(path, {name: value for name, value in given.items() if value is not None})

    # -- read models ---------------------------------------------------------------------------------------

    def projections(self) -> Document:
        """Answer {"projections", "position"}: where all read models stand, and the log."""
        return self._http.get("/v1/projections")

    def projection(self, name: str) -> Document:
        """Answer where one stands, with "build" and the "event" that it could not take."""
        return self._http.get(_projection(name))

    def rebuild_projection(self, name: str, *, compare: bool) -> Document:
        """Begin to build one anew, or with `compare` only to find differences; answers as `projection` does."""
        return self._http.send("POST", _projection(name, "rebuild"), {"compare": compare})

    def cancel_rebuild(self, name: str) -> Document:
        """Give that up; answers as `projection` does."""
        return self._http.send("DELETE", _projection(name, "rebuild"))

    def act_on_projection(self, name: str, act: ProjectionAct) -> Document:
        """Pause, park, resume or retry one; answers as `projection` does."""
        return self._http.send("POST", _projection(name, act))

    def skip_event(self, name: str, reason: str) -> Document:
        """Let one go on without the event that it cannot take; answers as `projection` does."""
        return self._http.send("POST", _projection(name, "skip"), {"reason": reason})

    def differences(self, name: str) -> Document:
        """Answer {"count", "differences"} of the newest comparison."""
        return self._http.get(_projection(name, "differences"))

    def rows(self, name: str, *, at: str, keys: Sequence[str], limit: int) -> Document:
        """Answer {"position", "rows", "more"}: rows as they were at a position or a time with a zone."""
        asked = {"at": at, "key": list(keys), "limit": limit}
        return self._http.get(_projection(name, "rows"), asked, silence=WORK_TIMEOUT)

    # -- administration ------------------------------------------------------------------------------------

    def create_workspace(self, new: Document) -> Document:
        """Make a workspace; answers it."""
        return self._http.post("/v1/workspaces", new)

    def workspace(self, workspace: str) -> Document:
        """Answer a workspace with its policy, quota, use and categories."""
        return self._http.get(f"/v1/workspaces/{_segment(workspace)}")

    def workspaces(self, *, after: str, limit: int) -> Document:
        """Answer a page {"workspaces", "next"} of those that the key reaches."""
        return self._http.get("/v1/workspaces", {"after": after, "limit": limit})

    def change_workspace(self, workspace: str, changes: Document) -> Document:
        """Change quota or purge policy; answers the workspace."""
        return self._http.send("PATCH", f"/v1/workspaces/{_segment(workspace)}", changes)

    def find_id(self, kind: IdKind, prefix: str, within: str | None = None) -> str:
        """Answer the id of what begins with these 8 or more hexadecimal digits.

        `within` is the file that has the link, hold or purge, or the workspace that a disposal policy is requested for.
        """
        said = {} if within is None else {"within": within}
        return str(self._http.get(f"/v1/ids/{kind}/{_segment(prefix)}", said)["id"])

    def register_category(self, workspace: str, new: Document) -> Document:
        """Add a category of the workspace's own; answers the workspace."""
        return self._http.send("POST", f"/v1/workspaces/{_segment(workspace)}/categories", new)

    def set_limits(self, workspace: str, category: str, limits: Document) -> Document:
        """Set the limits of a category, those that are missing as built in; answers the workspace."""
        return self._http.send("PUT", f"/v1/workspaces/{_segment(workspace)}/limits/{_segment(category)}", limits)

    def issue_key(self, new: Document) -> Document:
        """Issue a key; answers {"id", "key"}, this once. Never repeated: each attempt would issue one more."""
        return self._http.send("POST", "/v1/keys", new)

    def keys(self, workspace: str | None, *, after: str | None, limit: int) -> Document:
        """Answer a page {"keys", "next"} of API keys, without secrets."""
        asked = {"workspace": workspace, "after": after, "limit": limit}
        return self._http.get("/v1/keys", {name: value for name, value in asked.items() if value is not None})

    def key(self, key_id: str) -> Document:
        """Describe an API key, without its secret."""
        return self._http.get(f"/v1/keys/{_segment(key_id)}")

    def revoke_key(self, key_id: str, reason: str | None) -> None:
        """Revoke a key."""
        self._http.send("DELETE", f"/v1/keys/{_segment(key_id)}{_query(reason)}")

    # -- the log -------------------------------------------------------------------------------------------

    def log(self) -> Document:
        """Answer how log, tree and checkpoints stand."""
        return self._http.get("/v1/log")

    def log_resource(self, path: str) -> bytes:
        """Return what stands at `checkpoint`, `keys` or `tile/…` below the log, as it is."""
        return self._http.content(f"/log/{path}")


def _projection(name: str, *below: str) -> str:
    return "/".join(["/v1/projections", *map(_segment, (name, *below))])


def _disposal(workspace: str, *further: str) -> str:
    return "/".join(("/v1/workspaces", _segment(workspace), "disposal", *map(_segment, further)))


def _file(file_id: str, *further: str) -> str:
    return "/".join(("/v1/files", _segment(file_id), *map(_segment, further)))


def _segment(text: str) -> str:
    """Return text as one segment of a path, so that an id can never lead to another resource."""
    return {".": "%2E", "..": "%2E%2E"}.get(text, quote(text, safe=""))


def _query(reason: str | None) -> str:
    return "" if reason is None else f"?reason={quote(reason, safe='')}"


def _given(**fields: str | None) -> Document:
    return {name: value for name, value in fields.items() if value is not None}
