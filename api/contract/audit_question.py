"""What may be asked of the audit trail, over HTTP and by the command line: each of its filters and their negations."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema, create_model

from provenstore.api.contract.bodies import Body, Position, Time
from provenstore.domain.custody.event_catalog import TYPE_NAMES
from provenstore.domain.tenants.credential import KEY
from provenstore.projections.audit.filters import FILTERS, NAMES, Action, Filter, Kind, Outcome
from provenstore.projections.audit.values import CODE, DECISION, READ


class AuditPageQuery(Body):
    """Says which page of the audit trail, in which order and form."""

    order: Literal["newest", "oldest"] = "newest"
    format: Literal["default", "storage-log"] = "default"
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    min_position: Position | None = None
    fresh: bool = False  # wait until the audit trail has seen everything that was recorded before it was asked for

    def filters(self) -> dict[str, Any]:
        """Return the filters that are given, by name."""
        given = {name: getattr(self, name) for name in NAMES if name in self.model_fields_set}
        return {name: value for name, value in given.items() if value not in (None, ())}


def _text(kind: Kind, **schema: object) -> Any:
    """Return the type of a text that is read by its kind."""
    read: Callable[[str], str] = READ[kind]
    return Annotated[str, AfterValidator(read), WithJsonSchema({"type": "string", "minLength": 1, **schema})]


_UUID: Final = "[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

_TYPES: Final[Mapping[Kind, Any]] = {
    "text": _text("text"),
    "workspace": _text("workspace"),
    "file": Annotated[UUID, AfterValidator(str)],
    "uuid": Annotated[UUID, AfterValidator(str)],
    "credential": _text("credential", pattern=f"^({_UUID}|{KEY.pattern})$"),
    "type": _text("type", enum=[*TYPE_NAMES]),
    "action": Action,
    "outcome": Outcome,
    "address": _text("address", anyOf=[{"format": "ipv4"}, {"format": "ipv6"}]),
    "sha256": _text("sha256", pattern="^[0-9A-Fa-f]{64}$"),
    "decision": _text("decision", pattern=f"^{DECISION.pattern}$"),
    "code": _text("code", pattern=f"^{CODE.pattern}$"),
    "time": Time,
}


def _fields() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in FILTERS:
        found[one.name] = _field(one, one.help, many=one.many)
        if one.negatable:
            found[one.negation] = _field(one, f"Leave out what `{one.name}` finds.", many=one.finds is None)
    return found


def _field(one: Filter, description: str, *, many: bool) -> Any:
    value = _TYPES[one.kind]
    if many:
        return (tuple.__class_getitem__((value, ...)), Field(default=(), description=description))
    return (value | None, Field(default=None, description=description))


if TYPE_CHECKING:

    class AuditQuery(AuditPageQuery):
        """Narrows the audit trail."""

else:
    AuditQuery = create_model(
        "AuditQuery",
        __base__=AuditPageQuery,
        __doc__="Narrows the audit trail; every condition must hold, `not_…` of all of its values. Times need a zone.",
        **_fields(),
    )
