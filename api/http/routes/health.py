"""Health: whether the process lives, and whether it should get requests. Open to all, so it says little."""

from collections.abc import Callable
from typing import Final

from anyio import create_task_group, move_on_after, to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from provenstore.api.contract import shapes
from provenstore.api.http.auth import ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.places import Places
from provenstore.api.http.protocol import EXTENSION, Connections
from provenstore.domain.errors import ProvenstoreError

router = APIRouter(tags=["health"])

PATIENCE: Final = 5.0
"""Seconds for each check; whoever asks, a balancer, has not more."""


@router.get("/healthz", responses=shapes.ok(shapes.Health))
async def healthz() -> Response:
    """Answer as long as the process does."""
    return JsonAnswer({"status": "ok"})


@router.get("/readyz", responses={**shapes.ok(shapes.Readiness), 503: {"model": shapes.Readiness}})
async def readyz(request: Request, services: ServicesIn) -> Response:
    """Ask database, object store and read models; 503 while one of them does not answer, or not within 5 seconds.

    `busy` (200) means that places for uploads or connections are all taken: downloads and commands are still served.
    """
    checks = dict.fromkeys(services.checks, "timeout")

    async def ask(name: str, check: Callable[[], None]) -> None:
        # In threads of their own, which are left behind where they hang: commands must not wait for them.
        with move_on_after(PATIENCE):
            try:
                await to_thread.run_sync(check, abandon_on_cancel=True, limiter=request.app.state.readiness)
                checks[name] = "ok"
            except ProvenstoreError as exc:
                checks[name] = exc.code

    async with create_task_group() as asking:
        for name, check in services.checks.items():
            asking.start_soon(ask, name, check)
    ready = all(answer == "ok" for answer in checks.values())
    load = _load(request)
    full = any(one["used"] >= one["limit"] for one in load.values())
    status = "unavailable" if not ready else "busy" if full else "ok"
    return JsonAnswer({"status": status, "checks": checks, "load": load}, 200 if ready else 503)


def _load(request: Request) -> dict[str, dict[str, int]]:
    """Return how much of what is limited in this process is taken."""
    places: Places = request.app.state.places
    load = {"uploads": {"used": places.used, "limit": places.capacity.total}}
    connections: Connections | None = request.scope.get("extensions", {}).get(EXTENSION)
    if connections is not None:  # another server may serve the application
        load["connections"] = {"used": connections.open, "limit": connections.limits.connections}
    return load
