"""The background work as a list: what is due for which file, how often it was tried in vain, and when it is tried next.

What is due follows from the file index alone, so a job can be neither lost nor left over. Attempts are operational:
whoever works keeps them, losing them costs nothing but a try that comes too early, and they hold codes, never words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from psycopg import Connection
from psycopg.rows import class_row

from provenstore.domain.errors import InvalidInput
from provenstore.projections.engine.cursor import decode_cursor, encode_cursor
from provenstore.projections.engine.database import Pool, transaction
from provenstore.projections.engine.queries import queries
from provenstore.projections.files.disposal import Term, json_terms

Kind = Literal["complete", "clear", "purge", "expire", "look_again", "verify", "dispose"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SETTLED: Final[tuple[Kind, ...]] = tuple(kind for kind in KINDS if kind not in {"verify", "dispose"})
"""What `Ledger.settle` does; to verify is to read a whole object, and to dispose has runs of its own."""

MAX_PAGE: Final = 1_000
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""Between two attempts: doubled each time up to this, and without an end: a bucket that comes back is found."""

_CURSOR: Final = b"j"
_ORDINALS: Final = 8
"""A cursor holds both in one number, position first: a file may have several jobs."""

_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that is left to be done for a file."""

    file: str
    workspace: str
    kind: Kind
    due_at: datetime  # from when on it may be done
    position: int  # of the file's first event: the order of lists
    ordinal: int  # of the kind
    attempts: int = 0  # in vain since it was last done
    last_code: str | None = None  # what the last attempt met: an error's code, or our own mistake's class
    last_at: datetime | None = None
    next_at: datetime  # not tried by itself before this


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs of a list, and the cursor of the next page if there is one."""

    jobs: tuple[Job, ...]
    next: str | None


class Jobs:
    """Jobs as operators and the background work see them, through the role that owns the read models."""

    def __init__(self, pool: Pool, *, grace: timedelta, approval: timedelta) -> None:
        """Work through `pool`.

        An announced completion is left to its own process for `grace`; `approval` is how long one carries a purge.
        """
        self._pool = pool
        self._limits = {"grace": grace, "approval": approval}

    def list(
        self,
        now: datetime,
        *,
        kinds: Sequence[Kind] = KINDS,
        workspace: str | None = None,
        file: str | None = None,
        upcoming: bool = False,
        cursor: str | None = None,
        limit: int = 100,
        terms: Sequence[Term] = (),
    ) -> Page:
        """Return a page of the jobs that are due, with `upcoming` also of those that will be; oldest files first.

        Under `terms`, the disposal policies in force, files are disposed of; without them none is.
        InvalidInput for a foreign cursor or a limit outside 1 to 1,000; DatabaseUnavailable.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
        position, ordinal = (0, 0) if cursor is None else divmod(decode_cursor(_CURSOR, cursor), _ORDINALS)
        found = self._select(
            now=now,
            until=_FOREVER if upcoming else now,
            ready=None,
            kinds=[*kinds],
            workspace=workspace,
            file=file,
            position=position,
            ordinal=ordinal,
            limit=limit + 1,
            terms=terms,
        )
        if len(found) <= limit:
            return Page(found, None)
        last = found[limit - 1]
        return Page(found[:limit], encode_cursor(_CURSOR, last.position * _ORDINALS + last.ordinal))

    def ready(
        self, now: datetime, kinds: Sequence[Kind], workspace: str | None = None, *, terms: Sequence[Term] = ()
    ) -> Iterator[Job]:
        """Yield what is due and need not be left alone any longer, page by page: each job at most once."""
        position = ordinal = 0
        while found := self._select(
            now=now,
            until=now,
            ready=now,
            kinds=[*kinds],
            workspace=workspace,
            file=None,
            position=position,
            ordinal=ordinal,
            limit=MAX_PAGE,
            terms=terms,
        ):
            yield from found
            position, ordinal = found[-1].position, found[-1].ordinal

    def failed(self, job: Job, code: str, now: datetime, share: float) -> Job:
        """Keep that an attempt was in vain and return the job as it stands; `share` of the pause is waited (jitter)."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(job.attempts, 10)) * share
        again = replace(job, attempts=job.attempts + 1, last_code=code, last_at=now, next_at=now + pause)
        with transaction(self._pool) as connection:
            connection.execute(
                queries("files/jobs")["failed"],
                {"file": job.file, "kind": job.kind, "code": code, "now": now, "next_at": again.next_at},
            )
        return again

    def done(self, job: Job) -> None:
        """Forget the attempts of a job that succeeded."""
        if job.attempts:
            with transaction(self._pool) as connection:
                connection.execute(queries("files/jobs")["done"], {"file": job.file, "kind": job.kind})

    def hurry(self, file: str, kinds: Sequence[Kind], now: datetime) -> None:
        """Let a file's jobs of these kinds be tried in the next round, however often that was in vain."""
        with transaction(self._pool) as connection:
            connection.execute(queries("files/jobs")["hurry"], {"file": file, "kinds": [*kinds], "now": now})

    def forget(self, now: datetime, terms: Sequence[Term] = ()) -> int:
        """Forget the attempts of jobs that are no more, and return how many were; `terms` are those of everywhere."""
        texts = queries("files/jobs")
        with transaction(self._pool) as connection:
            values = {"until": _FOREVER, "now": now, "terms": json_terms(terms), **self._limits}
            return connection.execute(f"{texts['jobs']}\n{texts['forget']}", values).rowcount

    def _select(self, *, terms: Sequence[Term], **asked: Any) -> tuple[Job, ...]:
        texts = queries("files/jobs")
        with transaction(self._pool) as connection:
            connection.execute(queries("engine/projection")["utc"])
            rows = connection.cursor(row_factory=class_row(Job))
            return tuple(
                rows.execute(f"{texts['jobs']}\n{texts['list']}", {**asked, "terms": json_terms(terms), **self._limits})
            )


def prepare_attempts(connection: Connection[Any]) -> None:
    """Make the table of attempts if it is missing."""
    connection.execute(queries("files/jobs")["create"])
