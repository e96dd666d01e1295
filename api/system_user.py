"""The system user: who works on a data directory itself, without a key."""

import os
from uuid import uuid4

from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor


def system_user() -> Caller:
    """Return the system user as a caller: one subject, all roles but never its own second person."""
    actor = Actor(f"system-user-{os.getuid()}", "person", "cli")
    return Caller(actor, frozenset({"admin"}), None, request=str(uuid4()))
