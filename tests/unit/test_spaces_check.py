"""Looking at a bucket: the way to it, and the reading of its rules. What it does with a real key is tried elsewhere."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from provenstore.adapters.spaces.check import check
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.findings import Finding
from provenstore.adapters.spaces.outside import Outside
from provenstore.adapters.spaces.probe import probe
from provenstore.adapters.spaces.rules import aborts, covers_all, deletes
from provenstore.domain.errors import Misconfigured
from throwaway_tls import certificate, https_server

SECRET = "the-secret-key-itself"


def _now() -> datetime:
    return datetime.now(UTC)


def _bucket(endpoint: str, ca_file: Path | None = None) -> Bucket:
    return Bucket(
        endpoint=endpoint,
        region="nyc3",
        name="bucket",
        key="KEY",
        secret=SecretStr(SECRET),
        path_style=True,
        ca_file=None if ca_file is None else str(ca_file),
        attempts=1,
    )


def _outside(bucket: Bucket, off: timedelta = timedelta(0)) -> dict[str, Finding]:
    return {one.what: one for one in Outside(bucket, lambda: _now() + off).endpoint()}


@pytest.mark.parametrize(
    ("days", "trusted", "host", "told"),
    [
        (-1, True, "127.0.0.1", "expired"),
        (90, False, "127.0.0.1", "certificate"),
        (90, True, "127.0.0.2", "mismatch"),
    ],
    ids=["expired", "of an unknown authority", "of another host"],
)
def test_a_certificate_that_is_not_good_ends_the_check(
    days: int, trusted: bool, host: str, told: str, tmp_path: Path
) -> None:
    """It says why, and what to do; a start with it is refused, too."""
    pem = certificate(tmp_path, days=days, host=host)
    with https_server(pem) as port:
        bucket = _bucket(f"https://127.0.0.1:{port}", pem if trusted else None)
        (found,) = check(bucket, _now)
        with pytest.raises(Misconfigured, match="certificate") as refused:
            probe(connect(bucket), bucket.name)
    assert (found.what, found.status, told in found.found) == ("tls", "failed", True)
    assert "PROVENSTORE_SPACES_CA_FILE" in str(found.advice)
    assert SECRET not in f"{found} {refused.value} {refused.value.__cause__!r}"


@pytest.mark.parametrize(("days", "status"), [(90, "ok"), (7, "warning")])
def test_a_certificate_is_renewed_in_time(days: int, status: str, tmp_path: Path) -> None:
    """Two weeks before its end somebody should know."""
    pem = certificate(tmp_path, days=days)
    with https_server(pem) as port:
        found = _outside(_bucket(f"https://127.0.0.1:{port}", pem))["tls"]
    assert (found.status, f"{_now() + timedelta(days=days):%Y-%m-%d}" in found.found) == (status, True)


def test_no_https_is_told(tmp_path: Path) -> None:
    """Where there is a server that speaks without, and where there is none at all."""
    with https_server(None) as port:
        assert _outside(_bucket(f"http://127.0.0.1:{port}"))["tls"].status == "ok"
        assert [(one.what, one.status) for one in check(_bucket(f"https://127.0.0.1:{port}"), _now)] == [
            ("tls", "failed")
        ]
    gone = check(_bucket(f"http://127.0.0.1:{port}"), _now)
    assert [(one.what, one.status) for one in gone] == [("endpoint", "failed")]


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, "ok"), (3, "warning"), (-3, "warning"), (20, "failed"), (-20, "failed")]
)
def test_the_clocks_are_compared(minutes: int, status: str) -> None:
    """A little is a warning, a quarter of an hour is what servers refuse."""
    with https_server(None) as port:
        assert _outside(_bucket(f"http://127.0.0.1:{port}"), timedelta(minutes=minutes))["clock"].status == status


ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
ON = {"Status": "Enabled"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({**ON, **ABORT, "Filter": {"Prefix": ""}}, True),
        ({**ON, **ABORT, "Prefix": ""}, True),
        ({**ON, **ABORT, "Filter": {}}, True),
        ({**ON, **ABORT, "Filter": {"Prefix": "temp/"}}, False),
        ({**ON, **ABORT, "Prefix": "temp/"}, False),
        ({**ON, **ABORT, "Filter": {"Tag": {"Key": "a", "Value": "b"}}}, False),
        ({**ON, **ABORT, "Filter": {"And": {"Prefix": "", "Tags": []}}}, False),
        ({**ABORT, "Status": "Disabled", "Filter": {}}, False),
        ({**ON, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}, "Filter": {}}, False),
        ({**ON, "Expiration": {"Days": 1}, "Filter": {}}, False),
    ],
)
def test_an_abort_rule_is_one_for_every_key(rule: dict[str, Any], expected: bool) -> None:
    """And soon enough, and switched on."""
    assert aborts(rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"Prefix": ""}}, True),
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"Prefix": "books/"}}, True),
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"And": {"Prefix": "temp/probe/", "Tags": []}}}, False),
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"Prefix": "temp/"}}, True),
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"And": {"Prefix": "books/", "Tags": []}}}, True),
        ({**ON, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}, "Prefix": ""}, True),
        ({**ON, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}], "Filter": {}}, True),
        ({**ON, "Expiration": {"Days": 30}, "Filter": {"Prefix": "temp/uploads/landing/x"}}, False),
        ({**ON, "Expiration": {"ExpiredObjectDeleteMarker": True}, "Filter": {}}, False),
        ({"Status": "Disabled", "Expiration": {"Days": 30}, "Filter": {}}, False),
        ({**ON, **ABORT, "Filter": {}}, False),
    ],
)
def test_a_rule_that_takes_content_away_is_known(rule: dict[str, Any], expected: bool) -> None:
    """Whatever it is called; what only tidies up is none."""
    assert deletes(rule) == expected


def test_a_rule_without_a_scope_is_for_all() -> None:
    """As old clients wrote them."""
    assert covers_all(ON)
