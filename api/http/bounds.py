"""What the description of the API says of the values that a request may have, and of fields that go together.

Never looser than the server: what a schema can say and the server refuses stands here, with the limits of the domain,
which enforces them. What no schema can say (the state of a file, the time now) is in the words of the fields.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from provenstore.domain.administration.short_ids import LEAST
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.privacy.erasure import OF_FILES
from provenstore.domain.storage.upload_sizes import MAX_PARTS
from provenstore.domain.tenants.actor import MAX_PRIVATE_BYTES
from provenstore.domain.tenants.categories import MAX_TEMPLATE, PLACE_NAME, SEGMENT, roots
from provenstore.domain.tenants.workspace import MAX_EXPIRES_AFTER, MAX_EXTENSION, MAX_LINK_TTL
from provenstore.domain.text import (
    MAX_FILENAME_BYTES,
    MAX_ID_BYTES,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY_BYTES,
    MAX_METADATA_VALUE_BYTES,
    MAX_REASON_BYTES,
    MAX_RELATED,
    MAX_SUBJECTS,
    MEDIA_TYPE,
    OPAQUE,
    SLUG,
)
from provenstore.domain.uploads.part_uploads import MAX_URLS

Schema = dict[str, Any]

_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
_BUT_LINE_ENDS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"


def _visible(controls: str) -> str:
    """Return the pattern of text without these characters that is not blank: `require_text`."""
    return f"[^{controls}]*[^\\s{controls}][^{controls}]*"


LINE: Final = f"^{_visible(_CONTROLS)}$"
TEXT: Final = f"^{_visible(_BUT_LINE_ENDS)}$"
STORABLE: Final = r"^[^\x00]*$"
BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
ANY_MEDIA_TYPE: Final = "^[ \\t]*{}[ \\t]*(;[^\\x00]*)?$".format(MEDIA_TYPE.pattern.replace("a-z", "A-Za-z"))
ASCII_KEY: Final = "^[ -~]*[!-~][ -~]*$"


def within_bytes(most: int) -> Schema:
    """Return the keywords for a text of at most `most` bytes in UTF-8; a schema counts characters, of 1 to 4 bytes.

    The more bytes the longest of the characters takes, the fewer there may be: never looser than the server, and as
    loose where all characters are alike.
    """
    found: Schema = {"maxLength": most // 4}
    for below, bytes_of_those in ((r"\uffff", 3), (r"\u07ff", 2), (r"\x7f", 1)):
        beyond = {"pattern": f"[^\\x00-{below}]"}
        found = {"maxLength": most // bytes_of_those, "if": beyond, "then": found}
    return found


_HEX: Final = "^[0-9a-f]{%d}$"
_SLUG: Final = f"^{SLUG.pattern}$"

_ID: Final[Schema] = {"pattern": f"^{OPAQUE.pattern}$", "maxLength": MAX_ID_BYTES}
_NAME: Final[Schema] = {"pattern": LINE, **within_bytes(MAX_ID_BYTES)}
_PRIVATE: Final[Schema] = {"pattern": LINE, **within_bytes(MAX_PRIVATE_BYTES)}
_REASON: Final[Schema] = {"pattern": TEXT, **within_bytes(MAX_REASON_BYTES)}
_NUMBER: Final[Schema] = {"minimum": 1, "maximum": MAX_PARTS}
_LINK_TTL: Final[Schema] = {"minimum": 1, "maximum": MAX_LINK_TTL}

BOUNDS: Final[Mapping[str, Schema]] = {
    "sha256": {"pattern": _HEX % 64},
    "md5": {"pattern": _HEX % 32},
    "workspace": {"pattern": _SLUG},
    "NewWorkspaceBody.id": {"pattern": _SLUG, "not": {"const": SYSTEM_WORKSPACE}},
    "NewWorkspaceBody.name": {"pattern": f"^({_visible(_CONTROLS)})?$", **within_bytes(MAX_ID_BYTES)},
    "category": {"pattern": _SLUG},
    "actor": _ID,
    "media_type": {"pattern": ANY_MEDIA_TYPE},
    "filename": {"minLength": 1, "pattern": STORABLE, **within_bytes(MAX_FILENAME_BYTES)},
    "reason": _REASON,
    "subject": _NAME,
    "HoldBody.name": _NAME,
    "HoldBody.matter": _NAME,
    "NewKeyBody.name": _PRIVATE,
    "NewKeyBody.email": _PRIVATE,
    "LinkBody.purpose": _REASON,
    "LinkBody.recipient": _NAME,
    "LinkBody.ttl": _LINK_TTL,
    "RelatedBody.type": {"pattern": _SLUG},
    "RelatedBody.id": _NAME,
    "metadata": {
        "maxProperties": MAX_METADATA_ENTRIES,
        "propertyNames": {"pattern": ASCII_KEY, "maxLength": MAX_METADATA_KEY_BYTES},
        "additionalProperties": {"pattern": STORABLE, **within_bytes(MAX_METADATA_VALUE_BYTES)},
    },
    "placement": {
        "propertyNames": {"pattern": f"^{PLACE_NAME}$"},
        "additionalProperties": {"pattern": _SLUG},
    },
    "related": {"maxItems": MAX_RELATED},
    "subjects": {"maxItems": MAX_SUBJECTS, "uniqueItems": True, "items": _NAME},
    "roles": {"minItems": 1, "uniqueItems": True},
    "content": {"pattern": BASE64},
    "ErasureBody.fields": {"minItems": 1, "items": {"enum": sorted(OF_FILES)}},
    "CompletionBody.parts": {"minItems": 1, "maxItems": MAX_PARTS},
    "PartBody.number": _NUMBER,
    "PartBody.etag": {"pattern": '^"?[0-9a-f]{32}"?$'},
    "PartsBody.parts": {"minItems": 1, "maxItems": MAX_URLS, "uniqueItems": True, "items": _NUMBER},
    "LimitsBody.link_ttl": _LINK_TTL,
    "LimitsBody.expires_after": {"maximum": MAX_EXPIRES_AFTER},
    "LimitsBody.extensions": {
        "minItems": 1,
        "items": {"pattern": r"^(\*|[a-z0-9.]*[a-z0-9][a-z0-9.]*)$", "maxLength": MAX_EXTENSION},
        "if": {"contains": {"const": "*"}},
        "then": {"maxItems": 1},
    },
    "CategoryBody.template": {
        "maxLength": MAX_TEMPLATE,
        "pattern": f"^(({SEGMENT.pattern})/)+$",
        "not": {"pattern": f"^({'|'.join(sorted(roots()))})/"},
    },
}
"""Limits of the fields of requests."""

NEVER_NULL: Final = frozenset(f"ChangeBody.{one}" for one in ("filename", "metadata", "related", "subjects", "access"))
"""Fields that may be left out, but not be null."""


def _given(field: str, value: Schema) -> Schema:
    return {"required": [field], "properties": {field: value}}


TOGETHER: Final[Mapping[str, Schema]] = {
    "WantedBody": {"not": {"properties": {"subject": {"type": "null"}, "actor": {"type": "null"}}}},
    "NewErasureBody": {"not": {"properties": {"subject": {"type": "null"}, "actor": {"type": "null"}}}},
    "WorkspaceBody": {"if": _given("four_eyes", {"type": "boolean"}), "then": _given("reason", {"type": "string"})},
    "NewKeyBody": {
        "if": _given("kind", {"const": "service"}),
        "then": {"properties": {"roles": {"items": {"not": {"const": "approver"}}}}},
    },
    "LinkBody": {
        "if": _given("observed", {"const": False}),
        "then": {"properties": {"delivery": {"type": "null"}}},
    },
    "NewFileBody": {
        "allOf": [
            {
                "if": _given("content", {"type": "string"}),
                "then": {"properties": {"upload": {"enum": ["auto", "api"]}}},
            },
            {
                "if": _given("upload", {"const": "multipart"}),
                "then": {"properties": {"size": {"not": {"const": 0}}}},
            },
        ]
    },
}
"""Fields that go together or exclude each other, by the schema of the body."""

PARAMETERS: Final[Mapping[str, Schema]] = {
    "header.idempotency-key": {"pattern": "^[!-~]{1,255}$"},
    "header.provenstore-on-behalf-of": _ID,
    "header.provenstore-session": _ID,
    "header.if-match": {"pattern": r'^(\*|"v[0-9]{1,15}")$'},
    "header.content-md5": {"pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$"},
    "path.prefix": {"pattern": f"^([0-9A-Fa-f]-?){{{LEAST},32}}$"},
    "path.workspace": {"pattern": _SLUG},
    "path.category": {"pattern": _SLUG},
    "path.number": _NUMBER,
    "query.reason": _REASON,
    "query.cursor": {"pattern": "^[A-Za-z0-9_-]+$"},
    "query.at": {"anyOf": [{"pattern": "^[0-9]{1,18}$"}, {"format": "date"}, {"format": "date-time"}]},
}
"""Limits of parameters, by place and lower-case name."""

_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(("maxItems", "minItems", "uniqueItems", "items", "if", "then"), "array"),
    **dict.fromkeys(("maxProperties", "propertyNames", "additionalProperties"), "object"),
    **dict.fromkeys(("minimum", "maximum"), "integer"),
}
"""The type that a keyword is for; all others are for strings."""


def bound_field(owner: str, field: str, described: Schema) -> None:
    """Add the limits of a field of a body to its schema."""
    if f"{owner}.{field}" in NEVER_NULL:
        drop_null(described)
    for form in _forms(described):
        _add(form, BOUNDS.get(f"{owner}.{field}", BOUNDS.get(field, {})))


def bound_parameter(place: str, name: str, described: Schema) -> None:
    """Add the limits of a parameter to its schema; a parameter is left out, never null."""
    drop_null(described)
    known = PARAMETERS.get(f"{place}.{name.lower()}", {})
    for form in _forms(described):
        _add(form, known)
        if place == "query":
            for text in (form, form.get("items", {})):
                if text.get("type") == "string" and not text.keys() & {"pattern", "format", "enum", "const", "anyOf"}:
                    text["pattern"] = STORABLE


def drop_null(described: Schema) -> None:
    """Take null out of what a schema allows."""
    forms = described.get("anyOf", [])
    if {"type": "null"} in forms:
        left = [one for one in forms if one != {"type": "null"}]
        del described["anyOf"]
        described.update(left[0] if len(left) == 1 else {"anyOf": left})


def _forms(described: Schema) -> Iterator[Schema]:
    yield from described["anyOf"] if "anyOf" in described and "type" not in described else (described,)


def _add(form: Schema, bounds: Schema) -> None:
    for name, value in bounds.items():
        of = "string" if name in {"if", "then"} and "maxLength" in bounds else _OF.get(name, "string")
        if form.get("type") != of:
            continue
        inner = name in {"items", "additionalProperties"} and isinstance(form.get(name), dict)
        form[name] = {**form[name], **value} if inner else value
