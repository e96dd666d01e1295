"""The bytes of one streamed object on their way into a bucket: one request if they are few, parts if they are many.

At most `AT_ONCE` parts are under way, besides the one that is filling: memory is bounded by those, whatever the size.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from provenstore.adapters.objects.digests import Bytes
from provenstore.adapters.spaces.multipart import SpacesMultipart
from provenstore.domain.errors import Unavailable
from provenstore.domain.storage.objects import ObjectInfo, PartInfo, PartRef

AT_ONCE = 3  # parts; one connection alone does not fill the line, and more cost memory


class StreamedUpload:
    """Collects blocks. As a context manager it takes the upload back unless it was completed."""

    def __init__(self, multipart: SpacesMultipart, key: str, media_type: str, part_size: int) -> None:
        self._multipart = multipart
        self._key = key
        self._media_type = media_type
        self._part_size = part_size
        self._waiting = bytearray()
        self._sent = 0
        self._under_way: deque[Future[PartInfo]] = deque()
        self._threads: ThreadPoolExecutor | None = None
        self._parts: list[PartRef] = []
        self._done = False
        self.upload: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            # A part that arrives after the abort would stay.
            self._threads.shutdown(wait=True, cancel_futures=True)
        if self.upload is not None and not self._done:
            self._multipart.abort(self._key, self.upload)

    def write(self, block: Bytes) -> None:
        """Take the next bytes. Blocks while enough parts are under way."""
        rest = memoryview(block)
        while rest:
            if len(self._waiting) == self._part_size:
                # Only now that there is more: what fits one part exactly is one request.
                self._send(self._waiting)
                self._waiting = bytearray()
            room = self._part_size - len(self._waiting)
            self._waiting += rest[:room]
            rest = rest[room:]

    def finish(self) -> bytearray | None:
        """Return the whole content if it fits one request; otherwise send the rest and wait for every part."""
        if self.upload is None:
            return self._waiting
        self._send(self._waiting)
        self._waiting = bytearray()
        while self._under_way:
            self._parts.append(self._under_way.popleft().result().ref)
        return None

    def complete(self, *, if_absent: bool) -> ObjectInfo:
        """Make the object of the parts.

        An upload of whose completion nobody knows what became is left alone: an abort beside it would take the bytes of
        an object that is there. Whoever settles the upload finds the one or the other.
        """
        if self.upload is None:
            raise ValueError("a content that fits one request has no parts")
        try:
            info = self._multipart.complete(self._key, self.upload, self._parts, if_absent=if_absent)
        except Unavailable:
            self._done = True
            raise
        self._done = True
        return info

    def _send(self, part: bytearray) -> None:
        if self.upload is None or self._threads is None:
            self.upload = self._multipart.create(self._key, self._media_type)
            self._threads = ThreadPoolExecutor(AT_ONCE, "part")
        if len(self._under_way) == AT_ONCE:
            self._parts.append(self._under_way.popleft().result().ref)
        self._sent += 1
        self._under_way.append(self._threads.submit(self._upload_part, self.upload, self._sent, part))

    def _upload_part(self, upload: str, number: int, part: bytearray) -> PartInfo:
        return self._multipart.send_part(self._key, upload, number, part, size=len(part))
