"""Does a URL for writing do more than write? Found out by sending along what nobody signed, and looking what it did.

A server may copy another object into the caller's, open it to everybody, or serve it with headers of the caller's: each
header is tried by itself, at a presigned PUT, at a presigned part and at a form, in the way in which the adapter signs
them. Whatever differs from an object that was sent without the header is an effect, known to us by name or not.
"""

import ssl
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.client import CONNECT_TIMEOUT
from provenstore.adapters.spaces.errors import meaning, status, translated
from provenstore.adapters.spaces.extras import others
from provenstore.adapters.spaces.probe_answers import for_now, settled
from provenstore.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TIMEOUT = 30.0  # seconds without a byte
LIFETIME = 300  # seconds for which the probe's own URLs are good
AT_ONCE = 8  # requests; most of the time is spent on the way

CONTENT: Final = b"what the caller sent"
VICTIM: Final = b"of somebody else, 20"  # as long: a bound length must not be what keeps a copy away
MEDIA_TYPE: Final = "text/plain"
_EVERYBODY: Final = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
_CUSTOMER_KEY: Final = {
    "x-amz-server-side-encryption-customer-algorithm": "AES256",
    "x-amz-server-side-encryption-customer-key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "x-amz-server-side-encryption-customer-key-MD5": "hRasmdxgYDKV3nvbahU1MA==",
}
_VOLATILE: Final = frozenset(
    {"date", "last-modified", "x-amz-request-id", "x-amz-id-2", "x-amz-version-id", "x-trans-id", "x-timestamp"}
    | {"x-openstack-request-id", "connection", "keep-alive", "server", "transfer-encoding", "vary"}
)
"""Headers of an answer that differ between two equal objects."""


