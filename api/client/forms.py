"""A form as an object store wants it: the signed fields in their order, and the content last."""

from collections.abc import Mapping
from uuid import uuid4


def form_around(fields: Mapping[str, str]) -> tuple[bytes, bytes, str]:
    """Return what comes before the content and after it, and the Content-Type of the whole (RFC 7578)."""
    boundary = uuid4().hex
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    return head.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
