"""What a client wraps or encodes is not the file: content is stored byte for byte, or refused before it is read."""

import gzip
import socket
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Tenant

CONTENT = b"%PDF-1.7 content"
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + CONTENT + b"\r\n--b--\r\n"
CHUNKED = b"10;chunk-signature=00\r\n" + CONTENT + b"\r\n0;chunk-signature=00\r\n\r\n"

WRAPPED = [
    ({"Content-Type": "multipart/form-data; boundary=b"}, FORM, 415),
    ({"Content-Type": "Multipart/Form-Data"}, FORM, 415),
    ({"Content-Encoding": "gzip"}, gzip.compress(CONTENT, mtime=0), 415),
    ({"Content-Encoding": "deflate"}, CONTENT, 415),
    ({"Content-Encoding": "br"}, CONTENT, 415),
    ({"Content-Encoding": "zstd"}, CONTENT, 415),
    ({"Content-Encoding": "identity, gzip"}, CONTENT, 415),
    ({"Content-Encoding": "aws-chunked"}, CHUNKED, 415),
    ({"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, CHUNKED, 415),
    ({"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, CHUNKED, 415),
    ({"x-amz-decoded-content-length": "16"}, CHUNKED, 415),
    ({"Content-Range": "bytes 0-15/32"}, CONTENT, 400),
    ({"x-amz-trailer": "x-amz-checksum-crc32"}, CONTENT, 422),
    ({"Trailer": "Content-MD5"}, CONTENT, 422),
    ({"x-amz-checksum-sha256": "AAAA"}, CONTENT, 422),
    ({"Content-Digest": "sha-256=:AAAA:"}, CONTENT, 422),
    ({"Repr-Digest": "sha-256=:AAAA:"}, CONTENT, 422),
    ({"Digest": "SHA-256=AAAA"}, CONTENT, 422),
]


@pytest.mark.parametrize(("headers", "body", "status"), WRAPPED)
def test_a_wrapped_body_is_no_content(tenant: Tenant, headers: dict[str, str], body: bytes, status: int) -> None:
    """By key, as a part and at a signed URL of ours alike; nothing is stored or recorded, and the upload goes on."""
    service = tenant.client("service")
    whole = tenant.new(service, upload="api").json()["file"]["id"]
    parts = tenant.new(service, upload="multipart", size=len(CONTENT)).json()["file"]["id"]
    signed = tenant.new(service, upload="presigned", size=len(CONTENT)).json()
    url = tenant.api.anonymous({"Content-Type": "application/pdf"})
    answers = [
        service.put(f"/v1/files/{whole}/content", content=body, headers=headers),
        service.put(f"/v1/files/{parts}/parts/1", content=body, headers=headers),
    ]
    if "Content-Type" not in headers:  # a signed URL takes the declared media type and no other
        answers.append(url.put(signed["upload"]["url"], content=body, headers=headers))
    assert [answer.status_code for answer in answers] == [status] * len(answers)
    assert {answer.json()["code"] for answer in answers} <= {
        *("unsupported-media-type", "malformed-request", "invalid-input")
    }
    assert tenant.types(whole) == ["upload_initiated"]
    assert tenant.types(parts) == ["upload_initiated"]
    assert service.put(f"/v1/files/{whole}/content", content=CONTENT).json()["size"] == len(CONTENT)


def test_a_body_that_says_it_is_plain_is_content(tenant: Tenant) -> None:
    """`identity` and a payload that nobody signed change no byte."""
    service = tenant.client("service")
    headers = {"Content-Encoding": "identity", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    file_id = tenant.new(service).json()["file"]["id"]
    assert service.put(f"/v1/files/{file_id}/content", content=CONTENT, headers=headers).status_code == 200
    assert service.get(f"/v1/files/{file_id}/content").content == CONTENT


def test_a_transfer_coding_is_refused(tenant: Tenant) -> None:
    """Only `chunked` is undone before the bytes come here."""
    service = tenant.client("service")
    file_id = tenant.new(service).json()["file"]["id"]
    at = urlsplit(tenant.api.url)
    request = (
        f"PUT /v1/files/{file_id}/content HTTP/1.1\r\nHost: {at.netloc}\r\n"
        f"Authorization: {service.headers['authorization']}\r\nTransfer-Encoding: gzip, chunked\r\n"
        "Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(65_536)
    assert answer.split(b" ")[1] in (b"400", b"415", b"501")
    assert tenant.types(file_id) == ["upload_initiated"]
