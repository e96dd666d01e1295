"""The description of the API (OpenAPI 3.1), completed: words, examples, names of operations, limits.

FastAPI derives routes and shapes; what a reader and a generator of clients need besides is added here. It never
describes what the server does not do: names come from `glossary`, and limits from `bounds`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi.routing import APIRoute

from provenstore.api.contract.bodies import POSITION
from provenstore.api.contract.glossary import EXAMPLES, WORDS
from provenstore.api.http.bounds import TOGETHER, Schema, bound_field, bound_parameter

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
PROBLEM: Final = "application/problem+json"

OPERATIONS: Final[Mapping[str, str]] = {
    "initiate": "create_file",
    "change_file": "update_file",
    "post_delete_file": "delete_file_with_reason",
    "post_retention": "set_retention_by_post",
    "healthz": "get_health",
    "readyz": "get_readiness",
    "get_content": "download_content",
    "head_content": "describe_content",
    "put_content": "upload_content",
    "put_part": "upload_part",
    "get_signed": "download_signed",
    "head_signed": "describe_signed",
    "put_signed": "upload_signed",
    "issue_link": "create_link",
    "issue_key": "create_key",
    "delete_purge": "withdraw_purge_by_delete",
    "change_workspace": "update_workspace",
    "register_category": "create_category",
    "act_on_projection": "control_projection",
    "get_ledger_usage": "get_usage",
    "list_figures": "list_operation_figures",
    "list_calls": "list_operation_calls",
    "get_range": "get_range_proof",
    "get_consistency": "get_consistency_proof",
    "get_entries": "get_log_entries",
    "get_tile": "get_log_tile",
    "get_checkpoint": "get_log_checkpoint",
}
"""Names of operations that read better than those of our functions: verb first, stable, unique."""

SHOWN: Final[Mapping[str, Any]] = {
    "header.Idempotency-Key": "upload-2026-11-20-0001",
    "header.If-Match": '"v3"',
    "header.If-None-Match": '"v3"',
    "header.Accept": "application/json",
    "header.Range": "bytes=0-1023",
    "header.If-Range": f'"{EXAMPLES["sha256"]}"',
    "header.Content-Type": "application/pdf",
    "header.Content-MD5": "CY9rzUYh03PK3k6DJie09g==",
    "header.content-md5": "CY9rzUYh03PK3k6DJie09g==",
    "header.Provenstore-On-Behalf-Of": "person-17",
    "header.Provenstore-Session": "session-42",
    "path.prefix": "0199b3a0",
    "path.request": EXAMPLES["file_id"],
    "query.at": EXAMPLES["created_at"],
    "query.credential": EXAMPLES["file_id"],
    "query.not_credential": [EXAMPLES["file_id"]],
    "query.type": ["file.stored.v1"],
    "query.not_type": ["audit.read.v1"],
    "query.not_address": ["203.0.113.9"],
    "query.not_sha256": EXAMPLES["sha256"],
}
"""Examples of parameters that are better than those of their names."""


def operation_id(route: APIRoute) -> str:
    """Return the name of a route's operation, from which generators make a method's name."""
    return OPERATIONS.get(route.name, route.name)


def complete(schema: Schema) -> None:
    """Add words, limits and examples to a whole description."""
    _rename(schema)
    schemas: dict[str, Schema] = schema["components"]["schemas"]
    for name, shape in schemas.items():
        for field, described in shape.get("properties", {}).items():
            described.setdefault("description", _words(name, field))
            if name.endswith("Body"):
                bound_field(name, field, described)
        shape.update(TOGETHER.get(name, {}))
    for operation in _operations(schema):
        for parameter in operation.get("parameters", []):
            words = _words(parameter["in"], parameter["name"], _query(operation))
            parameter.setdefault("description", words)
            _complete_parameter(parameter, schemas)
        for answer in operation["responses"].values():
            if OCTETS in answer.get("content", {}):
                answer["content"].pop(JSON, None)  # FastAPI's default, which a download never is
        for media in _media(operation):
            if "example" not in media:
                media["example"] = example(media["schema"], schemas)


def _complete_parameter(parameter: Schema, schemas: Mapping[str, Schema]) -> None:
    """Add limits and an example to a parameter."""
    place, name, shape = f"{parameter['in']}.{parameter['name']}", parameter["name"], parameter["schema"]
    bound_parameter(parameter["in"], name, shape)
    if "example" not in parameter:
        known = {one.lower(): value for one, value in SHOWN.items()}.get(place.lower())
        parameter["example"] = example(shape, schemas, parameter["in"], name) if known is None else known


RENAMED: Final[Mapping[str, str]] = {"File": "FileRecord"}
"""Schemas whose names clash with types that generated clients bring along, as `File` does in several languages."""


def _rename(schema: Schema) -> None:
    schemas = schema["components"]["schemas"]
    for old, new in RENAMED.items():
        schemas[new] = {**schemas.pop(old), "title": new}
    _point(schema, {f"#/components/schemas/{old}": f"#/components/schemas/{new}" for old, new in RENAMED.items()})


def _point(value: Any, moved: Mapping[str, str]) -> None:
    """Let references follow what was renamed."""
    if isinstance(value, dict):
        if value.get("$ref") in moved:
            value["$ref"] = moved[value["$ref"]]
        for one in value.values():
            _point(one, moved)
    elif isinstance(value, list):
        for one in value:
            _point(one, moved)


def _operations(schema: Schema) -> Iterator[Schema]:
    for operations in schema["paths"].values():
        yield from operations.values()


def _media(operation: Schema) -> Iterator[Schema]:
    """Yield what JSON an operation takes and answers."""
    for one in (operation.get("requestBody", {}), *operation["responses"].values()):
        for kind, media in one.get("content", {}).items():
            if kind in {JSON, PROBLEM} and "schema" in media:
                yield media


_QUERIES: Final[Mapping[str, str]] = {
    "list_files": "ListQuery",
    "search_audit": "AuditQuery",
    "get_rows": "RowsQuery",
}
"""Operations whose parameters narrow a list: there a name means what must match."""


def _query(operation: Schema) -> str:
    return _QUERIES.get(operation["operationId"], "")


def _words(*place: str) -> str:
    """Return the sentence for a name: of its schema or kind of parameter first, then of the name alone."""
    owner, name, *queries = place
    for key in (*(f"{one}.{name}" for one in queries if one), f"{owner}.{name}", name):
        if key in WORDS:
            return WORDS[key]
    return ""


def example(schema: Schema, schemas: Mapping[str, Schema], owner: str = "", name: str = "") -> Any:
    """Return a value that a schema allows, from the glossary where it has one."""
    known = EXAMPLES.get(f"{owner}.{name}", EXAMPLES.get(name))
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        if target in EXAMPLES:
            return EXAMPLES[target]
        return example(schemas[target], schemas, target)
    if "anyOf" in schema or "oneOf" in schema:
        forms = schema.get("anyOf") or schema["oneOf"]
        if known is None and name in EXAMPLES and {"type": "null"} in forms:
            return None
        return example(next((one for one in forms if one.get("type") != "null"), forms[0]), schemas, owner, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if known is not None and isinstance(known, _PYTHON.get(kind or "", object)):
        return known
    return _of_type(kind, schema, schemas, owner)


_PYTHON: Final[Mapping[str, type]] = {"string": str, "integer": int, "array": list, "object": dict, "boolean": bool}
_FORMATS: Final[Mapping[str, str]] = {
    "uuid": EXAMPLES["file_id"],
    "date-time": EXAMPLES["created_at"],
    "uri": EXAMPLES["url"],
}


def _of_type(kind: str | None, schema: Schema, schemas: Mapping[str, Schema], owner: str) -> Any:
    match kind:
        case "object":
            fields = schema.get("properties", {})
            required = schema.get("required", [])
            shown = [one for one in fields if one in required or one in EXAMPLES] if owner.endswith("Body") else fields
            return {one: example(fields[one], schemas, owner, one) for one in shown}
        case "array":
            if "prefixItems" in schema:
                return [example(one, schemas) for one in schema["prefixItems"]]
            return [example(schema.get("items", {}), schemas, "", "")]
        case "string":
            return "1" if schema.get("pattern") == POSITION else _FORMATS.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return False
    return None
