"""`put`: local files into custody, each hashed while it is read and compared with what the ledger recorded."""

import contextlib
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from provenstore.api.cli import text
from provenstore.api.cli.custody import Custody, Document
from provenstore.api.cli.local_files import Hashed, chunks_of, regular_size
from provenstore.api.cli.options import AccessLevel, Variant, Workspace, instant, pair
from provenstore.api.cli.session import Session, command
from provenstore.api.cli.text import safe
from provenstore.domain.errors import IntegrityViolated, InvalidInput, NotFound, ProvenstoreError, Unavailable
from provenstore.domain.text import require_filename

STDIN = Path("-")
DEFAULT_WORKSPACE = "default"

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", show_default=False, help="Files to store; - is stdin, which takes --name."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "put", makes=True)
    def put(
        session: Session,
        files: Files,
        *,
        workspace: Workspace = DEFAULT_WORKSPACE,
        category: Annotated[str, typer.Option(help="What kind of file it is; decides path and limits.")] = "misc",
        name: Annotated[str | None, typer.Option(help="Store under this name instead of the file's own.")] = None,
        media_type: Annotated[str | None, typer.Option(help="By default it follows from the extension.")] = None,
        variant: Annotated[Variant, typer.Option(help="original, processed, chunk or thumbnail.")] = "original",
        access: Annotated[AccessLevel, typer.Option(help="private, workspace or public.")] = "private",
        related: Annotated[list[str] | None, typer.Option(metavar="TYPE:ID", help="A business object.")] = None,
        subject: Annotated[list[str] | None, typer.Option(help="Id of a person whom the file is about.")] = None,
        metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="A metadata entry.")] = None,
        placement: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value of the path.")] = None,
        expires_at: Annotated[str | None, typer.Option(metavar="TIME", help="When it may expire.")] = None,
    ) -> None:
        """Store files and answer their ids."""
        if name is not None and len(files) > 1:
            raise typer.BadParameter("takes exactly one file", param_hint="--name")
        if STDIN in files and name is None:
            raise typer.BadParameter("is needed for stdin", param_hint="--name")
        for path in files:
            _require_readable(path)
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
        _put_all(session, [(path, _named(path, name, media_type)) for path in files], common)


def _require_readable(path: Path) -> None:
    """Refuse a path that is no readable file, as a mistake on the command line: before anything is sent."""
    if path != STDIN and (path.is_dir() or not os.access(path, os.R_OK)):
        raise typer.BadParameter(f"{safe(path)} is not a file that can be read", param_hint="FILE")


@dataclass(frozen=True)
class _Names:
    """What a file is called and what it is."""

    filename: str
    media_type: str


def _named(path: Path, name: str | None, media_type: str | None) -> _Names:
    """Return name and type; InvalidInput before anything is sent, since not every name can be sent at all."""
    from provenstore.domain.categories import media_type_of

    filename = path.name if name is None else name
    try:
        require_filename(filename)
    except InvalidInput as exc:
        hint = "; --name stores it under another" if name is None else ""
        raise InvalidInput("filename", f"{filename!r} {exc.message.removeprefix('filename: ')}{hint}") from None
    return _Names(filename, media_type or media_type_of(filename))


def _put_all(session: Session, files: list[tuple[Path, _Names]], common: Document) -> None:
    """Store one after the other; ids are answered as they come, so that a later failure does not hide them."""
    stored: list[Document] = []
    for path, names in files:
        try:
            stored.append(_put_one(session, path, {**common, **asdict(names)}))
        except (ProvenstoreError, OSError):
            for file in stored:
                session.out.say(f"stored before that: {file['id']} {file['filename']}")
            if len(files) > 1:
                session.out.say(f"not stored: {path}")
            raise
        if not session.out.as_json:
            session.out.line(stored[-1]["id"])
            session.out.say(f"stored {stored[-1]['filename']}, {text.size(stored[-1]['size'])}")
    if session.out.as_json:
        session.out.document(stored[0] if len(files) == 1 else {"files": stored})


def _put_one(session: Session, path: Path, new: Document) -> Document:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = sys.stdin.buffer if path == STDIN else stack.enter_context(path.open("rb"))
        size = regular_size(file)
        begun = _initiate(session, {**new, "size": size, "upload": "api"})
        advance = stack.enter_context(session.out.progress(new["filename"], size))
        body = Hashed(chunks_of(file), advance, size)
        return _checked(send(session.custody, begun["file"], body, size), body)


def _initiate(session: Session, new: Document) -> Document:
    """Begin the file; on a data directory the default workspace is made if it is not there yet.

    No other is: a mistyped name would be a tenant for ever.
    """
    try:
        return session.custody.initiate(new)
    except NotFound:
        if session.remote or new["workspace"] != DEFAULT_WORKSPACE:
            raise
    session.custody.create_workspace({"id": new["workspace"]})
    session.out.say(f"made workspace {new['workspace']}")
    return session.custody.initiate(new)


def send(custody: Custody, begun: Document, body: Hashed, size: int | None) -> Document:
    """Send the bytes. A lost reply is settled by asking; what failed is given up, so that it takes no quota."""
    file_id: str = begun["id"]
    try:
        return custody.upload(file_id, body, size=size, media_type=begun["media_type"])
    except Unavailable:
        with contextlib.suppress(ProvenstoreError):
            file = custody.file(file_id)
            if file["status"] == "stored":
                return file
        _give_up(custody, file_id)
        raise
    except BaseException:
        _give_up(custody, file_id)
        raise


def _give_up(custody: Custody, file_id: str) -> None:
    # If this fails as well, the upload expires by itself.
    with contextlib.suppress(ProvenstoreError):
        custody.abort(file_id, "the client gave the upload up")


def _checked(file: dict[str, Any], body: Hashed) -> Document:
    """Compare what was read here with what the ledger says was stored."""
    if (file["size"], file["sha256"]) != (body.count, body.sha256):
        raise IntegrityViolated(f"file {file['id']} was recorded with other bytes than were read here")
    return file
