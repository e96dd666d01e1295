"""The event types of storage providers: streams `provider:<name>` of the ledger's own workspace."""

from typing import ClassVar, Literal

from provenstore.domain.eventlog.event_types import REGISTRY, EventData


@REGISTRY.register
class ProviderProbed(EventData):
    """A store was probed; from now on it is used with these capabilities. No secret, no key, no bucket name."""

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


@REGISTRY.register
class IdentityDrawn(EventData):
    """This id is about to be written to the store's marker; after a crash the same id is used."""

    TYPE: ClassVar[str] = "provider.identity_drawn.v1"

    provider: str  # as the store calls itself
    identity: str  # 32 hex digits, random


@REGISTRY.register
class ProviderIdentified(EventData):
    """The store whose marker has this id keeps the objects of this log."""

    TYPE: ClassVar[str] = "provider.identified.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    provider: str
    identity: str
    how: Literal["first_use", "adopted", "recorded_again"]  # adopted: files were stored before stores had identities
    looked_for: int  # stored objects of this log that were looked for in the store, at most 100
    found: bool  # whether one of them was there
    previous: str | None = None  # the id that was known before
    missing: int = 0  # how many of those that were looked for were not there