def unsigned_headers(source: str) -> dict[str, dict[str, str]]:
    """Return what is sent along, by the name under which it is reported; `source` is /bucket/key of another object."""
    alone = {
        "cache-control": "public, max-age=31536000",
        "content-disposition": 'inline; filename="page.html"',
        "content-encoding": "gzip",
        "content-language": "tlh",
        "content-type": "text/html",
        "expires": "Thu, 01 Dec 2039 16:00:00 GMT",
        "x-amz-acl": "public-read",
        "x-amz-copy-source": source,
        "x-amz-grant-full-control": _EVERYBODY,
        "x-amz-grant-read": _EVERYBODY,
        "x-amz-grant-read-acp": _EVERYBODY,
        "x-amz-grant-write": _EVERYBODY,
        "x-amz-grant-write-acp": _EVERYBODY,
        "x-amz-meta-sent-along": "1",
        "x-amz-object-lock-legal-hold": "ON",
        "x-amz-server-side-encryption": "AES256",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-tagging": "sent=along",
        "x-amz-website-redirect-location": "https://elsewhere.example/",
        "x-copy-from": source,  # of Swift, as the next four
        "x-delete-after": "86400",
        "x-object-manifest": source.lstrip("/"),
        "x-object-meta-sent-along": "1",
        "x-symlink-target": source.lstrip("/"),
    }
    return {
        **{name: {name: value} for name, value in alone.items()},
        "x-amz-acl: authenticated-read": {"x-amz-acl": "authenticated-read"},
        "x-amz-copy-source-range": {
            "x-amz-copy-source": source,
            "x-amz-copy-source-range": f"bytes=0-{len(VICTIM) - 1}",
        },
        "x-amz-metadata-directive": {"x-amz-copy-source": source, "x-amz-metadata-directive": "REPLACE"},
        "x-amz-server-side-encryption-customer-key": dict(_CUSTOMER_KEY),
    }


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What was found: whether each way can be trusted, and what had an effect, as `put x-amz-acl`."""

    puts: bool
    parts: bool
    forms: bool
    effects: tuple[str, ...]


class UnsignedProbe:
    """Signs as the adapter does, and sends more than was signed."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, *, ca_file: str | None) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}unsigned/"
        trusted: bool | ssl.SSLContext = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
        self._http = httpx.Client(verify=trusted, timeout=httpx.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT))

    def found(self) -> Unsigned:
        """Try every header at every way of writing."""
        with translated():
            self._client.put_object(**self._key("victim"), Body=VICTIM)
        sent = unsigned_headers(f"/{self._bucket}/{self._prefix}victim")
        with self._http, ThreadPoolExecutor(AT_ONCE) as threads:
            puts = self._effects(threads, "put", self._put, sent)
            parts = self._effects(threads, "part", self._part, sent)
            forms = self._effects(threads, "form", self._form, sent)
            if forms is not None:
                fields = self._effects(threads, "field", self._field, {**sent, **_fields(self._prefix)})
                forms = None if fields is None else [*forms, *fields, *self._bounds()]
        told = [*(puts or ()), *(parts or ()), *(forms or ())]
        return Unsigned(puts == [], parts == [], forms == [], tuple(sorted(told)))

    # -- one way of writing each: send, with what nobody signed, and return the status ------------------------

    def _put(self, name: str, sent: Mapping[str, str]) -> int:
        params = {**self._key(name), "ContentType": MEDIA_TYPE, "ContentLength": len(CONTENT)}
        url = self._client.generate_presigned_url("put_object", params, ExpiresIn=LIFETIME)
        return self._send("PUT", url, {"content-type": MEDIA_TYPE, **sent}, CONTENT)

    def _part(self, name: str, sent: Mapping[str, str]) -> int:
        with translated():
            upload = self._client.create_multipart_upload(**self._key(name), ContentType=MEDIA_TYPE)["UploadId"]
        part = {**self._key(name), "UploadId": upload, "PartNumber": 1}
        url = self._client.generate_presigned_url(
            "upload_part", {**part, "ContentLength": len(CONTENT)}, ExpiresIn=LIFETIME
        )
        answered = self._send("PUT", url, sent, CONTENT)
        with translated():
            parts = self._client.list_parts(**self._key(name), UploadId=upload).get("Parts", [])
            if parts:
                whole: Any = {"Parts": [{"PartNumber": 1, "ETag": parts[0]["ETag"]}]}
                self._client.complete_multipart_upload(**self._key(name), UploadId=upload, MultipartUpload=whole)
        return answered

    def _form(self, name: str, sent: Mapping[str, str]) -> int:
        # The type of the request is the form's own; what the content's is stands in a field.
        return self._post(name, {}, {key: value for key, value in sent.items() if key != "content-type"})

    def _field(self, name: str, sent: Mapping[str, str]) -> int:
        return self._post(name, {_FIELD_NAMES.get(key, key): value for key, value in sent.items()}, {})

    def _post(self, name: str, fields: Mapping[str, str], headers: Mapping[str, str], content: bytes = CONTENT) -> int:
        post = self._client.generate_presigned_post(
            self._bucket,
            f"{self._prefix}{name}",
            Fields={"Content-Type": MEDIA_TYPE},
            Conditions=[["content-length-range", len(CONTENT), len(CONTENT)], {"Content-Type": MEDIA_TYPE}],
            ExpiresIn=LIFETIME,
        )
        told = {**{key: str(value) for key, value in post["fields"].items()}, **fields}
        body, boundary = encoded_form(told.items(), content)
        return self._send(
            "POST", post["url"], {**headers, "content-type": f"multipart/form-data; boundary={boundary}"}, body
        )

    # -- what it did ------------------------------------------------------------------------------------------

    def _effects(
        self,
        threads: ThreadPoolExecutor,
        way: str,
        write: Callable[[str, Mapping[str, str]], int],
        sent: Mapping[str, Mapping[str, str]],
    ) -> list[str] | None:
        """Return what had an effect when written in this way, None if even a plain write does not do."""
        plain = f"{way}-plain"
        answered = write(plain, {})
        expected = self._look(plain)
        if not 200 <= answered < 300 or expected is None or expected["content"] != CONTENT:
            return None

        def has_effect(name: str) -> bool:
            at = f"{way}-{uuid.uuid4().hex}"
            answer = write(at, sent[name])
            found = self._look(at)
            if found is not None and found.get("others", ()) is None and name.startswith(_OPENING):
                return True  # who may read it cannot be seen
            # What could not be tried is not trusted either.
            return 300 <= answer < 400 or for_now(answer) or (found is not None and found != expected)

        names = list(sent)
        return [f"{way} {name}" for name, had in zip(names, threads.map(has_effect, names), strict=True) if had]

    def _look(self, name: str) -> dict[str, Any] | None:
        """Return everything that the server tells of an object, None if there is none."""
        key = self._key(name)
        try:
            answer = self._client.get_object(**key)
            with answer["Body"] as body:
                content = body.read()
        except ClientError as exc:
            if status(exc) == 404:
                return None
            if 400 <= status(exc) < 500:
                return {"content": None}  # it is there, and cannot be read without what the caller knows
            raise meaning(exc) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        told = {key: value for key, value in headers.items() if key not in _VOLATILE}
        with translated():
            return {"content": content, "headers": told, "tags": self._tags(key), "others": self._others(key)}

    def _tags(self, key: Mapping[str, Any]) -> Any:
        try:
            return self._client.get_object_tagging(**key)["TagSet"]
        except ClientError as exc:
            _require_refusal(exc)
            return []  # a server without tags keeps none

    def _others(self, key: Mapping[str, Any]) -> Any:
        """Return who else may read it; None where this key may not see that."""
        try:
            return others(self._client.get_object_acl(**key))
        except ClientError as exc:
            _require_refusal(exc)
            return None if status(exc) == 403 else []  # a server without access lists opens nothing

    def _bounds(self) -> Iterator[str]:
        """Yield what a form does not bind: another size, another key, its signature."""
        for name, content in (("field larger", CONTENT * 2), ("field smaller", CONTENT[:-1])):
            if not _refused(self._post(name.replace(" ", "-"), {}, {}, content)):
                yield name
        if not _refused(self._post("field-unsigned", {"x-amz-signature": "0" * 64}, {})):
            yield "field x-amz-signature"

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return settled(lambda: self._send_once(method, url, headers, body))

    def _send_once(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            return self._http.request(method, url, headers=headers, content=body).status_code
        except httpx.HTTPError as exc:
            # Not `from exc`: it repeats the URL, which is good for a while yet.
            message = "The object store cannot be reached, or the connection broke."
            raise StoreUnavailable(message, error=type(exc).__name__) from None

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}


def _refused(answer: int) -> bool:
    return answer >= 400 and not for_now(answer)


def _require_refusal(error: ClientError) -> None:
    """Raise what the error means if the server was only busy or away."""
    if for_now(status(error)):
        raise meaning(error) from error


_OPENING: Final = ("x-amz-acl", "x-amz-grant")
"""Headers that open an object to others."""

_FIELD_NAMES: Final = {"x-amz-acl": "acl", "x-amz-tagging": "tagging", "content-type": "Content-Type"}
"""Fields of a form that have a name of their own."""


def _fields(prefix: str) -> dict[str, dict[str, str]]:
    """Return what else a form could say."""
    return {
        "key": {"key": f"{prefix}elsewhere"},
        "redirect": {"redirect": "https://elsewhere.example/"},
        "success_action_redirect": {"success_action_redirect": "https://elsewhere.example/"},
        "x-amz-acl as it is": {"X-Amz-Acl": "public-read"},
    }


def encoded_form(fields: Iterable[tuple[str, str]], content: bytes) -> tuple[bytes, str]:
    """Return a form whose last part is the content, and its boundary."""
    boundary = uuid.uuid4().hex
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    return head.encode() + file.encode() + content + f"\r\n--{boundary}--\r\n".encode(), boundary
