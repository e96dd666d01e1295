"""`put --direct` on real servers: the bytes go where the answer says, and the file is what was sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from provenstore.adapters.spaces.client import Bucket
from provenstore.api.client import Client, Connection
from provenstore.api.http.app import create_app
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.system_user import system_user
from provenstore.api.wiring import open_services
from provenstore.domain.errors import Refused
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.spaces.conftest import NewBucket

CONTENT = b"%PDF-1.7 straight to the bucket"


@pytest.fixture
def services(
    kind: str, new_bucket: NewBucket, environment: Callable[[Bucket], dict[str, str]], tmp_path: Path
) -> Iterator[Services]:
    """A ledger on an empty bucket, probed as a start probes it."""
    environment(new_bucket(kind))
    with open_services(load_settings(data_dir=tmp_path / "data"), sweep=False) as opened:
        yield opened


@pytest.fixture
def client(services: Services) -> Iterator[Client]:
    """A service's client of a server on that ledger."""
    ledger, root = services.ledger, system_user()
    ledger.create_workspace(root, CreateWorkspace(id="acme"))
    issued = ledger.issue_key(root, actor="shop", kind="service", roles=("service",), scope="acme")
    app = create_app(services.settings, lambda: nullcontext(services))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        (port,) = {one.getsockname()[1] for each in server.servers for one in each.sockets}
        ca_file = services.settings.spaces_ca_file
        with Client(Connection(f"http://127.0.0.1:{port}", SecretStr(issued.key), ca_file=ca_file)) as made:
            yield made
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("upload", ["auto", "api", "presigned", "form", "multipart"])
def test_every_way_up_is_followed(client: Client, services: Services, kind: str, upload: str) -> None:
    """What `initiate` answers is done to the letter by `send`, whatever the bucket permits."""
    new = {
        **{"workspace": "acme", "filename": "a.pdf", "media_type": "application/pdf", "category": "misc"},
        **{"size": len(CONTENT), "upload": upload},
    }
    can = services.ledger.store.capabilities()
    if upload == "form" and not can.direct_forms:
        with pytest.raises(Refused, match="not available"):
            client.initiate(new)
        return
    begun = client.initiate(new)
    if kind.startswith("rgw"):
        assert begun["upload"]["method"] == {"auto": "form"}.get(upload, upload)
    stored = client.send(begun, lambda first, length: [CONTENT[first : first + length]], size=len(CONTENT))
    assert (stored["status"], stored["size"]) == ("stored", len(CONTENT))
    with client.content(stored["id"]) as chunks:
        assert b"".join(chunks) == CONTENT


def test_a_copy_by_the_url_that_was_handed_out_is_refused(client: Client, services: Services, kind: str) -> None:
    """Through the whole of it: what another file holds does not come into this one."""
    del kind
    new = {"workspace": "acme", "filename": "a.pdf", "media_type": "application/pdf", "category": "misc"}
    victim = client.upload(client.initiate(new)["file"]["id"], [b"x" * 31], size=31, media_type="application/pdf")
    bucket = services.settings.spaces_bucket
    for upload in ("auto", "presigned"):
        begun = client.initiate({**new, "size": 31, "upload": upload})
        way = begun["upload"]
        if way["method"] == "api":
            continue
        source = {"x-amz-copy-source": f"/{bucket}/{victim['path']}"}
        if "fields" in way:
            httpx.post(way["url"], data={**way["fields"], **source}, files={"file": b""}, headers=source, verify=False)
        else:
            headers = {**way["headers"], **source}
            httpx.put(way["url"], headers=headers, content=b"y" * 31, verify=False)
        file = client.file(begun["file"]["id"])
        if file["status"] == "stored":
            with client.content(file["id"]) as chunks:
                assert b"".join(chunks) == b"y" * 31
        else:
            with pytest.raises(Refused):
                client.complete(file["id"])
