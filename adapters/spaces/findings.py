"""What a look at a bucket found: one line for each thing that matters, in words for whoever has to act."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do, where something is to be done."""

    what: str  # stable: scripts ask for it
    status: Status
    found: str
    advice: str | None = None


def fine(what: str, found: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(what, "ok", found)


def warned(what: str, found: str, advice: str) -> Finding:
    """Return a finding that may be meant so."""
    return Finding(what, "warning", found, advice)


def failed(what: str, found: str, advice: str) -> Finding:
    """Return a finding with which nobody should go into operation."""
    return Finding(what, "failed", found, advice)
