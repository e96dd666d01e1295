"""What the probe of a bucket makes of answers that show nothing: they are trusted no more than an effect."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from pydantic import SecretStr

from provenstore.adapters.spaces import probe_answers as answers
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.unsigned_probe import CONTENT, UnsignedProbe
from provenstore.domain.errors import StoreUnavailable

SENT = {"x-amz-acl": {"x-amz-acl": "public-read"}, "cache-control": {"cache-control": "public"}}
ACL = b"<AccessControlPolicy><Owner><ID>us</ID></Owner><AccessControlList/></AccessControlPolicy>"

Write = Callable[[str, Mapping[str, str]], int]


class _Raw(BytesIO):
    def stream(self) -> Any:
        return iter([self.read()])


def _probe(*, acl: int = 200, tags: int = 501) -> UnsignedProbe:
    """Return a probe of a bucket that has every object, and answers with these statuses to who may read it."""
    bucket = Bucket(
        endpoint="http://127.0.0.1:1", region="r", name="b", key="k", secret=SecretStr("s"), path_style=True,
        attempts=1,
    )  # fmt: skip

    def answer(request: Any, **_: Any) -> AWSResponse:
        query = request.url.partition("?")[2]
        status, body = (acl, ACL) if query == "acl" else (tags, b"") if query == "tagging" else (200, CONTENT)
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(body))

    client = connect(bucket)
    events: Any = client.meta.events  # whose stubs know of no handler that answers
    events.register("before-send.s3", answer)
    return UnsignedProbe(client, "b", "p/", ca_file=None)


def _effects(probe: UnsignedProbe, write: Write) -> list[str] | None:
    with ThreadPoolExecutor(1) as threads:
        return probe._effects(threads, "put", write, SENT)


def _answering(status: int) -> Write:
    return lambda _name, sent: status if sent else 200


def test_what_is_refused_has_no_effect() -> None:
    """Nor what was written without a trace."""
    for status in (200, 403, 501):
        assert _effects(_probe(), _answering(status)) == []


def test_what_could_not_be_tried_counts_as_an_effect() -> None:
    """A busy server has refused nothing."""
    assert _effects(_probe(), _answering(503)) == ["put x-amz-acl", "put cache-control"]


def test_access_that_cannot_be_seen_counts_as_opened() -> None:
    """By the headers that open an object; on a server without access lists nothing is opened."""
    assert _effects(_probe(acl=403), _answering(200)) == ["put x-amz-acl"]
    assert _effects(_probe(acl=501), _answering(200)) == []


@pytest.mark.parametrize("busy", [{"acl": 503}, {"tags": 503}])
def test_a_look_that_is_not_answered_ends_the_probe(busy: dict[str, int]) -> None:
    """Two objects of which nothing is known are not alike."""
    with pytest.raises(StoreUnavailable):
        _effects(_probe(**busy), _answering(200))


@pytest.mark.parametrize(("status", "unbound"), [(403, 0), (204, 3), (503, 3)])
def test_the_bounds_of_a_form_are_believed_once_they_refuse(
    status: int, unbound: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and signature."""
    monkeypatch.setattr(answers, "PAUSES", (0.0, 0.0))
    probe = _probe()
    probe._http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status)))
    assert len(list(probe._bounds())) == unbound
