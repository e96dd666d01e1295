"""What commands need of a ledger, whether behind a server or in a data directory: the one interface of every command.

Answers are the JSON of the contract, ids and times are text. Errors are those of `provenstore.domain.errors`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

Document = dict[str, Any]
"""A JSON object of the contract."""

Decision = Literal["withdraw", "approve", "reject"]
DisposalDecision = Literal["approve", "reject"]
ErasureDecision = Literal["approve", "reject"]
IdKind = Literal["file", "key", "event", "erasure", "link", "hold", "purge", "disposal", "request"]
ProjectionAct = Literal["pause", "park", "resume", "retry"]


class Backend(Protocol):
    """The acts that commands are made of; `provenstore.api.client.Client` describes each."""

    def initiate(self, new: Document, key: str | None = None) -> Document:
        """Begin a file; answers {"file", "upload", "replayed"}; with "content" (in Base64) it is stored at once.

        The same again under the same `key` answers the same file, "replayed".
        """

    def upload(self, file_id: str, body: Iterable[bytes], *, size: int | None, media_type: str) -> Document:
        """Send the whole content, which finishes the file; answers File."""

    def upload_part(self, file_id: str, number: int, body: Iterable[bytes], *, size: int) -> Document:
        """Send one part; answers {"number", "first", "size", "etag", "md5", "sha256"}."""

    def send(
        self, begun: Document, body: Callable[[int, int], Iterable[bytes]], *, size: int, sha256: str | None = None
    ) -> Document:
        """Send the whole content in the way that the answer of `initiate` says, and finish the file; answers File.

        `body` yields so many bytes from a position on.
        """

    def parts(self, file_id: str) -> Document:
        """Answer {"part_size", "parts"}: what has arrived."""

    def complete(self, file_id: str, *, sha256: str | None = None) -> Document:
        """Finish an upload of all the parts that have arrived; answers File."""

    def abort(self, file_id: str, reason: str) -> Document:
        """Give an unfinished upload up; answers File."""

    def content(
        self, file_id: str, *, first: int = 0, sha256: str | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Lend the content as it comes, from byte `first` on; PreconditionFailed if it is not that of `sha256`."""

    def issue_link(self, file_id: str, wish: Document) -> Document:
        """Issue a link; answers {"id", "url", "expires_at", "observed", "delivery"}."""

    def revoke_link(self, file_id: str, link: str, reason: str | None) -> None:
        """Revoke a link; one that has ended already stays so."""

    def file(self, file_id: str, *, full: bool = False, at: str | None = None) -> Document:
        """Answer File, as it was at a position or a time with a zone if that is said."""

    def files(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"files", "next"}."""

    def history(self, file_id: str, *, after: int, limit: int) -> Document:
        """Answer a page {"events", "next"}."""

    def receipt(self, file_id: str | None, *, event_id: str | None = None, tlog_proof: bool = False) -> bytes:
        """Return the receipt of a file's newest lifecycle event, or of any event."""

    def history_proof(self, file_id: str) -> bytes:
        """Return the proof of a file's whole history."""

    def workspace_proof(self, workspace: str, *, through: int | None, after: int) -> Document:
        """Answer a page of the proof that a workspace's list is whole."""

    def range_proof(self, begin: int, end: int | None) -> bytes:
        """Return the proof of a range of the log."""

    def consistency_proof(self, old: int, new: int | None) -> Document:
        """Return the proof that the log of `new` entries begins with that of `old`."""

    def soft_delete(self, file_id: str, reason: str | None) -> Document:
        """Take the content out of reach; answers File."""

    def restore(self, file_id: str, reason: str | None) -> Document:
        """Bring the content back; answers File."""

    def change(self, file_id: str, changes: Document) -> Document:
        """Change what is named, all of it or nothing; answers File."""

    def erase(self, file_id: str, *, fields: list[str], reason: str) -> Document:
        """Ask for private values of all events of a file to be erased; answers Erasure."""

    def preview_erasure(self, wanted: Document) -> Document:
        """Count what an erasure would erase; answers {"found", "files"}."""

    def request_erasure(self, wanted: Document) -> Document:
        """Ask for an erasure; answers Erasure."""

    def erasures(self, *, after: str | None) -> Document:
        """Answer a page {"erasures", "next"}."""

    def erasure(self, erasure: str) -> Document:
        """Answer Erasure."""

    def decide_erasure(self, erasure: str, decision: ErasureDecision, reason: str | None) -> Document:
        """Approve or reject; answers Erasure."""

    def set_retention(self, file_id: str, *, until: str, mode: str, reason: str) -> Document:
        """Set the retention; answers File."""

    def place_hold(self, file_id: str, *, name: str, matter: str | None, reason: str) -> Document:
        """Place a legal hold; answers {"id"}."""

    def release_hold(self, file_id: str, hold: str, reason: str | None) -> Document:
        """End a legal hold; answers File."""

    def holds(self, file_id: str) -> Document:
        """Answer {"legal_holds"}."""

    def request_purge(self, file_id: str, reason: str | None, *, missing: bool = False) -> Document:
        """Ask for the destruction of a file; answers {"id", "file_id", "status", "requested_by", "missing", "policy"}.

        With `missing`, of one whose object is known to be missing.
        """

    def decide_purge(self, file_id: str, decision: Decision, reason: str | None) -> Document:
        """Withdraw, approve or reject a purge; answers as `request_purge` does."""

    def purge(self, file_id: str) -> Document:
        """Answer the newest purge of a file, as `request_purge` does."""

    def certificate(self, file_id: str) -> Document:
        """Answer the certificate of a file's destruction."""

    def disposal_policies(self, workspace: str) -> Document:
        """Answer {"policies", "requests"}: the disposal policies of a workspace, and the requested ones."""

    def request_disposal_policy(self, workspace: str, new: Document) -> Document:
        """Ask for a disposal policy; answers {"id", "category", "after_days", "requested_by", "requested_at"}."""

    def decide_disposal_policy(
        self, workspace: str, request: str, decision: DisposalDecision, reason: str | None
    ) -> Document:
        """Approve or reject a requested policy; answers as `disposal_policies` does."""

    def disposal_due(self, workspace: str, asked: Mapping[str, Any]) -> Document:
        """Answer {"now", "policies", "files", "next"}: what the policies destroy, and when."""

    def disposal_runs(self, workspace: str, *, after: str, limit: int) -> Document:
        """Answer a page {"runs", "next"} of the reports of runs, the oldest first."""

    def verify_content(self, file_id: str) -> Document:
        """Read the content where it is stored; answers {"file_id", "outcome", "size", "sha256", "verified_at"}."""

    def jobs(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"jobs", "next"} of the background work."""

    def run_jobs(self, workspace: str | None) -> Document:
        """Do one round of it now; answers {"done", "failed", "stopped"}."""

    def retry_job(self, file_id: str) -> Document:
        """Do what is due for a file now; answers {"file_id", "status", "jobs"}, the jobs that are left."""

    def operations(self, asked: Mapping[str, Any]) -> Document:
        """Answer {"since", "before", "missing", "figures"} of the calls to the object store."""

    def store_calls(self, asked: Mapping[str, Any]) -> Document:
        """Answer {"calls"}: single calls to the object store, newest first."""

    def audit(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Answer a page {"entries", "next"} of the audit trail; that it was read is recorded."""

    def usage(self, workspace: str | None, asked: Mapping[str, Any]) -> Document:
        """Answer what a workspace uses, or None the whole ledger."""

    def projections(self) -> Document:
        """Answer {"projections", "position"}."""

    def projection(self, name: str) -> Document:
        """Answer where one stands, with "build" and the "event" that it could not take."""

    def rebuild_projection(self, name: str, *, compare: bool) -> Document:
        """Begin to build one anew, or only to compare; answers as `projection` does."""

    def cancel_rebuild(self, name: str) -> Document:
        """Give that up; answers as `projection` does."""

    def act_on_projection(self, name: str, act: ProjectionAct) -> Document:
        """Pause, park, resume or retry one; answers as `projection` does."""

    def skip_event(self, name: str, reason: str) -> Document:
        """Let one go on without the event that it cannot take; answers as `projection` does."""

    def differences(self, name: str) -> Document:
        """Answer {"count", "differences"} of the newest comparison."""

    def rows(self, name: str, *, at: str, keys: Sequence[str], limit: int) -> Document:
        """Answer {"position", "rows", "more"}."""

    def create_workspace(self, new: Document) -> Document:
        """Make a workspace; answers it."""

    def workspace(self, workspace: str) -> Document:
        """Answer a workspace."""

    def workspaces(self, *, after: str, limit: int) -> Document:
        """Answer a page {"workspaces", "next"}."""

    def change_workspace(self, workspace: str, changes: Document) -> Document:
        """Change quota or purge policy; answers the workspace."""

    def find_id(self, kind: IdKind, prefix: str, within: str | None = None) -> str:
        """Answer the id of what begins with these digits, on a file or for a workspace where `within` names one."""

    def register_category(self, workspace: str, new: Document) -> Document:
        """Add a category of the workspace's own; answers the workspace."""

    def set_limits(self, workspace: str, category: str, limits: Document) -> Document:
        """Set the limits of a category; answers the workspace."""

    def issue_key(self, new: Document) -> Document:
        """Issue a key; answers {"id", "key"}, this once."""

    def keys(self, workspace: str | None, *, after: str | None, limit: int) -> Document:
        """Answer a page {"keys", "next"} of API keys, without secrets."""

    def key(self, key_id: str) -> Document:
        """Describe an API key, without its secret."""

    def revoke_key(self, key_id: str, reason: str | None) -> None:
        """Revoke a key."""

    def log(self) -> Document:
        """Answer how log, tree and checkpoints stand."""

    def log_resource(self, path: str) -> bytes:
        """Return what stands at `checkpoint`, `keys` or `tile/…` below the log, as it is."""
