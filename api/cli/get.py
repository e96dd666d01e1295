"""`get`: content out of custody, compared with the SHA-256 that the ledger recorded; one file, or many at once."""

import contextlib
import hashlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from provenstore.api.cli import filters, text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.destination import Destination
from provenstore.api.cli.fetching import Fetched, Fetcher
from provenstore.api.cli.local_files import whole_file
from provenstore.api.cli.options import FileIds, Jobs, Quiet
from provenstore.api.cli.parallel import as_completed
from provenstore.api.cli.progress import board
from provenstore.api.cli.safe_paths import own_name
from provenstore.api.cli.session import Session, command
from provenstore.api.cli.summary import Tally
from provenstore.domain.errors import IntegrityViolated, ProvenstoreError

STDOUT = Path("-")

_PAGE = 1_000


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "get")
    def get(
        session: Session,
        file_ids: FileIds = None,
        *,
        output: Annotated[
            Path | None,
            typer.Option("--output", "-o", help="Output file; - writes to stdout. The default is the stored name."),
        ] = None,
        into: Annotated[
            Path | None,
            typer.Option(
                "--into",
                "-r",
                metavar="FOLDER",
                help="Write many files into this folder: by ID or by filter.",
            ),
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
        workspace: filters.InWorkspace = None,
        category: filters.InCategory = None,
        variant: filters.OfVariant = None,
        name: filters.Named = None,
        media_type: filters.OfType = None,
        owner: filters.OfOwner = None,
        subject: filters.AboutPerson = None,
        related: filters.RelatedTo = None,
        metadata: filters.WithEntry = None,
        created_from: filters.CreatedFrom = None,
        created_before: filters.CreatedBefore = None,
        jobs: Jobs = 8,
        quiet: Quiet = False,
    ) -> None:
        """Download files and verify them (each access is logged).

        The access is recorded before any byte is read. A file appears under its name only when it is complete and
        verified. On stdout the bytes are written before they can be verified: exit code 7 says that they differ from
        the recorded content.

        With -r, the files with the given IDs, or those that match the filters, are written into a folder at the place
        that `put` recorded. Running the same command again continues an interrupted download and leaves existing files
        unchanged. Unsafe names are changed. If a name is taken, the file is written beside it with its ID in the name.
        Prints ID and path as each file is finished; --json prints one object per line. Exit codes are those of `put`.
        """
        asked = filters.conditions(
            workspace=workspace,
            category=category,
            variant=variant,
            filename_contains=name,
            media_type=media_type,
            owner=owner,
            subject=subject,
            related=related,
            metadata=metadata,
            created_from=created_from,
            created_before=created_before,
        )
        ids = list(dict.fromkeys(str(one) for one in file_ids or ()))
        if into is None:
            _get_one(session, _only(ids, asked), output, force=force, quiet=quiet)
            return
        if output is not None:
            raise typer.BadParameter("and --into exclude each other", param_hint="--output")
        if bool(ids) == bool(asked):
            raise typer.BadParameter("takes either ids or conditions such as --workspace", param_hint="--into")
        wanted = _listed(session, asked) if asked else iter(ids)
        _get_many(session, wanted, into, jobs=jobs, force=force, quiet=quiet)


def _only(ids: list[str], asked: dict[str, Any]) -> str:
    if asked:
        raise typer.BadParameter("is needed where conditions narrow a list", param_hint="--into")
    if len(ids) != 1:
        raise typer.BadParameter("exactly one, or several with --into", param_hint="ID")
    return ids[0]


def _get_one(session: Session, file_id: str, output: Path | None, *, force: bool, quiet: bool) -> None:
    if output == STDOUT and session.out.as_json:
        raise typer.BadParameter("cannot go to stdout together with --json", param_hint="--output")
    file = session.custody.file(file_id)
    if output == STDOUT:
        _copy(session, file, sys.stdout.buffer.write)
        return
    target = output or Path(own_name(file))
    if target.is_dir():
        target = target / own_name(file)
    with whole_file(target, force=force) as opened:
        _copy(session, file, opened.write)
    if session.out.as_json:
        session.out.document(file)
        return
    session.out.line(target)
    if not quiet:
        session.out.say(f"verified {text.size(file['size'])} against SHA-256 {file['sha256']}")


def _copy(session: Session, file: Document, write: Callable[[bytes], object]) -> None:
    digest, count = hashlib.sha256(), 0
    label = file["filename"] or file["id"]
    with session.custody.content(file["id"]) as chunks, session.out.progress(label, file["size"]) as advance:
        for chunk in chunks:
            digest.update(chunk)
            count += len(chunk)
            write(chunk)
            advance(len(chunk))
    if count != file["size"]:
        raise IntegrityViolated(f"file {file['id']} has {count:,} bytes, recorded were {file['size']:,}")
    if file["sha256"] is None:
        session.out.say("the ledger holds no SHA-256 of this file; only its size was compared")
    elif digest.hexdigest() != file["sha256"]:
        raise IntegrityViolated(f"file {file['id']} is not what was recorded: its SHA-256 is {digest.hexdigest()}")


def _listed(session: Session, asked: dict[str, Any]) -> Iterator[Document]:
    """Yield the stored files that the conditions narrow to, a page at a time."""
    cursor: str | None = None
    while True:
        page = session.custody.files({**asked, "status": "stored", "fresh": cursor is None}, cursor=cursor, limit=_PAGE)
        yield from page["files"]
        cursor = page["next"]
        if cursor is None:
            return


def _get_many(
    session: Session, wanted: Iterator[Document | str], into: Path, *, jobs: int, force: bool, quiet: bool
) -> None:
    """Write what is wanted, tell of each, and leave with the gravest exit code."""
    tally = Tally(session.out, "written", quiet=quiet)
    custody = session.custody
    with Destination(into) as destination, board("reading", quiet=quiet) as shown:
        fetcher = Fetcher(custody, destination, Event(), force=force)

        def fetch(one: Document | str) -> tuple[Document, Fetched]:
            file = custody.file(one) if isinstance(one, str) else one
            with shown.file(str(file["filename"] or file["id"]), file["size"]) as advance:
                return file, fetcher.fetch(file, advance)

        outcomes = as_completed(fetch, wanted, jobs=jobs, stop=fetcher.stop)
        try:
            with contextlib.closing(outcomes):
                for one, outcome in outcomes:
                    _tell(tally, into, one, outcome)
                    shown.count()
                    if tally.hopeless:
                        break
        except KeyboardInterrupt:
            tally.sum_up(interrupted=True)
            raise
    tally.sum_up()
    raise typer.Exit(tally.exit_code)


def _tell(tally: Tally, into: Path, one: Document | str, outcome: Future[tuple[Document, Fetched]]) -> None:
    try:
        file, fetched = outcome.result()
    except (ProvenstoreError, OSError) as error:
        tally.fail(one if isinstance(one, str) else one["id"], error)
        return
    tally.succeed(into.joinpath(*fetched.place), file, "written" if fetched.written else "unchanged")
