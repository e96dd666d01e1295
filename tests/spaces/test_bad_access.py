"""Everything that can be wrong with a key, a clock or a bucket, at the check, at a probe and in use, on real servers.

Each is told in words that say what to do, and never with the secret.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from provenstore.adapters.spaces.check import check
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.probe import keeps_versions, probe
from provenstore.adapters.spaces.store import Spaces
from provenstore.api.cli.app import app
from provenstore.domain.errors import Misconfigured, StoreUnavailable
from provenstore.domain.storage.objects import ObjectNotFound
from store_servers import address

NewBucket = Callable[[str], Bucket]
WRONG = "wrong-secret-0123456789"
MAY = "GetObject PutObject ListBucket ListBucketVersions ListBucketMultipartUploads AbortMultipartUpload"
ALSO = "GetBucketVersioning GetBucketLocation ListMultipartUploadParts"


@dataclass(frozen=True)
class Fault:
    """Something that is wrong: how to make it so, which check fails of it, and what has to be told."""

    name: str
    spoil: Callable[[Bucket], Bucket]
    check: str
    told: str


def _theirs(bucket: Bucket) -> Bucket:
    """Return the bucket of a stranger."""
    other = address("rgw-other")
    described = replace(bucket, name=f"{bucket.name}-theirs", key=other.key, secret=SecretStr(other.secret))
    connect(described).create_bucket(Bucket=described.name)
    return replace(bucket, name=described.name)


FAULTS = [
    Fault("unknown key", lambda one: replace(one, key="NOBODY"), "credentials", "DO_SPACES_KEY"),
    Fault("wrong secret", lambda one: replace(one, secret=SecretStr(WRONG)), "credentials", "DO_SPACES_SECRET"),
    Fault("no such bucket", lambda one: replace(one, name=f"{one.name}-not"), "bucket", "DO_SPACES_BUCKET"),
    Fault("impossible name", lambda one: replace(one, name="No"), "bucket", "DO_SPACES_BUCKET"),
]
STRANGER = Fault("another's bucket", _theirs, "list", "not yours")  # of a server with two users


def _now() -> datetime:
    return datetime.now(UTC)


def _shown(error: BaseException) -> str:
    """Return everything that a log or a traceback could show of an error."""
    causes: list[str] = []
    one: BaseException | None = error
    while one is not None:
        causes.append(f"{one!r} {one} {getattr(one, 'details', '')} {getattr(one, 'response', '')}")
        one = one.__cause__ or one.__context__
    return " ".join(causes)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_told_wherever_it_shows(fault: Fault, kind: str, new_bucket: NewBucket) -> None:
    """At the check, at a probe, at a start with a bucket that is known, and in use."""
    _is_told(fault, new_bucket(kind))


def test_the_bucket_of_another_is_told(new_bucket: NewBucket) -> None:
    """It is there, and it is not for this key."""
    _is_told(STRANGER, new_bucket("rgw-http"))


def _is_told(fault: Fault, good: Bucket) -> None:
    bad = fault.spoil(good)
    finding = check(bad, _now)[-1]
    assert (finding.status, finding.what) == ("failed", fault.check)
    assert fault.told in str(finding.advice)
    client, shown = connect(bad), [repr(finding)]
    for ask in (
        lambda: probe(client, bad.name, ca_file=bad.ca_file),
        lambda: keeps_versions(client, bad.name),
    ):
        with pytest.raises(Misconfigured, match=fault.told) as stopped:
            ask()
        shown.append(_shown(stopped.value))
    store = Spaces(client, bad.name, probe(connect(good), good.name, ca_file=good.ca_file))
    for use in (
        lambda: store.put("k", [b"x"], media_type="text/plain", max_size=1, if_absent=False),
        lambda: store.list(""),
        lambda: store.create_multipart("k", media_type="text/plain"),
        lambda: store.get("k"),
    ):
        with pytest.raises(StoreUnavailable, match=fault.told) as refused:
            use()
        shown.append(_shown(refused.value))
    assert bad.secret.get_secret_value() not in " ".join(shown)


def test_a_key_that_may_not_delete_is_found_before_it_matters(new_bucket: NewBucket) -> None:
    """It reads and writes, and would fail at the first purge."""
    mine, other = new_bucket("rgw-http"), address("rgw-other")
    theirs = replace(mine, name=f"{mine.name}-kept", key=other.key, secret=SecretStr(other.secret))
    owner: Any = connect(theirs)
    owner.create_bucket(Bucket=theirs.name)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/test"]},
        "Action": [f"s3:{action}" for action in f"{MAY} {ALSO}".split()],
        "Resource": [f"arn:aws:s3:::{theirs.name}", f"arn:aws:s3:::{theirs.name}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.put_bucket_policy(Bucket=theirs.name, Policy=policy)
    lent = replace(mine, name=theirs.name)
    found = {one.what: one for one in check(lent, _now)}
    assert [one.what for one in found.values() if one.status == "failed"] == ["delete"]
    assert "temp/probe/check-" in found["delete"].found
    assert "list and delete" in str(found["delete"].advice)
    with pytest.raises(Misconfigured, match="list and delete"):
        probe(connect(lent), lent.name)
    store = Spaces(connect(lent), lent.name, probe(connect(mine), mine.name))
    store.put("k", [b"x"], media_type="text/plain", max_size=1)
    with pytest.raises(StoreUnavailable, match="list and delete"):
        store.delete("k")
    assert store.head("k").size == 1
    with pytest.raises(ObjectNotFound):
        store.head("other")


@pytest.mark.parametrize("minutes", [20, -20])
def test_a_clock_that_is_off_is_told(minutes: int, new_bucket: NewBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the check before anything is signed; in use by what the server says of the signature's time."""
    good = new_bucket("rgw-http")
    capabilities = probe(connect(good), good.name)
    off, clock = timedelta(minutes=minutes), "get_current_datetime"
    real = getattr(botocore.auth, clock)  # of botocore's own, which the stubs do not know

    def shifted(*arguments: Any, **named: Any) -> datetime:
        found: datetime = real(*arguments, **named)
        return found + off

    finding = check(good, lambda: _now() + off)[-1]
    assert (finding.what, finding.status) == ("clock", "failed")
    assert "NTP" in str(finding.advice)
    monkeypatch.setattr(botocore.auth, clock, shifted)
    assert [(one.what, one.status) for one in check(good, _now)][-1] == ("clock", "failed")
    with pytest.raises(Misconfigured, match="NTP"):
        probe(connect(good), good.name)
    with pytest.raises(StoreUnavailable, match="NTP"):
        Spaces(connect(good), good.name, capabilities).list("")


