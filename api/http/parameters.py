"""Query parameters that a route does not declare are refused, on every route: leaving one out answers another question.

`…/workspaces/acme?at=60` would describe today's workspace to a caller who asked for an earlier one.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from provenstore.domain.errors import InvalidInput

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,40}")
"""What a problem repeats of a parameter's name; anything else may be an API key, or as long as the URL."""


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not declare, with InvalidInput that names it."""
    declared = declared_parameters(request.scope["route"])
    for name in request.query_params:
        if name not in declared:
            raise InvalidInput(name if _NAME.fullmatch(name) else "query", "is not a parameter of this request")


def declared_parameters(route: APIRoute) -> frozenset[str]:
    """Return the names of all query parameters of a route and of what it depends on; found out once for each."""
    kept: dict[str, Any] = vars(route)
    if _KEPT not in kept:
        kept[_KEPT] = frozenset(_names(route.dependant))
    found: frozenset[str] = kept[_KEPT]
    return found


_KEPT: Final = "provenstore_parameters"


def _names(dependant: Dependant) -> Iterator[str]:
    for one in dependant.query_params:
        model = _model(one.field_info.annotation)
        if model is None:
            yield one.alias
        else:
            yield from (field.alias or name for name, field in model.model_fields.items())
    for inner in dependant.dependencies:
        yield from _names(inner)


def _model(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
