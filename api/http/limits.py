"""The limits of the server: what one client, one key or one address may take from everybody else.

Each has a reason. Those that depend on the machine or on who is in front of it are settings; the others are constants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

HEAD_TIMEOUT: Final = 10.0
"""Seconds from the first byte of a request, or from the connection, to the end of its header. A client sends a header
in one packet or two; a longer wait only serves those who hold connections."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of request line and header fields, and of trailer fields after a chunked body. Ours are below 4 KiB; other
servers take 8 to 64 KiB."""

MAX_HEADER_FIELDS: Final = 200
"""Header fields of a request: each is looked at again by every layer."""

MAX_PIPELINED: Final = 16
"""Requests sent ahead on one connection before their turn. HTTP clients send none; each costs a few kilobytes."""

RESERVED_CONNECTIONS: Final = 32
"""Connections taken beyond the limit, on which only health is answered: a full server must still say that it is."""

RATE_WINDOW: Final = 30.0
"""Seconds over which the minimum rate is averaged, so that a short pause on a bad line does no harm."""

PLACE_PATIENCE: Final = 5.0
"""Seconds that an upload waits for a place before it is answered `busy`: a burst passes, an overload does not."""

MAX_CHECKS: Final = 16
"""Checks of readiness at once in a process; where the store hangs each takes a thread for as long as it does."""

MAX_NESTING: Final = 32
"""Levels of a JSON body. Ours have four; a parser that recurses must not be led deeper."""

MAX_BODY: Final = 1024 * 1024
"""Bytes of a body that is not content, on routes in LARGE_BODIES. The largest that says anything is a file with 64
values of metadata, or the completion of an upload of 10,000 parts."""

SMALL_BODY: Final = 256 * 1024
"""Bytes of a body on every other route: reasons, names and lists of identifiers."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What the connections of one process may take."""

    connections: int  # in all
    per_address: int  # from one address that is not a proxy
    proxies: Sequence[Network]  # addresses that stand for many clients
    min_rate: int  # bytes a second that a client must read an answer with; 0 is no minimum
    rate_window: float = RATE_WINDOW  # seconds
    head_timeout: float = HEAD_TIMEOUT  # seconds

    def is_proxy(self, address: str) -> bool:
        """Tell whether many clients may stand behind an address."""
        try:
            found = ip_address(address)
        except ValueError:
            return True  # a socket without addresses, as of a test
        return any(found in network for network in self.proxies)
