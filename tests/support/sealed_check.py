"""What must hold of every log, checked from its exact bytes with an RFC 8785 implementation that is not ours."""

import hashlib
import json
from collections.abc import Iterable

import rfc8785

from provenstore.domain.eventlog.envelope import Event


def check_sealed(events: Iterable[Event]) -> None:
    """Assert canonical bytes, leaves, and that positions, versions, numbers, both chains and times are whole."""
    streams: dict[str, tuple[int, str | None]] = {}
    workspaces: dict[str, tuple[int, str | None]] = {}
    time = ""
    for position, event in enumerate(events, start=1):
        sealed = json.loads(event.state)
        assert rfc8785.dumps(sealed) == event.state
        leaf = hashlib.sha256(b"\x00" + event.state).hexdigest()
        version, prev = streams.get(sealed["stream"], (0, None))
        number, workspace_prev = workspaces.get(sealed["workspace"], (0, None))
        assert event.position == position
        assert (sealed["version"], sealed["prev"]) == (version + 1, prev)
        assert (sealed["number"], sealed["workspace_prev"]) == (number + 1, workspace_prev)
        assert sealed["time"] >= time
        if head_of := sealed["data"].get("head_of"):
            version, head = streams.get(head_of, (0, None))
            assert sealed["data"]["head"] == ({"leaf": head, "version": version} if head else None)
        time = sealed["time"]
        streams[sealed["stream"]] = (sealed["version"], leaf)
        workspaces[sealed["workspace"]] = (sealed["number"], leaf)
