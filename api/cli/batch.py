"""Doing one thing to several files: all are tried, each failure has a line, and the exit code says the worst.

A server or store that is away fails alike for all files, so after some failures of that kind in a row nobody is asked
in vain any more.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from provenstore.api.cli import exits
from provenstore.api.cli.backend import Document
from provenstore.api.cli.output import Output
from provenstore.api.cli.session import Session
from provenstore.domain.errors import ProvenstoreError, Unavailable

IN_VAIN: Final = 10
"""Files in a row for which something was unavailable, before the rest are left alone."""

_BY_GRAVITY: Final = (exits.OK, exits.REFUSED, exits.UNAVAILABLE, exits.INTEGRITY)


@dataclass(slots=True)
class Several:
    """What came of it."""

    answers: list[Document] = field(default_factory=list)
    failures: list[tuple[str, ProvenstoreError]] = field(default_factory=list)
    left: int = 0
    """Files that were not tried in the end."""

    @property
    def code(self) -> int:
        """The exit code: that of the gravest failure."""
        return worst(exits.exit_code(error) for _, error in self.failures)

    def failures_json(self) -> list[Document]:
        """Return the failures as answers have them."""
        return [{"file_id": one, "code": error.code, "detail": error.message} for one, error in self.failures]

    def say_failures(self, out: Output) -> None:
        """Answer with a line for each failure, and say what was left alone."""
        for one, error in self.failures:
            out.line(one, error.code, error.message)
        if self.left:
            out.say(f"{self.left:,} more were not tried: {self.failures[-1][1].message}")


def worst(codes: Iterable[int]) -> int:
    """Return the gravest of some exit codes; 0 for none."""
    return max(codes, key=_BY_GRAVITY.index, default=exits.OK)


def to_each(session: Session, label: str, ids: Sequence[str], act: Callable[[str], Document]) -> Several:
    """Do `act` to each file, one after another; a file by itself fails as any other command does."""
    if len(ids) == 1:
        return Several([act(ids[0])])
    found, in_vain = Several(), 0
    with session.out.progress(label, len(ids), unit="files") as advance:
        for number, one in enumerate(ids):
            try:
                found.answers.append(act(one))
                in_vain = 0
            except ProvenstoreError as error:
                found.failures.append((one, error))
                in_vain = in_vain + 1 if isinstance(error, Unavailable) else 0
            advance(1)
            if in_vain == IN_VAIN:
                found.left = len(ids) - number - 1
                break
    return found
