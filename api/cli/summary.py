"""What became of many files: a line for each as it is done, a sentence at the end, and the exit code.

It keeps counts, never the files. One file's failure is that file's; what would fail for every file ends the work.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from provenstore.api.cli import exits, text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.output import Output
from provenstore.api.cli.session import of_this_machine
from provenstore.domain.errors import (
    IntegrityViolated,
    ProvenstoreError,
    Stopped,
    StorageFull,
    Unauthenticated,
    Unavailable,
)

PATIENCE = 16
"""Files in a row for which the ledger was unavailable; then the others are not tried."""


class Tally:
    """Counts and tells. Not for several threads: the one that gathers the outcomes tells them."""

    def __init__(self, out: Output, done: str, *, quiet: bool) -> None:
        """`done` is the participle of what is done, e.g. `stored`."""
        self._out = out
        self._done = done
        self._quiet = quiet
        self._began = time.monotonic()
        self._bytes = 0
        self._results: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._codes: set[int] = set()
        self._in_vain = 0
        self.hopeless = False
        """Whether to go on is pointless."""

    def succeed(self, path: str | Path, file: Document, result: str) -> None:
        """Tell of a file that is where it should be: `result` is `stored`, `written` or `unchanged`."""
        self._results[result] += 1
        self._in_vain = 0
        if result != "unchanged":
            self._bytes += file["size"]
        if self._out.as_json:
            self._out.record({"path": _text(path), "result": result, "file": file})
        else:
            self._out.line(file["id"], path)

    def fail(self, path: str | Path, error: ProvenstoreError | OSError, *, fatal: bool = False) -> None:
        """Tell of a file that failed; `fatal` where every other would fail alike."""
        known = error if isinstance(error, ProvenstoreError) else of_this_machine(error)
        self._results["failed"] += 1
        self._codes.add(exits.exit_code(known))
        self._in_vain = self._in_vain + 1 if isinstance(known, Unavailable) else 0
        self.hopeless = fatal or self._in_vain >= PATIENCE or _would_fail_again(known)
        if self._out.as_json:
            from provenstore.api.contract.views import error_json

            self._out.record({"path": _text(path), "result": "failed", "problem": error_json(known)})
        else:
            self._out.say(f"not {self._done}: {path}: {self._out.sentence(known)}")

    def leave_out(self, path: Path, why: str) -> None:
        """Tell of something that is left out on purpose."""
        self._left_out[why] += 1
        if self._out.as_json:
            self._out.record({"path": _text(path), "result": "left_out", "reason": why})

    def sum_up(self, *, interrupted: bool = False) -> None:
        """Say what was done in all."""
        if interrupted:
            self._out.say(f"interrupted; the same command again goes on with what is not yet {self._done}")
        elif self.hopeless:
            self._out.say("gave up, since the others would fail as well; the same command again goes on")
        if not self._quiet:
            self._out.say(self._sentence())

    def _sentence(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-3)
        done = self._results[self._done]
        parts = [f"{self._done} {text.counted(done, 'file')}, {text.size(self._bytes)} in {seconds:.1f} s"]
        if done:
            parts[0] += f" ({done / seconds:.0f} files/s, {text.size(int(self._bytes / seconds))}/s)"
        if unchanged := self._results["unchanged"]:
            parts.append(f"{unchanged:,} unchanged")
        if failed := self._results["failed"]:
            parts.append(f"{failed:,} not {self._done}")
        if self._left_out:
            counts = ", ".join(f"{count:,} {why}" for why, count in sorted(self._left_out.items()))
            parts.append(f"left out: {counts}")
        return "; ".join(parts)

    @property
    def exit_code(self) -> int:
        """The gravest: integrity violated, then refused, then unavailable; only the last may pass by itself."""
        for code in (exits.INTEGRITY, exits.REFUSED, exits.UNAVAILABLE):
            if code in self._codes:
                return code
        return exits.OK


def _would_fail_again(error: ProvenstoreError) -> bool:
    if isinstance(error, Stopped):
        return not isinstance(error, IntegrityViolated)
    return isinstance(error, Unauthenticated | StorageFull)


def _text(path: str | Path) -> Any:
    return str(path)
