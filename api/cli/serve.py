"""`serve`: the HTTP API over a data directory, in one process or several.

The address is taken first and the services are opened second, both in this process, so that whatever is wrong is one
sentence and an exit code, not a traceback out of a worker.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provenstore.api.cli.session import Session, local_command
from provenstore.domain.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI

    from provenstore.api.settings import Settings

_BACKLOG = 2_048
_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not listened on
"""Where to reach a server on this machine that listens on every address."""

_PORT_SECONDS = 3.0
"""For which a port in use is tried again: the workers of a parent that was killed leave it within two seconds."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @local_command(app, "serve")
    def serve(
        session: Session,
        host: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")] = None,
        port: Annotated[
            int | None, typer.Option(min=0, max=65_535, help="Port to listen on (default 8080; 0 picks a free one).")
        ] = None,
        workers: Annotated[int | None, typer.Option(min=1, max=64, help="Number of server processes.")] = None,
    ) -> None:
        """Serve the HTTP API until SIGTERM or Ctrl-C."""
        from provenstore.api.log_output import log_to_stderr
        from provenstore.api.settings import load_settings

        log_to_stderr(logging.INFO)
        settings = load_settings(data_dir=session.data_dir, host=host, port=port, workers=workers)
        with _ending_well(), _listening(settings.host, settings.port) as listener:
            _serve(session, settings, listener)


def worker() -> "FastAPI":
    """Return the application of one worker process."""
    from provenstore.api.http.app import from_environment
    from provenstore.api.log_output import log_to_stderr
    from provenstore.api.workers import end_with_parent

    log_to_stderr(logging.INFO)
    end_with_parent()
    return from_environment()


class _Asked(BaseException):
    """Somebody asked the server to stop, which is how it is meant to end."""


@contextmanager
def _ending_well() -> Iterator[None]:
    """Take SIGTERM and Ctrl-C for a good end: everything is closed in order and the exit code is 0."""

    def ask(_number: int, _frame: object) -> None:
        raise _Asked

    before = signal.signal(signal.SIGTERM, ask)
    try:
        with contextlib.suppress(_Asked, KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address; Unavailable if somebody has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = _bound(host, port, family)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise Unavailable(f"port {port} on {host} is in use; choose another with --port") from exc
        raise Misconfigured(f"cannot listen on {host} port {port}: {exc.strerror}") from exc
    with listener:
        yield listener


def _bound(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _serve(session: Session, settings: "Settings", listener: socket.socket) -> None:
    """Open the services, then serve. Several workers join the database that this process holds open."""
    from provenstore.adapters.embedded.data_directory import DataDirectory
    from provenstore.adapters.embedded.serving import announced
    from provenstore.api.http.server import allow_files, server_config
    from provenstore.api.wiring import open_services
    from provenstore.api.workers import run_workers

    allow_files(settings)
    run, port = DataDirectory(settings.data_dir).run, listener.getsockname()[1]
    place = f"Provenstore on {_url(settings.host, port)}, data directory {settings.data_dir.absolute()}"
    near = _url(_NEAR.get(settings.host, settings.host), port)  # commands on this machine find it by this
    if settings.workers == 1:
        with open_services(settings) as services, announced(run, near):
            from provenstore.api.http.app import create_app

            application = create_app(settings, lambda: contextlib.nullcontext(services))
            _run_one(server_config(application, settings), listener, lambda: session.out.say(place))
        return
    # Spawned workers read their settings themselves: what came as an option must be in the environment, too.
    os.environ["PROVENSTORE_DATA_DIR"] = str(settings.data_dir.absolute())
    with open_services(settings, sweep=False), announced(run, near):
        session.out.say(f"{place}, {settings.workers} workers")
        application_of = "provenstore.api.cli.serve:worker"
        run_workers(server_config(application_of, settings, workers=settings.workers, factory=True), listener)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run_one(config: Any, listener: socket.socket, ready: Any) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    # After a signal it finishes what is under way and raises the signal once more, which `_ending_well` takes.
    Server(config).run(sockets=[listener])
