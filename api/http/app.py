"""The ASGI application: routes, problems, envelope, and a lifespan that owns everything they work with.

`create_app` builds it and touches nothing; the lifespan opens the services and closes them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from provenstore.adapters.entropy import SystemEntropy
from provenstore.api.contract.shapes import Problem
from provenstore.api.http.api_key_cache import ApiKeyCache
from provenstore.api.http.auth import require_unended_key
from provenstore.api.http.conditions import refuse_unheeded
from provenstore.api.http.envelope import Envelope
from provenstore.api.http.lifecycles import Lifecycles
from provenstore.api.http.limits import MAX_CHECKS
from provenstore.api.http.openapi import complete, operation_id
from provenstore.api.http.parameters import refuse_unknown_parameters
from provenstore.api.http.places import Capacity, Places
from provenstore.api.http.problems import add_problem_handlers
from provenstore.api.http.routes import (
    audit,
    content,
    custody,
    disposal,
    erasures,
    files,
    health,
    ids,
    jobs,
    keys,
    links,
    log,
    operations,
    parts,
    projections,
    proofs,
    purges,
    signed,
    usage,
    verification,
    workspaces,
)
from provenstore.api.http.shared_reads import SharedReads
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.wiring import open_services

TITLE = "Provenstore"
VERSION = "1"
DESCRIPTION = "A provable chain of custody for every file. Refusals are problems (RFC 9457) with a stable `code`."

Opening = Callable[[], AbstractContextManager[Services]]


def create_app(settings: Settings, opening: Opening | None = None) -> FastAPI:
    """Return the application; its lifespan enters `opening`, by default `open_services(settings)`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = opening() if opening is not None else open_services(settings)
        to_thread.current_default_thread_limiter().total_tokens = settings.threads
        # Uploads have threads of their own: slow clients must not keep commands waiting.
        app.state.transfers = CapacityLimiter(settings.max_uploads)
        app.state.places = Places(
            Capacity(settings.max_uploads, settings.max_uploads_per_workspace, settings.max_uploads_per_key)
        )
        app.state.readings = SharedReads()
        app.state.keys = ApiKeyCache()
        app.state.lifecycles = Lifecycles()
        app.state.readiness = CapacityLimiter(MAX_CHECKS)
        # Opening and closing wait for processes and threads; the loop must not.
        app.state.services = await to_thread.run_sync(services.__enter__)
        app.state.services.on_growth.append(app.state.keys.clear)
        try:
            yield
        finally:
            await to_thread.run_sync(services.__exit__, None, None, None)

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]  # the way that FastAPI documents
    add_problem_handlers(app, require_unended_key)
    app.add_middleware(Envelope, new_id=SystemEntropy().event_id, settings=settings)
    of_files = (files, content, parts, signed, verification, links, custody, purges, erasures)
    others = (workspaces, keys, disposal, usage, audit, jobs, operations, projections, log, proofs, ids, health)
    for routes in (*of_files, *others):
        app.include_router(routes.router, dependencies=[Depends(refuse_unheeded), Depends(refuse_unknown_parameters)])
    return app


def from_environment() -> FastAPI:
    """Return the application of this process's environment; where it logs to is for whoever owns the process."""
    return create_app(load_settings())


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the API once, with the key that it asks for and problems instead of FastAPI's own errors."""
    if app.openapi_schema is None:
        schema = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
        parts = schema.setdefault("components", {})
        parts["schemas"]["Problem"] = Problem.model_json_schema()
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "pvs_…"}}
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                if not path.startswith(("/v1/signed/", "/healthz", "/readyz")):
                    operation["security"] = [{"key": []}]
        for name in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(name, None)
        complete(schema)
        app.openapi_schema = schema
    return app.openapi_schema
