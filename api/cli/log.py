"""`log`: checkpoints, verifier keys and exports for whoever checks the log, and what operators do about it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from provenstore.api.cli import text
from provenstore.api.cli.options import RequiredReason
from provenstore.api.cli.session import Session, command, local_command

if TYPE_CHECKING:
    from provenstore.api.cli.local_backend import LocalBackend
    from provenstore.domain.transparency.checkpoint import Checkpoint


def register(app: typer.Typer) -> None:
    """Add the commands."""
    log = typer.Typer(no_args_is_help=True)
    app.add_typer(log, name="log", help="Inspect, export and publish the transparency log.")
    _register_reading(log)
    _register_keeping(log)


def _register_reading(log: typer.Typer) -> None:
    @command(log, "status")
    def status(session: Session) -> None:
        """Show the state of the tree, the checkpoints and the alarm.

        While an alarm is set, no checkpoint is signed.
        """
        found = session.custody.log()
        if session.out.as_json:
            session.out.document(found)
            return
        shown = {name.replace("_", " "): value for name, value in found.items() if value is not None}
        shown["keys"] = " ".join(found["keys"])
        if found["checkpoint_at"] is not None:
            shown["checkpoint at"] = text.moment(found["checkpoint_at"])
        session.out.fields(shown)

    @command(log, "checkpoint")
    def checkpoint(session: Session) -> None:
        """Show the latest signed checkpoint.

        On a data directory the command signs a checkpoint that covers every recorded event.
        """
        note = session.custody.log_resource("checkpoint").decode()
        if session.out.as_json:
            session.out.document({"checkpoint": note})
        else:
            for line in note.removesuffix("\n").split("\n"):
                session.out.line(line)

    @command(log, "keys")
    def keys(session: Session) -> None:
        """Show the current verifier keys.

        Give them to verifiers yourself: keys taken from the log prove nothing about the log.
        """
        found = session.custody.log_resource("keys").decode().splitlines()
        if session.out.as_json:
            session.out.document({"keys": found})
        else:
            for key in found:
                session.out.line(key)

    @command(log, "export")
    def export(
        session: Session,
        file: Annotated[Path, typer.Argument(metavar="FILE", help="Output file (must not exist).", show_default=False)],
    ) -> None:
        """Export every event and a checkpoint that covers them.

        Writes one event per line to FILE, and the checkpoint to FILE.checkpoint. Requires an auditor's API key for the
        whole ledger. `provenstore-verify log` checks the export offline.
        """
        if str(file) == "-":
            raise typer.BadParameter("name a file: two are written, this one and its checkpoint", param_hint="FILE")
        found = _export(session, file)
        if session.out.as_json:
            session.out.document({"file": str(file), "size": found.size, "origin": found.origin})
        else:
            events = text.counted(found.size, "event")
            session.out.say(f"{events} of {found.origin} in {file}, the checkpoint in {file}.checkpoint")


def _register_keeping(log: typer.Typer) -> None:
    @local_command(log, "publish")
    def publish(
        session: Session,
        prefix: Annotated[
            str | None, typer.Argument(help="Prefix in the object store (default: PROVENSTORE_LOG_PREFIX).")
        ] = None,
        *,
        everything: Annotated[
            bool, typer.Option("--all", help="Write everything again, even files that exist.")
        ] = False,
    ) -> None:
        """Publish tiles, entries and checkpoint in the object store.

        Running the command again changes nothing.
        """
        with _direct(session) as direct:
            found = direct.publish_log(prefix, anew=everything)
        if session.out.as_json:
            session.out.document(found)
        else:
            what = "published" if found["written"] else "was published already"
            session.out.say(f"the log of {found['size']:,} {what} under {found['prefix']}")

    @local_command(log, "clear-alarm")
    def clear_alarm(session: Session, reason: RequiredReason) -> None:
        """Resume signing after a rollback alarm.

        The command is refused until the log is again the one that was signed. It is recorded.
        """
        with _direct(session) as direct:
            found = direct.clear_log_alarm(reason)
        if session.out.as_json:
            session.out.document(found)
        else:
            entries = text.counted(found["size"], "entry", "entries")
            session.out.say(f"cleared: the log extends the {entries} that were signed")

    @local_command(log, "restart", old_name="begin-anew")
    def restart(session: Session, reason: RequiredReason) -> None:
        """Start a new log from restored data under a new name and key.

        Use it only when the entries after the restored copy are lost. It is refused while the log is complete, it is
        recorded, and it cannot be undone. The new name is PROVENSTORE_LOG_ORIGIN, or random if no name is set.
        """
        with _direct(session) as direct:
            found = direct.begin_log_anew(reason)
        if session.out.as_json:
            session.out.document(found)
            return
        ended = found["ended"]
        entries = text.counted(ended["size"], "entry", "entries")
        session.out.say(f"{ended['origin']} has ended; {entries} of it were signed, and {found['shared']:,} are left")
        session.out.say(f"the log is {found['origin']}; give those who check it its key by another road:")
        for key in found["keys"]:
            session.out.line(key)


def register_rotation(keys: typer.Typer) -> None:
    """Add `rotate-signing` to the commands about keys."""

    @local_command(keys, "rotate-signing")
    def rotate_signing(
        session: Session,
        *,
        retire: Annotated[
            bool, typer.Option("--retire", help="End the rotation: only the new signing key signs.")
        ] = False,
    ) -> None:
        """Sign checkpoints with a new signing key as well.

        The old signing key signs too until the command is run with --retire. It is recorded, and running servers
        follow.
        """
        with _direct(session) as direct:
            found = direct.rotate_log_keys(retire=retire)
        if session.out.as_json:
            session.out.document({"keys": list(found)})
            return
        for key in found:
            session.out.line(key)


@contextmanager
def _direct(session: Session) -> "Iterator[LocalBackend]":
    from provenstore.api.cli.local_backend import open_local

    with open_local(session.data_dir, make=False) as direct:
        yield direct


def _export(session: Session, file: Path) -> "Checkpoint":
    """Write both files, each whole or not at all; IntegrityViolated where they do not belong together."""
    from provenstore.domain.errors import AlreadyExists
    from provenstore.domain.transparency.checkpoint import parse_checkpoint
    from provenstore.domain.transparency.note import parse_note

    beside = file.with_name(f"{file.name}.checkpoint")
    for path in (file, beside):
        if path.exists():
            raise AlreadyExists(f"{path} is there already")
    note = session.custody.log_resource("checkpoint")
    checkpoint = parse_checkpoint(parse_note(note).text)
    with _whole(file) as events, _whole(beside) as signed:
        _write_events(session, checkpoint, events)
        signed.write(note)
    return checkpoint


def _write_events(session: Session, checkpoint: "Checkpoint", file: BinaryIO) -> None:
    from provenstore.domain.errors import IntegrityViolated
    from provenstore.domain.transparency.merkle import Frontier, leaf_hash
    from provenstore.domain.transparency.tile import bundles_between, parse_entries

    tree = Frontier()
    with session.out.progress("exporting", checkpoint.size, unit="events") as advance:
        for bundle in bundles_between(0, checkpoint.size):
            entries = parse_entries(session.custody.log_resource(bundle.path), bundle.width)
            for entry in entries:
                tree.append(leaf_hash(entry))
                file.write(entry + b"\n")
            advance(len(entries))
    if tree.root() != checkpoint.root:
        raise IntegrityViolated("the events are not those of the checkpoint: provenstore verify says where")


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Lend a file that appears under its name only when all is in it, durably."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
