"""`put`: local files and folders into custody, several at once, each compared with what the ledger recorded."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Annotated, BinaryIO

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.local_files import chunks_of, is_regular
from provenstore.api.cli.options import AccessLevel, Jobs, Quiet, Variant, Workspace, instant, pair
from provenstore.api.cli.parallel import as_completed, interruptible
from provenstore.api.cli.progress import Board, board
from provenstore.api.cli.sending import DEFAULT_WORKSPACE, PATH, Sender, Stored, Wishes
from provenstore.api.cli.session import Session, command
from provenstore.api.cli.sources import STDIN, LeftOut, Source, Unreadable, found
from provenstore.api.cli.summary import Tally
from provenstore.api.cli.text import safe
from provenstore.domain.errors import NotFound, ProvenstoreError

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...", show_default=False, help="Files and folders to store; - reads stdin and requires --name."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "put", makes=True)
    def put(
        session: Session,
        paths: Paths,
        *,
        workspace: Workspace = DEFAULT_WORKSPACE,
        category: Annotated[
            str, typer.Option(help="Category of the file (docs/reference/categories.md); sets its path and limits.")
        ] = "misc",
        name: Annotated[str | None, typer.Option(help="Store under this name instead of the file name.")] = None,
        media_type: Annotated[str | None, typer.Option(help="Media type; by default taken from the extension.")] = None,
        variant: Annotated[
            Variant, typer.Option(help="Variant: original, processed, chunk or thumbnail.")
        ] = "original",
        access: Annotated[AccessLevel, typer.Option(help="Access level: private or workspace.")] = "private",
        related: Annotated[
            list[str] | None, typer.Option(metavar="TYPE:ID", help="Business object that the file belongs to.")
        ] = None,
        subject: Annotated[list[str] | None, typer.Option(help="ID of a person whom the file is about.")] = None,
        metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata entry.")] = None,
        placement: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="Value for the storage path.")
        ] = None,
        expires_at: Annotated[str | None, typer.Option(metavar="TIME", help="Expiry time.")] = None,
        keep_path: Annotated[
            bool,
            typer.Option("--keep-path/--no-keep-path", help="Record a file's place in its folder as metadata `path`."),
        ] = True,
        hidden: Annotated[
            bool, typer.Option("--hidden", help="Include files in folders whose names begin with a dot.")
        ] = False,
        again: Annotated[bool, typer.Option("--again", help="Store files again that are already stored.")] = False,
        verify: Annotated[
            bool, typer.Option("--verify", help="Read each stored file back and compare (the access is logged).")
        ] = False,
        direct: Annotated[
            bool, typer.Option("--direct", help="Send directly to the object store if it allows that.")
        ] = False,
        jobs: Jobs = 8,
        quiet: Quiet = False,
    ) -> None:
        """Store files and folders, and print the IDs of the files.

        Running the same command again stores nothing twice: files that are stored stay unchanged, and interrupted
        uploads continue. Hidden files, symbolic links and special files in folders are left out and counted. One file
        prints its ID. Several files print ID and path as each is finished; --json prints one object per line. A file
        that fails does not stop the others; the exit code is that of the worst failure, in the order 7, 1, 3.
        """
        _check(paths, name, metadata)
        common: Document = {
            "workspace": workspace,
            "category": category,
            "variant": variant,
            "access": access,
            "related": [dict(zip(("type", "id"), pair("--related", one, ":"), strict=True)) for one in related or ()],
            "subjects": subject or [],
            "metadata": dict(pair("--metadata", one, "=") for one in metadata or ()),
            "expires_at": instant("--expires-at", expires_at),
        }
        if placement:
            common["placement"] = dict(pair("--placement", one, "=") for one in placement)
        wishes = Wishes(
            common=common,
            name=name,
            media_type=media_type,
            keep_path=keep_path,
            again=again,
            verify=verify,
            direct=direct,
            make_default=_maker(session),
        )
        if len(paths) == 1 and not _is_folder(paths[0]):
            _put_one(session, paths[0], wishes, quiet=quiet)
        else:
            _put_many(session, found(paths, hidden=hidden), wishes, jobs=jobs, quiet=quiet)


def _check(paths: list[Path], name: str | None, metadata: list[str] | None) -> None:
    """Refuse what is wrong with the command line before anything is sent."""
    folders = [path for path in paths if _is_folder(path)]
    if name is not None and (len(paths) > 1 or folders):
        raise typer.BadParameter("takes exactly one file", param_hint="--name")
    if STDIN in paths and name is None:
        raise typer.BadParameter("is needed for stdin", param_hint="--name")
    if folders and any(one.startswith(f"{PATH}=") for one in metadata or ()):
        raise typer.BadParameter(f"{PATH} says where in its folder a file was", param_hint="--metadata")
    # One of several fails by itself, when its turn comes.
    if len(paths) == 1 and paths[0] != STDIN and not os.access(paths[0], os.R_OK):
        raise typer.BadParameter(f"{safe(paths[0])} is not a file that can be read", param_hint="PATH")


def _maker(session: Session) -> Callable[[str], None] | None:
    """Return what makes the default workspace on a data directory; a server's operators make theirs themselves."""
    if session.remote:
        return None
    from provenstore.api.cli.local_backend import LocalBackend

    return session.custody.make_workspace if isinstance(session.custody, LocalBackend) else None


