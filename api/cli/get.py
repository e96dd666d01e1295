"""`get`: content out of custody, compared with the SHA-256 that the ledger recorded."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from provenstore.api.cli import text
from provenstore.api.cli.custody import Document
from provenstore.api.cli.local_files import whole_file
from provenstore.api.cli.options import FileId
from provenstore.api.cli.session import Session, command
from provenstore.domain.errors import IntegrityViolated, InvalidInput

STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "get")
    def get(
        session: Session,
        file_id: FileId,
        output: Annotated[
            Path | None, typer.Option("--output", "-o", help="Where to; - is stdout. By default the file's own name.")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
    ) -> None:
        """Read a file's content, verified against the ledger; the access is recorded first.

        A file appears under its name only when all bytes are there and verified. On stdout the bytes are out before
        they can be: exit code 7 says that they were not the recorded ones.
        """
        if output == STDOUT and session.out.as_json:
            raise typer.BadParameter("cannot go to stdout together with --json", param_hint="--output")
        file = session.custody.file(str(file_id))
        if output == STDOUT:
            _copy(session, file, sys.stdout.buffer.write)
            return
        target = output or _own_name(file)
        if target.is_dir():
            target = target / _own_name(file)
        with whole_file(target, force=force) as opened:
            _copy(session, file, opened.write)
        if session.out.as_json:
            session.out.document(file)
        else:
            session.out.line(target)
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


def _own_name(file: Document) -> Path:
    """Return the recorded name if it is safe to write to: a plain name that is not hidden."""
    name = str(file["filename"] or "")
    if not name or name.startswith((".", "-")) or "/" in name or "\0" in name:
        raise InvalidInput("output", "is missing, and the file's own name is not one to write to; give one with -o")
    return Path(name)
