"""What the description of the API allows is not refused for its form, but for what no schema can say."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from examples import examples
from provenstore.api.acts import log
from tests.api.conftest import ROOT, Api, Tenant

DOCUMENT: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("openapi.json").read_text("utf-8"))
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final = [(path, method) for path, how in DOCUMENT["paths"].items() for method in how]
ROLES: Final = ("admin", "service", "auditor", "operator", "records", "approver", "privacy")

EXAMPLES: Final = examples(3, 6)
"""Requests of each operation."""

REFUSED_FORM: Final = frozenset({400, 415, 422})
"""What says that a request is not as it must be, whatever the state of the server."""

KNOWN_TO_THE_SERVER: Final = (
    # code, field, what the detail says, why no schema can say it
    ("invalid-input", "(from|to|through|after)", "is not (at most|from 0 to|below)|is more ", "how long the log is"),
    ("invalid-input", "at", "is not a position between|in the future|before the first event", "what the log holds"),
    ("invalid-input", "cursor", "was not made by this list", "cursors have a checksum"),
    ("invalid-input", "(subject|fields)", "was not found", "which values are recorded"),
    ("invalid-input", "category", "which this workspace does not have", "the workspace's own categories"),
    ("invalid-input", "id", "begins more than one id", "which ids there are"),
    ("invalid-input", "parts", "have not arrived|has arrived|have arrived|are none", "which parts arrived"),
    ("invalid-input", "part", "must be 1 to", "how many parts the declared size has"),
    ("invalid-input", "size", "is 0, which category", "what the category takes"),
    ("invalid-input", "upload", "which is not available here", "what the object store can do"),
    ("invalid-input", "size", "must be declared for an upload that goes straight", "what the object store can do"),
    ("invalid-input", "(before|time_before)", "is earlier than|is not after", "one parameter beside another"),
    ("invalid-input", "related_type", "needs a related_id", "one parameter beside another"),
    ("invalid-input", "metadata_value", "needs a metadata_key", "one parameter beside another"),
    ("invalid-input", "time_from", "is in the future", "what time it is"),
    ("invalid-input", "[a-z_]+", "is not between the years 1970 and 9000", "offsets at the turn of the first year"),
    ("invalid-input", "parts", "name a part twice", "entries that are alike in one field"),
    ("invalid-input", "(after|min_position)", "is not a position of the log", "marks are for keys of a workspace"),
    ("invalid-input", "within", "applies to links, holds|is missing; name the", "one parameter beside another"),
    ("not-supported", None, "", "what the object store can do"),
    ("content-mismatch", None, "", "a checksum of other content"),
)
"""What may be refused though the schema allows it; each reason is in the words of the field or the operation too."""


@dataclass(frozen=True)
class Refusal:
    """An answer that says that a request has not the right form."""

    status: int
    code: str
    field: str | None
    detail: str

    @property
    def sayable(self) -> bool:
        """Whether a schema could have said it."""
        return not any(
            self.code == code and re.fullmatch(field or "", self.field or "") and re.search(words, self.detail)
            for code, field, words, _ in KNOWN_TO_THE_SERVER
        )


def refusal_of(answer: Any) -> Refusal | None:
    """Return what was refused for its form."""
    if answer.status_code not in REFUSED_FORM:
        return None
    said = json.loads(answer.content)
    return Refusal(answer.status_code, said["code"], said.get("field"), said["detail"])


FUTURE: Final = (datetime.now(UTC) + timedelta(days=30)).isoformat()


def initiated(tenant: Tenant, client: httpx.Client, **said: Any) -> str:
    """Return a file whose content has not come."""
    answer = tenant.new(client, **said)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["file"]["id"]
    return found


def deleted(tenant: Tenant, client: httpx.Client, *, purge: bool = False) -> str:
    """Return a file that is deleted, and with `purge` one that is to be purged, too."""
    file_id = tenant.stored(client)
    assert client.delete(f"/v1/files/{file_id}").status_code == 200
    assert not purge or client.post(f"/v1/files/{file_id}/purge").is_success
    return file_id


def file_for(operation: str, tenant: Tenant, client: httpx.Client) -> str:
    """Return a file in the state that an operation is for."""
    match operation:
        case "upload_content" | "abort_upload":
            return initiated(tenant, client)
        case "upload_part" | "complete_upload":
            return initiated(tenant, client, upload="multipart")
        case "request_part_urls":
            return initiated(tenant, client, upload="multipart", size=5 << 30)
        case "restore_file" | "request_purge":
            return deleted(tenant, client)
        case "approve_purge" | "reject_purge" | "withdraw_purge" | "withdraw_purge_by_delete":
            return deleted(tenant, client, purge=True)
    return tenant.stored(client)


FILE: Final = {"filename": "report.pdf", "media_type": "application/pdf", "category": "misc", "placement": {}}
"""What fits together."""


def make_sensible(case: "schemathesis.Case[Any]", tenant: Tenant, file_id: Callable[[], str]) -> None:
    """Put what the server knows in the place of what no schema can: names, states, what time it is."""
    places: dict[str, Callable[[], str]] = {
        "workspace": lambda: tenant.id,
        "file_id": file_id,
        "category": lambda: "misc",
    }
    path, query = case.path_parameters or {}, case.query or {}
    case.path_parameters = {name: places[name]() if name in places else value for name, value in path.items()}
    known = {"min_position": "1", "workspace": tenant.id, "category": "misc"}
    case.query = {name: known.get(name, value) for name, value in query.items() if name != "cursor"}
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"key-{uuid4()}"
    if isinstance(case.body, dict):
        said: dict[str, Any] = {"workspace": tenant.id, "until": FUTURE, "expires_at": FUTURE}
        if "media_type" in case.body or "after_days" in case.body:
            said |= FILE
        case.body |= {name: value for name, value in said.items() if case.body.get(name) is not None}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_the_schema_allows_is_taken(api: Api, tenant: Tenant, path: str, method: str) -> None:
    """A request that the description allows is refused for its form only for what the list above has."""
    operation = DOCUMENT["paths"][path][method]["operationId"]
    issued = api.services.ledger.issue_key(ROOT, actor=f"a-{tenant.id}", kind="person", roles=ROLES, scope=None)
    client = api.anonymous({"Authorization": f"Bearer {issued.key}"})
    stored = tenant.stored(client)
    log.bring_up(api.services)
    refused: list[tuple[Refusal, str]] = []

    def file_id() -> str:
        return stored if method in {"get", "head"} else file_for(operation, tenant, client)

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        phases=[Phase.generate],
    )
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: "schemathesis.Case[Any]") -> None:
        make_sensible(case, tenant, file_id)
        found = refusal_of(case.call(base_url=api.url, headers={"Authorization": client.headers["Authorization"]}))
        if found is not None and found.sayable:
            refused.append((found, f"{case.path_parameters} {case.query} {case.headers} {case.body!r}"[:1_000]))

    ask()
    assert not refused