def _is_folder(path: Path) -> bool:
    return path != STDIN and path.is_dir()


def _put_one(session: Session, path: Path, wishes: Wishes, *, quiet: bool) -> None:
    """Store one file and answer it, or fail with its error."""
    sender = Sender(session.custody, wishes, Event())
    with board("storing", quiet=quiet) as shown:
        if path.is_file():
            stored = interruptible(lambda: _store(sender, Source(path), shown), stop=sender.stop)
        else:  # whoever waits for a pipe does not see that it was told to stop
            stored = _store(sender, Source(path), shown)
    if session.out.as_json:
        session.out.document(stored.file)
        return
    session.out.line(stored.file["id"])
    if not quiet:
        what = "stored" if stored.sent else "unchanged since it was stored:"
        session.out.say(f"{what} {stored.file['filename']}, {text.size(stored.file['size'])}")


def _put_many(
    session: Session, items: Iterator[Source | LeftOut | Unreadable], wishes: Wishes, *, jobs: int, quiet: bool
) -> None:
    """Store what there is, tell of each, and leave with the gravest exit code."""
    tally = Tally(session.out, "stored", quiet=quiet)
    sender = Sender(session.custody, wishes, Event())

    def sources() -> Iterator[Source]:
        for one in items:
            match one:
                case Source():
                    yield one
                case LeftOut():
                    tally.leave_out(one.path, one.why)
                case Unreadable():
                    tally.fail(one.path, one.error)

    with board("storing", quiet=quiet) as shown:
        outcomes = as_completed(lambda source: _store(sender, source, shown), sources(), jobs=jobs, stop=sender.stop)
        try:
            with contextlib.closing(outcomes):
                for source, outcome in outcomes:
                    _tell(tally, source, outcome)
                    shown.count()
                    if tally.hopeless:
                        break
        except KeyboardInterrupt:
            tally.sum_up(interrupted=True)
            raise
    tally.sum_up()
    raise typer.Exit(tally.exit_code)


def _tell(tally: Tally, source: Source, outcome: Future[Stored]) -> None:
    try:
        stored = outcome.result()
    except (ProvenstoreError, OSError) as error:
        # What is not found while files are stored is the workspace.
        tally.fail(source.path, error, fatal=isinstance(error, NotFound))
        return
    tally.succeed(source.path, stored.file, "stored" if stored.sent else "unchanged")


def _store(sender: Sender, source: Source, shown: Board) -> Stored:
    new = sender.described(source)
    with contextlib.ExitStack() as stack:
        file: BinaryIO = sys.stdin.buffer if source.path == STDIN else stack.enter_context(source.open())
        regular = source.path != STDIN and is_regular(file)
        size = os.fstat(file.fileno()).st_size if regular else None
        advance = stack.enter_context(shown.file(source.relative or source.path.name, size))
        if regular:
            return sender.store(source, file, new, advance)
        return sender.stream(chunks_of(file), new, advance)
