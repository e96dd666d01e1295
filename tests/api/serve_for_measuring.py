"""A server in a process of its own for tests that measure it: prints its URL and a key, then serves until SIGTERM."""

import logging
import socket
import sys

import uvicorn

from provenstore.api.http.app import create_app
from provenstore.api.log_output import log_to_stderr
from provenstore.api.settings import load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.tenants.workspace import CreateWorkspace

ROOT = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)


def main() -> None:
    log_to_stderr(logging.INFO)
    settings = load_settings()
    with open_services(settings) as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="memory"))
        issued = services.ledger.issue_key(ROOT, actor="meter", kind="service", roles=("service",), scope=None)
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]} {issued.key}\n")
    sys.stdout.flush()
    config = uvicorn.Config(create_app(settings), log_config=None, access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
