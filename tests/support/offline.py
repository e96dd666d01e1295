"""Running `provenstore-verify` in this process, on files in a temporary folder."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from note_keys import LOG
from provenstore.api.verify import offline_verifier

KEY = str(LOG.public)


@dataclass(frozen=True)
class Answer:
    """Exit code and the JSON document."""

    code: int
    document: dict[str, Any]

    @property
    def says(self) -> str:
        found: str = self.document["says"]
        return found

    @property
    def first(self) -> tuple[int | None, str | None, str | None]:
        """Position, stream and tile of the first thing that is wrong."""
        first = self.document["first"] or {}
        return first.get("position"), first.get("stream"), first.get("tile")


def verify(*arguments: str | Path, key: str = KEY) -> Answer:
    """Check, and answer."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        code = offline_verifier.main([*map(str, arguments), "--json", "--key", key])
    return Answer(code, json.loads(written.getvalue()))
