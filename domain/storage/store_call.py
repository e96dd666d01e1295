"""What one call to an object store came to: a figure for operators, never evidence.

It names neither key nor file nor person: only the kind of call, how it went, and by which ids a log line or the store's
own operator finds it again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

StoreAct = Literal[
    "put",
    "get",
    "head",
    "copy",
    "versions",
    "delete",
    "list",
    "create_multipart",
    "put_part",
    "list_parts",
    "complete_multipart",
    "abort_multipart",
    "list_multiparts",
]
"""The methods of the port that ask the store; signing a URL asks nobody."""

Outcome = Literal["ok", "refused", "failed"]
"""Done; not done for a reason of the caller's (no such object, other bytes, a client that left); the store failed."""

STORE_ACTS: Final[tuple[StoreAct, ...]] = get_args(StoreAct)
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class StoreCall:
    """One call, from the asking to the answer; of a stream, to its end."""

    provider: str  # the store's name
    act: StoreAct
    started_at: datetime
    microseconds: int
    bytes: int  # that went through the call, also where it broke off
    outcome: Outcome
    status: str  # "ok", "abandoned", or the code of the error, the store's own behind it: store-unavailable/SlowDown
    request: str | None  # the id of the request that it was made for
    store_request: str | None  # the store's own id of (the last of) its requests, where it told one
