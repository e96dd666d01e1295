"""How the application is served: uvicorn with bounded connections, and nothing taken from its own environment.

Everything that uvicorn would otherwise read from a variable (WEB_CONCURRENCY, FORWARDED_ALLOW_IPS) is given here.
"""

import contextlib
import resource
from functools import partial
from typing import Any, Final

import uvicorn

from provenstore.api.http.limits import HEAD_TIMEOUT, RESERVED_CONNECTIONS, ConnectionLimits
from provenstore.api.http.protocol import BoundedHttp, Connections
from provenstore.api.settings import Settings

GRACE: Final = 30
"""Seconds that requests under way are given to end when the server is asked to stop."""

FILES_BESIDE: Final = 512
"""Descriptors of a process beside its connections: objects, the database, pipes, libraries."""


def server_config(
    application: Any,
    settings: Settings,
    *,
    workers: int = 1,
    factory: bool = False,
    head_timeout: float = HEAD_TIMEOUT,
) -> uvicorn.Config:
    """Return how to serve an application, or what `factory` makes it of, within the limits of the settings."""
    limits = ConnectionLimits(
        connections=settings.max_connections,
        per_address=settings.max_connections_per_address,
        proxies=settings.proxy_networks,
        min_rate=settings.min_rate,
        rate_window=settings.rate_window,
        head_timeout=head_timeout,
    )
    return uvicorn.Config(
        application,
        http=partial(BoundedHttp, connections=Connections(limits)),  # type: ignore[arg-type]  # called as a class is
        ws="none",
        workers=workers,
        factory=factory,
        log_config=None,  # what it has to say goes where everything else goes, as JSON
        log_level="warning",  # requests are logged by the application, without query strings
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a forwarded address is worth nothing unless somebody trusted says so
        forwarded_allow_ips="",
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=GRACE,
    )


def allow_files(settings: Settings) -> None:
    """Raise the limit of open files, as far as the system lets us, so that connections do not run into it first."""
    wanted = 2 * (settings.max_connections + RESERVED_CONNECTIONS) + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, reachable), hard))