def test_the_commands_never_show_a_secret(
    new_bucket: NewBucket, environment: Callable[[Bucket], dict[str, str]]
) -> None:
    """Neither the right one nor a wrong one, whatever goes wrong and however it is asked."""
    good = new_bucket("rgw-http")
    faulty = [*(fault.spoil(good) for fault in (*FAULTS, STRANGER)), replace(good, endpoint="http://127.0.0.1:1")]
    for bucket in (good, *faulty):
        environment(bucket)
        for command in (["check"], ["check", "--json"], ["harden", "--dry-run"], ["harden", "--json"]):
            ran = CliRunner().invoke(app, ["bucket", *command])
            told = f"{ran.output} {ran.stderr} {ran.exception!r}"
            assert ran.exit_code in ((0,) if bucket is good else (1, 3)), told
            assert not any(secret in told for secret in (good.secret.get_secret_value(), WRONG))


def test_a_command_with_a_fault_is_refused(
    new_bucket: NewBucket, environment: Callable[[Bucket], dict[str, str]], tmp_path: Path
) -> None:
    """The sentence and the exit code are those of a setting that is wrong; a bucket that is known is no way around."""
    good = new_bucket("rgw-http")
    environment(good)
    data = ["--data-dir", str(tmp_path / "data")]
    (file := tmp_path / "a.txt").write_text("a")
    assert CliRunner().invoke(app, ["bucket", "probe", *data]).exit_code == 0
    for fault in FAULTS:
        environment(fault.spoil(good))
        for command in (["bucket", "probe"], ["put", str(file)]):
            ran = CliRunner().invoke(app, [*command, *data])
            assert (ran.exit_code, ran.stdout, fault.told in ran.stderr) == (3, "", True), ran.stderr
            assert not any(secret in ran.stderr for secret in (good.secret.get_secret_value(), WRONG))
