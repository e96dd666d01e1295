"""The filters of the audit trail, each defined once, for HTTP, command line, database and the record of a search.

Takes nothing but the standard library, since the help of the command line must come at once. What a filter finds is in
`audit_query`; a filter on a column needs nothing there.
"""

from dataclasses import dataclass
from typing import Final, Literal

Action = Literal[
    "upload", "view", "download", "edit", "delete", "link", "hold", "retention", "purge", "verify", "refuse", "erase",
    "administer", "audit",
]  # fmt: skip
Outcome = Literal["ok", "denied", "failed"]

Kind = Literal[
    "text", "workspace", "file", "uuid", "credential", "type", "action", "outcome", "address", "sha256", "decision",
    "code", "time",
]  # fmt: skip
"""How a value is read, and what is refused as none of its kind."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. `not_<name>` keeps what it would find out, but for those that are not negatable."""

    name: str
    kind: Kind
    help: str
    column: str | None = None
    """The column of the trail that holds the value; None where the filter has SQL of its own."""
    finds: str | None = None
    """The query that finds files by the value: then every event of these files fits."""
    indexed: bool = True
    """Whether an index finds the newest events by it."""
    many: bool = False
    """Whether several values may be given, any of which fits."""
    negatable: bool = True
    option: str | None = None
    """Of the command line, where it is not called as the filter."""

    @property
    def negation(self) -> str:
        """The name of its negation."""
        return f"not_{self.name}"


FILTERS: Final[tuple[Filter, ...]] = (
    Filter("workspace", "workspace", "Only this workspace", column="workspace", indexed=False),
    Filter("file", "file", "Only this file, all its streams", column="file"),
    Filter("actor", "text", "Only what this actor did (full ID, or as shown: bob@system)", column="actor"),
    Filter("on_behalf_of", "text", "Only what was done for this person (full ID)", column="on_behalf_of"),
    Filter("credential", "credential", "Only what was done with this API key", column="credential"),
    Filter("session", "text", "Only this session (full ID)", column="session"),
    Filter("request", "text", "Only this request, by the server's ID", column="request"),
    Filter("client_request", "text", "Only this request, by the client's full ID", column="client_request"),
    Filter("cause", "uuid", "Only what this event caused", column="cause"),
    Filter("type", "type", "Any of these event types, e.g. file.stored.v1", many=True),
    Filter("action", "action", "Any of these actions", many=True),
    Filter("outcome", "outcome", "ok, denied or failed"),
    Filter("decision", "decision", "Only this decision, with or without its version"),
    Filter("code", "code", "Only this code of a refusal or failure", column="code"),
    Filter("purge", "uuid", "Only this purge", column="purge"),
    Filter("hold", "uuid", "Only this legal hold", column="hold"),
    Filter("link", "uuid", "Only this link, with its uses"),
    Filter("address", "address", "Only what came from this IP address"),
    Filter("related_type", "text", "With related_id: the type of the business object", negatable=False),
    Filter(
        "related_id",
        "text",
        "Only files that ever belonged to this business object (full ID)",
        finds="files_of_related",
        option="--related",
    ),
    Filter("subject", "text", "Only files that were ever about this person (full ID)", finds="files_of_subject"),
    Filter("matter", "text", "Only files that were ever held for this matter", finds="files_of_matter"),
    Filter("filename", "text", "Only files that ever had this name", finds="files_of_filename"),
    Filter(
        "filename_prefix",
        "text",
        "Only files whose name ever began with this",
        finds="files_of_filename_prefix",
    ),
    Filter(
        "filename_contains",
        "text",
        "Only files whose name ever contained this",
        finds="files_of_filename_contains",
        option="--name",
    ),
    Filter("sha256", "sha256", "Only files that ever had this content", finds="files_of_sha256"),
    Filter("path_prefix", "text", "Only files whose path begins with this", finds="files_of_path_prefix"),
    Filter("time_from", "time", "Recorded at or after this time", negatable=False, option="--from"),
    Filter("time_before", "time", "Recorded before this time", negatable=False, option="--before"),
)

BY_NAME: Final = {one.name: one for one in FILTERS}

NAMES: Final = (*BY_NAME, *(one.negation for one in FILTERS if one.negatable))
"""All names that a question may use, in order."""


def filter_of(name: str) -> tuple[Filter, bool]:
    """Return the filter of a name and whether the name negates it; KeyError for any other name."""
    found = BY_NAME.get(name)
    if found is not None:
        return found, False
    found = BY_NAME[name.removeprefix("not_")]
    if not name.startswith("not_") or not found.negatable:
        raise KeyError(name)
    return found, True
