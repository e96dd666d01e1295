"""Every way out of the audit and of private values leaves a record, over HTTP and on a data directory alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from provenstore.api import log
from provenstore.api.cli.direct import Direct, system_user
from provenstore.domain.envelope import Actor
from tests.api.conftest import Api, Tenant

MODEL = "/v1/projections/file_index"


def reads(api: Api, principal: str) -> list[dict[str, Any]]:
    """Return what the readings of somebody say."""
    found = [event.to_json()["data"] for event in api.services.ledger.log.events([f"audit:{principal}"])]
    return [{name: value for name, value in one.items() if value not in (None, [])} for one in found]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/v1/files?category=misc&subject=jo",
            {"what": "list", "by": ["category", "subject"], "asked": ["category=misc"]},
        ),
        (MODEL + "/rows?at={position}&limit=2", {"what": "rows", "model": "file_index", "shown": 2}),
        (
            MODEL + "/rows?at={position}&key={file}",
            {"what": "rows", "by": ["key"], "asked": ["key={file}"], "shown": 1},
        ),
        (MODEL + "/differences", {"what": "differences", "model": "file_index", "shown": 0}),
        ("/v1/files/{file}?at={position}", {"what": "as_of", "file": "{file}"}),
        ("/v1/files/{file}/history", {"what": "history", "file": "{file}"}),
        ("/v1/files/{file}/receipt", {"what": "receipt", "file": "{file}"}),
        ("/log/tile/entries/000.p/1", {"what": "entries", "from_position": 1}),
        ("/log/proof/range?from=0&to=2", {"what": "proof", "from_position": 1, "to_position": 2}),
        (
            "/v1/audit?outcome=ok&address=127.0.0.1",
            {"what": "search", "by": ["address", "outcome"], "asked": ["outcome=ok"]},
        ),
    ],
)
def test_every_reading_over_http_is_on_record(api: Api, tenant: Tenant, path: str, said: dict[str, Any]) -> None:
    """reads-on-record: what was read, of what, and how much of it."""
    file = tenant.stored(tenant.client("service"))
    tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    name, position = f"officer-{uuid4()}", api.services.ledger.log.position()
    answer = api.client("admin", actor=name).get(path.format(file=file, position=position))
    assert answer.status_code == 200, answer.text
    (read,) = reads(api, name)
    wanted = {
        key: [one.format(file=file) for one in value] if isinstance(value, list) else value
        for key, value in said.items()
    }
    if "file" in wanted:
        wanted["file"] = file
    assert {key: read.get(key) for key in wanted} == wanted


_ACTS: list[tuple[str, Callable[[Direct, str, int], object]]] = [
    ("list", lambda direct, _file, _position: direct.files({"fresh": True}, cursor=None, limit=10)),
    ("rows", lambda direct, _file, at: direct.rows("file_index", at=str(at), keys=[], limit=1)),
    ("differences", lambda direct, _file, _position: direct.differences("file_index")),
    ("as_of", lambda direct, file, at: direct.file(file, at=str(at))),
    ("history", lambda direct, file, _position: direct.history(file, after=0, limit=10)),
    ("entries", lambda direct, _file, _position: direct.log_resource("tile/entries/000.p/1")),
    ("receipt", lambda direct, file, _position: direct.receipt(file)),
    ("search", lambda direct, _file, _position: direct.audit({}, cursor=None, limit=1)),
]


@pytest.mark.parametrize(("what", "act"), _ACTS)
def test_every_reading_of_a_data_directory_is_on_record(
    api: Api, tenant: Tenant, what: str, act: Callable[[Direct, str, int], object]
) -> None:
    """The same as over HTTP: a command on the directory is called a reading, too."""
    file = tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    somebody = replace(system_user(), actor=Actor(f"system-user-{uuid4()}", "person", "cli"))
    act(Direct(api.services, somebody), file, api.services.ledger.log.position())
    assert [one["what"] for one in reads(api, somebody.principal)] == [what]


def test_where_read_models_stand_is_no_reading(api: Api, tenant: Tenant) -> None:
    """Nor are a file's description, its counters, jobs and usage: they show no audit."""
    file, name = tenant.stored(tenant.client("service")), f"officer-{uuid4()}"
    client = api.client("admin", actor=name)
    for path in (MODEL, "/v1/projections", "/v1/jobs", "/v1/usage", f"/v1/files/{file}", f"/v1/files/{file}?view=full"):
        assert client.get(path).status_code == 200
    assert reads(api, name) == []
