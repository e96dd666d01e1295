"""A pytest plugin: which object stores the contract runs against, and the servers behind them.

`--stores local,moto,rgw-http,rgw-https,rgw-versioned,swift` starts what is named, once per run, on ports that were
free a moment before, and stops it at the end; `tests/servers/*.sh install` comes first.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from examples import LONG

ANY_BUCKET = "any_bucket"
"""Marker of tests in which a bucket that keeps versions is as any other: on it they run in `make test-long` only."""

STORES = ("local", "moto", "rgw-http", "rgw-https", "rgw-versioned", "swift")
SERVERS = Path(__file__).parent.parent / "servers"
ADDRESSES = "TEST_ADDRESSES"  # environment variable by which the workers learn them
FINDINGS = "TEST_FINDINGS"  # and the folder in which they leave for each other what those servers can do
PROPERTY = "store"
OTHER_KEY, OTHER_SECRET = "OTHERACCESSKEY", "othersecretkey0123456789"  # of RGW's second user, a stranger to the first
_STACK = pytest.StashKey[ExitStack]()


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is, and who may use it."""

    endpoint: str
    region: str
    key: str
    secret: str
    ca_file: str | None = None


def address(store: str) -> Address:
    """Return the address of a store that this run has started, once it answers."""
    found = Address(**json.loads(os.environ[ADDRESSES])[store])
    if store == "moto":
        _await(urlsplit(found.endpoint).port or 0)
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stores", default="local,moto", help=f"comma-separated, of: {', '.join(STORES)}")


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers in the process that every worker is a child of, unless its parent has done so."""
    config.addinivalue_line("markers", f"{ANY_BUCKET}: on a bucket that keeps versions, for `make test-long`")
    if ADDRESSES in os.environ or config.option.collectonly:
        return
    wanted = chosen(config)
    if unknown := set(wanted) - set(STORES):
        raise pytest.UsageError(f"--stores: unknown {', '.join(sorted(unknown))}; known are {', '.join(STORES)}")
    stack = config.stash[_STACK] = ExitStack()
    try:
        start(wanted, stack)
    except BaseException:
        stack.close()
        raise


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    if _STACK in config.stash:
        config.stash[_STACK].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases ran on each store, and how they ended."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            for name, store in getattr(report, "user_properties", ()):  # a file that cannot be read has none
                if name == PROPERTY:
                    counts[str(store), outcome] += 1
    for store in sorted({store for store, _ in counts}):
        told = ", ".join(f"{counts[store, outcome]} {outcome}" for outcome in ("passed", "failed", "error", "skipped"))
        terminalreporter.write_line(f"object store {store}: {told}")


def chosen(config: pytest.Config) -> list[str]:
    """Return the stores that this run is about."""
    names: str = config.getoption("--stores")
    return names.split(",")


def stores_of(metafunc: pytest.Metafunc) -> list[str]:
    """Return the stores that a test runs on in this run."""
    alike = not LONG and metafunc.definition.get_closest_marker(ANY_BUCKET) is not None
    return [one for one in chosen(metafunc.config) if not (alike and one.endswith("-versioned"))]


def start(stores: list[str], stack: ExitStack) -> None:
    """Start servers until `stack` is closed, and tell every process that this one starts where they are."""
    # The cheap one is always there: not only the contract needs a bucket.
    found = {"moto": _moto(stack)}
    if any(store.startswith("rgw-") for store in stores):
        found |= _rgw(stack)
    if "swift" in stores:
        found["swift"] = _swift(stack)
    stack.callback(os.environ.pop, ADDRESSES)
    os.environ[ADDRESSES] = json.dumps({store: asdict(one) for store, one in found.items()})
    stack.callback(os.environ.pop, FINDINGS)
    os.environ[FINDINGS] = stack.enter_context(tempfile.TemporaryDirectory(prefix="provenstore-findings-"))


def _moto(stack: ExitStack) -> Address:
    """Start moto in a process of its own, so that its memory and its log are not the tests'.

    The first test that needs it waits for it, for most need none.
    """
    (port,) = _free_ports(1)
    command = [sys.executable, str(Path(__file__).with_name("moto_in_order.py")), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    return Address(endpoint=f"http://127.0.0.1:{port}", region="us-east-1", key="any", secret="any")


def _rgw(stack: ExitStack) -> dict[str, Address]:
    names = ("RGW_PORT", "RGW_TLS_PORT", "RGW_MON_PORT", "RGW_MON_PORT_V1")
    ports = dict(zip(names, _free_ports(4), strict=True))
    folder = _run("rgw.sh", ports, stack)

    def at(endpoint: str, ca_file: str | None) -> Address:
        key, secret = "TESTACCESSKEY", "testsecretkey0123456789"
        return Address(endpoint=endpoint, region="default", key=key, secret=secret, ca_file=ca_file)

    return {
        "rgw-http": at(f"http://127.0.0.1:{ports['RGW_PORT']}", None),
        "rgw-versioned": at(f"http://127.0.0.1:{ports['RGW_PORT']}", None),
        "rgw-other": replace(at(f"http://127.0.0.1:{ports['RGW_PORT']}", None), key=OTHER_KEY, secret=OTHER_SECRET),
        "rgw-https": at(f"https://127.0.0.1:{ports['RGW_TLS_PORT']}", str(folder / "ca.pem")),
    }


def _swift(stack: ExitStack) -> Address:
    names = ("SWIFT_PORT", "SWIFT_ACCOUNT_PORT", "SWIFT_CONTAINER_PORT", "SWIFT_OBJECT_PORT")
    ports = dict(zip(names, _free_ports(4), strict=True))
    _run("swift.sh", ports, stack)
    endpoint = f"http://127.0.0.1:{ports['SWIFT_PORT']}"
    return Address(endpoint=endpoint, region="us-east-1", key="test:tester", secret="testing")


def _run(script: str, ports: dict[str, int], stack: ExitStack) -> Path:
    """Start a server in a folder of its own and return the folder."""
    folder = Path(tempfile.mkdtemp(prefix="provenstore-server-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    command = str(SERVERS / script)
    environment = {**os.environ, **{name: str(port) for name, port in ports.items()}}
    stack.callback(subprocess.run, [command, "stop", str(folder)], check=True)
    subprocess.run([command, "start", str(folder)], env=environment, check=True)
    return folder


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@cache
def _await(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
