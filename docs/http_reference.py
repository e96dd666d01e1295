"""Renews the tables of docs/reference/http.md: `python docs/http_reference.py` after changing a role, code or limit.

The words around them are written there by hand.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from provenstore.adapters.postgres import database
from provenstore.api.http import problems
from provenstore.api.http.app import create_app
from provenstore.api.http.limits import HEAD_TIMEOUT, MAX_BODY, MAX_HEAD, MAX_HEADER_FIELDS, MAX_NESTING, SMALL_BODY
from provenstore.api.permissions import PERMISSIONS
from provenstore.api.settings import Settings
from provenstore.domain import errors as e
from provenstore.domain import text
from provenstore.domain.access.links import DEFAULT_TTL
from provenstore.domain.eventlog.caller import Operation, Role
from provenstore.domain.storage import objects
from provenstore.domain.storage.upload_sizes import MAX_AT_HAND, MAX_PARTS, PART_SIZE
from provenstore.domain.tenants.categories import MIB, UPLOAD_TTL
from provenstore.domain.tenants.workspace import MAX_LINK_TTL, MAX_OWN_CATEGORIES
from provenstore.domain.uploads.part_uploads import MAX_URLS, WRITE_URL_TTL

TARGET = Path(__file__).parent / "reference" / "http.md"

KIB = 1024

_PART = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

CALLS: Mapping[Operation, str] = {
    "file.initiate": "`POST /v1/files`; with `content` it takes `file.upload` too",
    "file.upload": "`PUT …/content`, everything under `…/parts`, `POST …/complete`",
    "file.abort": "`DELETE …/upload`",
    "file.get": "`GET /v1/files/{id}`, with `at` too, `GET …/legal-holds`",
    "file.list": "`GET /v1/files`",
    "file.content": "`GET`, `HEAD …/content`",
    "file.verify": "`POST …/verification`",
    "file.link": "`POST …/links`",
    "file.link_revoke": "`DELETE …/links/{link}`",
    "file.history": "`GET …/history`, `GET …/receipt`, receipts of a file's events",
    "file.certificate": "`GET …/certificate`",
    "file.soft_delete": "`DELETE /v1/files/{id}`, `POST …/delete`",
    "file.restore": "`POST …/restore`",
    "file.change": "`PATCH /v1/files/{id}`",
    "file.retention": "`PUT …/retention`",
    "file.hold": "`POST …/legal-holds`",
    "file.release": "`DELETE …/legal-holds/{hold}`",
    "file.purge_get": "`GET …/purge`",
    "file.purge_request": "`POST …/purge`",
    "file.purge_withdraw": "`POST …/purge/withdraw`, `DELETE …/purge`",
    "file.purge_approve": "`POST …/purge/approve`",
    "file.purge_reject": "`POST …/purge/reject`",
    "file.erase": "`POST …/erasure`",
    "erasure.request": "`POST /v1/erasures`, `POST /v1/erasures/preview`",
    "erasure.approve": "`POST /v1/erasures/{id}/approve`, `POST …/reject`",
    "erasure.get": "`GET /v1/erasures`, `GET /v1/erasures/{id}`",
    "audit.search": "`GET /v1/audit`, `GET /v1/workspaces/{id}/proof`, receipts of other events",
    "workspace.create": "`POST /v1/workspaces`",
    "workspace.get": "`GET /v1/workspaces`, `GET /v1/workspaces/{id}`, `…/usage`, `GET /v1/usage`",
    "workspace.change": "`PATCH /v1/workspaces/{id}`, `…/categories`, `…/limits/{category}`",
    "disposal.get": "`GET /v1/workspaces/{id}/disposal`, `…/disposal/due`, `…/disposal/runs`",
    "disposal.request": "`POST /v1/workspaces/{id}/disposal/requests`",
    "disposal.approve": "`POST …/disposal/requests/{request}/approve`",
    "disposal.reject": "`POST …/disposal/requests/{request}/reject`",
    "credential.get": "`GET /v1/keys`, `GET /v1/keys/{id}`",
    "credential.issue": "`POST /v1/keys`",
    "credential.revoke": "`DELETE /v1/keys/{id}`",
    "provider.probe": "no call; `provenstore bucket check` on the data directory",
    "projection.get": "`GET /v1/projections`, `GET …/{name}`, `GET …/{name}/differences`",
    "projection.rows": "`GET /v1/projections/{name}/rows`",
    "projection.change": "`POST`, `DELETE` under `/v1/projections/{name}`",
    "log.read": "`GET /log/checkpoint`, `…/keys`, `…/tile/…`, `…/proof/consistency`",
    "log.entries": "`GET /log/tile/entries/…`, `GET /log/proof/range`",
    "log.change": "`GET /v1/log`; the rest is done on the data directory",
    "system.sweep": "`/v1/jobs` and what is below it",
    "system.operations": "`GET /v1/operations`, `GET /v1/operations/calls`",
}
"""What the operations of the permission table are, over HTTP; `…` is `/v1/files/{id}` in those of files."""

AGAIN: Mapping[str, str] = {
    "append-outcome-unknown": "yes, with the same `Idempotency-Key`",
    "recorded-unfinished": "look at it first; or yes, with the same `Idempotency-Key`",
    "conflict": "after reading again",
    "source-changed": "after reading again",
    "precondition-failed": "after reading again",
    "incomplete-body": "yes, the whole body",
    "content-mismatch": "with the right bytes",
    "quota-exceeded": "once there is room",
    "retained": "once retention has ended",
    "legal-hold": "once it is released",
    "url-expired": "with a new URL",
    "unauthenticated": "with another key",
    "second-person-required": "by another person",
}
"""Where more can be said than the kind of an error says."""

BY_HTTP: Mapping[type[e.ProvenstoreError], int] = {problems.Unsupported: 405}
"""What the framework refuses keeps the status that it was given there; these are the usual ones."""


def render() -> str:
    """Return the page, each of its parts that are from the code made anew."""
    parts = {"roles": _roles, "codes": _codes, "idempotent": _idempotent, "limits": _limits}
    return _PART.sub(lambda found: f"{found[1]}\n{parts[found[2]]()}\n\n{found[3]}", TARGET.read_text())


def _roles() -> str:
    roles = [role for role in get_args(Role) if role != "admin"]
    lines = [f"| operation | calls | {' | '.join(roles)} |", f"|---|---|{'---|' * len(roles)}"]
    for operation, allowed in PERMISSIONS.items():
        marks = " | ".join("x" if role in allowed else "" for role in roles)
        lines.append(f"| `{operation}` | {CALLS[operation]} | {marks} |")
    return "\n".join(lines)


def _codes() -> str:
    found = {one.code: one for one in reversed(list(_classes(e.ProvenstoreError)))}
    rows = sorted((_status(kind), code, kind) for code, kind in found.items())
    lines = ["| status | code | says | again? |", "|---|---|---|---|"]
    for status, code, kind in rows:
        says = "; ".join(part for part in (kind.title(), kind.advice) if part)
        lines.append(f"| {status} | `{code}` | {says} | {AGAIN.get(code) or _again(kind)} |")
    return "\n".join(lines)


def _classes(base: type[e.ProvenstoreError]) -> Iterator[type[e.ProvenstoreError]]:
    """Yield the errors that a caller can meet, a class before what is made of it; tests make more of them."""
    if base.__module__ in {module.__name__ for module in (e, objects, problems, database)}:
        yield base
    for one in base.__subclasses__():
        yield from _classes(one)


def _status(kind: type[e.ProvenstoreError]) -> int:
    if kind in BY_HTTP:
        return BY_HTTP[kind]
    return next(problems.STATUSES[one] for one in kind.__mro__ if one in problems.STATUSES)


def _again(kind: type[e.ProvenstoreError]) -> str:
    if issubclass(kind, e.Unavailable):
        return "yes, later"
    return "no" if issubclass(kind, e.Refused) else "no; the operator must look"


def _idempotent() -> str:
    paths = create_app(Settings.model_construct()).openapi()["paths"]
    found = [
        f"- `{method.upper()} {path}`"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])) and path != "/v1/keys"
    ]
    return "\n".join(found)


def _limits() -> str:
    rows = [
        (
            "the header of a request",
            f"{MAX_HEAD // KIB} KiB, {MAX_HEADER_FIELDS} fields (431), within {HEAD_TIMEOUT:g} seconds (408)",
        ),
        (
            "a body that is not content",
            f"{MAX_BODY // MIB} MiB on `POST /v1/files`, `PATCH /v1/files/{{id}}` and `POST …/complete`, "
            f"{SMALL_BODY // KIB} KiB elsewhere (413 `content-too-large`), {MAX_NESTING} levels of JSON",
        ),
        ("content within `POST /v1/files`", f"{MAX_AT_HAND // KIB} KiB before Base64"),
        ("content", "the category's limit: see [categories](categories.md)"),
        ("a part", f"{PART_SIZE // MIB} MiB, more only where there would be over {MAX_PARTS:,} parts"),
        ("URLs for parts in one request", f"{MAX_URLS:,}, each good for {WRITE_URL_TTL.seconds // 60} minutes"),
        ("time for an upload", f"{UPLOAD_TTL // 3600} hours from `POST /v1/files`, then it expires"),
        ("life of a link", f"{DEFAULT_TTL // 60} minutes unless `ttl` says more, as far as the category allows "
         f"({MAX_LINK_TTL // 86_400} days at most)"),
        ("`filename`", f"{text.MAX_FILENAME_BYTES:,} bytes of UTF-8; no `/` or `\\`"),
        ("`metadata`", f"{text.MAX_METADATA_ENTRIES} entries; keys {text.MAX_METADATA_KEY_BYTES} bytes of ASCII, "
         f"values {text.MAX_METADATA_VALUE_BYTES:,} bytes"),
        ("`related`, `subjects`", f"{text.MAX_RELATED} and {text.MAX_SUBJECTS}; ids of {text.MAX_ID_BYTES} bytes"),
        ("a reason", f"{text.MAX_REASON_BYTES:,} bytes"),
        ("ids of actors, `Provenstore-On-Behalf-Of`, `Provenstore-Session`",
         f"{text.MAX_ID_BYTES} of `A-Z a-z 0-9 . _ : @ + -`, beginning with a letter or digit"),
        ("ids of workspaces and categories", "63 of `a-z 0-9 - _`, beginning and ending with a letter or digit"),
        ("categories of a workspace's own", f"{MAX_OWN_CATEGORIES}"),
        ("a page of a list", "100 unless `limit` says otherwise, 1,000 at most; `next` or `cursor` goes on"),
    ]  # fmt: skip
    return "\n".join(["| what | at most |", "|---|---|", *(f"| {what} | {most} |" for what, most in rows)])


if __name__ == "__main__":
    TARGET.write_text(render())
