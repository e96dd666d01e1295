"""What is found out about providers of storage: streams `provider:<name>` of the ledger's own workspace."""

from typing import ClassVar, Literal

from provenstore.domain.event_types import REGISTRY, EventData


@REGISTRY.register
class ProviderProbed(EventData):
    """A store was tried; from now on it is used as one that can do this. No secret, no key, no name of a bucket."""

    TYPE: ClassVar[str] = "provider.probed.v1"

    provider: str  # as the store calls itself
    host: str  # of the endpoint, with the port where it is not the usual one
    place: str  # hex SHA-256 of endpoint and bucket: another bucket under the same name is noticed
    probe: int  # version of the way in which it was tried
    # As in domain.objects.Capabilities, where each is explained.
    if_absent_put: bool
    if_absent_copy: bool
    if_absent_complete: bool
    if_etag_delete: bool
    late_parts: bool
    signed_if_absent: bool
    omits_parts: bool
    versioning: bool
    presign: bool
    direct: bool
    checksums: tuple[Literal["sha256", "md5"], ...]  # in order
    max_put_size: int  # bytes, as the next four
    single_put_size: int
    min_part_size: int
    max_part_size: int
    max_parts: int
    sound_put_urls: bool = False
    sound_part_urls: bool = False
    sound_forms: bool = False
    unsigned: tuple[str, ...] = ()  # headers and fields that had an effect though nobody had signed them
