"""Health: whether the process lives, and whether it should get requests. Open to all, so it says little."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from provenstore.api.http import shapes
from provenstore.api.http.auth import ServicesIn
from provenstore.domain.errors import ProvenstoreError

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=shapes.ok(shapes.Health))
async def healthz() -> Response:
    """Answer as long as the process does."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={**shapes.ok(shapes.Readiness), 503: {"model": shapes.Readiness}})
def readyz(services: ServicesIn) -> Response:
    """Ask database, object store and read models; 503 while one of them does not answer."""
    checks = dict.fromkeys(services.checks, "ok")
    for name, check in services.checks.items():
        try:
            check()
        except ProvenstoreError as exc:
            checks[name] = exc.code
    ready = all(answer == "ok" for answer in checks.values())
    return JSONResponse({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)
