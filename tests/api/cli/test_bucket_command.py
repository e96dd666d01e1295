"""`provenstore bucket`: what it prints, what it leaves and how it ends; on the imitation that every run has."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.api.cli.app import app
from provenstore.api.cli.bucket import FOLLOWS
from provenstore.domain.storage.objects import Capabilities
from store_servers import address


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:  # each operation of boto has types of its own
    """A client of a bucket that the environment names."""
    at, name = address("moto"), f"command-{uuid4()}"
    values = {"BUCKET": name, "ENDPOINT": at.endpoint, "REGION": "eu-west-1", "KEY": "any", "SECRET": "any"}
    for variable, value in values.items():
        monkeypatch.setenv(f"DO_SPACES_{variable}", value)
    monkeypatch.setenv("PROVENSTORE_SPACES_PATH_STYLE", "true")
    made: Any = connect(
        Bucket(endpoint=at.endpoint, region="eu-west-1", name=name, key="any", secret=SecretStr("any"), path_style=True)
    )
    made.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    made.bucket = name
    return made


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bucket", *arguments])


def _json(*arguments: str) -> Any:
    return json.loads(_run(*arguments, "--json").stdout)


def test_check_names_what_is_open(client: Any) -> None:
    """One line for each thing; the exit code says whether anything failed. Moto takes anybody's bytes."""
    ran = _run("check")
    lines = {line.split("\t")[1]: line.split("\t") for line in ran.stdout.splitlines()[1:]}
    assert (ran.exit_code, lines["public writing"][0], lines["delete"][0]) == (1, "failed", "ok")
    assert "harden" in lines["public writing"][3]
    assert "x-amz-copy-source" in lines["write URLs"][2]
    found = _json("check")
    assert (found["ok"], {one["check"] for one in found["checks"]}) == (False, set(lines))
    assert client.list_objects_v2(Bucket=client.bucket)["KeyCount"] == 0


def test_harden_changes_what_it_says_and_no_more(client: Any) -> None:
    """A dry run changes nothing; versioning only when asked; again it changes nothing."""
    assert [one["result"] for one in _json("harden", "--dry-run")["repairs"]] == ["to change", "unchanged"]
    assert "Rules" not in _rules(client)
    assert [one["result"] for one in _json("harden")["repairs"]] == ["changed", "unchanged"]
    assert [rule["ID"] for rule in _rules(client)["Rules"]] == ["provenstore-abort-unfinished"]
    assert "Status" not in client.get_bucket_versioning(Bucket=client.bucket)
    again = _run("harden", "--versioning")
    assert [line.split("\t")[:2] for line in again.stdout.splitlines()[1:]] == [
        ["unchanged", "abort rule"],
        ["unchanged", "acl"],
        ["changed", "versioning"],
    ]
    assert (again.exit_code, client.get_bucket_versioning(Bucket=client.bucket)["Status"]) == (0, "Enabled")


def _rules(client: Any) -> Any:
    try:
        return client.get_bucket_lifecycle_configuration(Bucket=client.bucket)
    except client.exceptions.ClientError:
        return {}


@pytest.mark.usefixtures("client")
def test_probe_records_once(tmp_path: Path) -> None:
    """The table says what follows; what is known already is not recorded again."""
    first = _run("probe", "--data-dir", str(tmp_path / "data"))
    assert (first.exit_code, first.stderr) == (0, "recorded\n")
    assert ["late_parts", "no", FOLLOWS["late_parts"][1]] in [line.split("\t") for line in first.stdout.splitlines()]
    again = _json("probe", "--data-dir", str(tmp_path / "data"))
    assert (again["recorded"], again["capabilities"]["late_parts"]) == (False, False)
    assert again["capabilities"].keys() == Capabilities.__annotations__.keys()


def test_without_a_bucket_there_is_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the settings."""
    for name in ("BUCKET", "ENDPOINT", "REGION", "KEY", "SECRET"):
        monkeypatch.delenv(f"DO_SPACES_{name}", raising=False)
    ran = _run("check")
    assert (ran.exit_code, ran.stdout, "DO_SPACES_BUCKET" in ran.stderr) == (3, "", True)


def test_every_capability_is_explained() -> None:
    """A new one would show without a meaning."""
    flags = {name for name, kind in Capabilities.__annotations__.items() if kind in (bool, "bool")}
    assert flags == FOLLOWS.keys()
