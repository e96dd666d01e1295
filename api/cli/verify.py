"""`verify`: whether a ledger, a published log, a receipt or a proof is what was sealed.

It says step by step what was checked and what could not be, and names the first place that is wrong. It decides nothing
about what is right, and changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provenstore.api.cli import exits, text
from provenstore.api.cli.session import Session, local_command, of_this_machine
from provenstore.domain.errors import IntegrityViolated, InvalidProof, NotFound, ProvenstoreError

if TYPE_CHECKING:
    from provenstore.api.settings import Settings
    from provenstore.api.verify.given_keys import Asked
    from provenstore.domain.proofs.published_log import Checked, LogSource
    from provenstore.domain.proofs.verification import Finding

BUCKET = "bucket:"
MAX_KEYS_BYTES = 64 * 1024
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add the command."""

    @local_command(app, "verify")
    def verify(
        session: Session,
        what: Annotated[
            str | None,
            typer.Argument(
                help="Receipt, proof, or a published log: a folder, an http(s) URL or bucket:PREFIX "
                "(default: the ledger itself).",
                show_default=False,
            ),
        ] = None,
        *,
        key: Annotated[
            list[str] | None,
            typer.Option(metavar="KEY", help="Verifier key of the log, or a file of verifier keys; may be repeated."),
        ] = None,
        checkpoint: Annotated[
            list[Path] | None, typer.Option(metavar="FILE", help="Checkpoint that you kept earlier; may be repeated.")
        ] = None,
        objects: Annotated[
            bool, typer.Option("--objects", help="Read every stored object and compare size and SHA-256.")
        ] = False,
        commitments: Annotated[
            bool,
            typer.Option("--commitments/--no-commitments", help="Compare every private value with its commitment."),
        ] = True,
    ) -> None:
        """Verify the integrity of the log, proofs or a published log.

        The exit code is 0 if every check passed, 7 if the integrity is violated, with the first bad place, and 2 if
        the check could not be made. Steps that were not checked are named, and --json then has `complete: false`. A
        consistency proof is checked with its two checkpoints (--checkpoint). Without WHAT the command reads the
        database, so run it where the data directory is, or with PROVENSTORE_DATABASE_URL.
        """
        if what is not None and objects:
            raise typer.BadParameter("only a ledger has objects", param_hint="--objects")
        with _failures_said(session):
            kept = checkpoint or ()
            found = _verify(session, what, keys=key or (), checkpoints=kept, objects=objects, values=commitments)
        if found is None:
            return
        _show(session, found)
        if not found.findings and not kept and what is None:
            session.out.say("to detect a rewrite of the whole log, give a checkpoint kept elsewhere: --checkpoint FILE")
        if found.findings:
            raise typer.Exit(exits.INTEGRITY)


@contextmanager
def _failures_said(session: Session) -> Iterator[None]:
    """Leave with 7 where something is not what it claims, with 2 where it could not be found out."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (ProvenstoreError, OSError) as exc:
        error = of_this_machine(exc) if isinstance(exc, OSError) else exc
        session.out.problem(error)
        violated = isinstance(error, InvalidProof | IntegrityViolated)
        raise typer.Exit(exits.INTEGRITY if violated else exits.USAGE) from exc


def _verify(
    session: Session,
    what: str | None,
    *,
    keys: Sequence[str],
    checkpoints: Sequence[Path],
    objects: bool,
    values: bool,
) -> "Checked | None":
    """Check a log, and return what was found; a document is answered here."""
    from provenstore.api.settings import load_settings
    from provenstore.api.verify.given_keys import Asked

    settings = load_settings(data_dir=session.data_dir)
    notes = tuple((str(path), path.read_bytes()) for path in checkpoints)
    asked = Asked(tuple(_keys(keys)), notes, values=values)
    if what is not None and Path(what).is_file():
        _document(session, settings, Path(what), asked)
        return None
    return _check(session, settings, what, asked, objects=objects)


def _keys(given: Sequence[str]) -> Iterator[str]:
    """Yield keys in text form; what names a file is read from it, a key a line."""
    for one in given:
        path = Path(one)
        if "+" in one and not _is_there(path):
            yield one
            continue
        with path.open("rb") as file:
            lines = file.read(MAX_KEYS_BYTES).decode(errors="replace").splitlines()
        yield from (line.strip() for line in lines if line.strip())


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than a file's name can be, which a key may be
        return False


def _check(session: Session, settings: "Settings", what: str | None, asked: "Asked", *, objects: bool) -> "Checked":
    from provenstore.api.maintenance.verification import verify_database, verify_elsewhere, verify_objects

    if what is None:
        with _progress(session, "verifying", "events") as advance:
            found = verify_database(settings, asked, advance)
        if objects:
            with _progress(session, "reading", "objects") as advance:
                found = verify_objects(settings, found, advance)
        return found
    with _source(settings, what) as source, _progress(session, "verifying", "events") as advance:
        return verify_elsewhere(settings, source, asked, advance)


@contextmanager
def _progress(session: Session, label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that is told how much is done, and of how much."""
    with session.out.steps(label, unit=unit) as tell:
        yield tell


@contextmanager
def _source(settings: "Settings", what: str) -> "Iterator[LogSource]":
    from provenstore.adapters.publishing.sources import LogFolder, LogInStore, log_at
    from provenstore.api.client.connection import client_settings

    if what.startswith(("http://", "https://")):
        client = client_settings()
        # The key of the environment is for the server of the environment, and for nobody else.
        ours = client.url is not None and what.startswith(f"{client.url.rstrip('/')}/")
        with log_at(what, client.key if ours else None) as source:
            yield source
    elif what.startswith(BUCKET):
        from provenstore.api.wiring import open_services

        with open_services(settings, sweep=False, make=False) as services:
            yield LogInStore(services.ledger.store, what.removeprefix(BUCKET).rstrip("/"))
    elif Path(what).is_dir():
        yield LogFolder(Path(what))
    else:
        raise NotFound(f"there is no {what}")


def _document(session: Session, settings: "Settings", path: Path, asked: "Asked") -> None:
    from provenstore.api.verify.proven_documents import verify_document

    with path.open("rb") as file:
        proven = verify_document(settings, file.read(MAX_DOCUMENT_BYTES + 1), asked)
    under = proven.checkpoint
    if session.out.as_json:
        said = {"ok": True, "proven": proven.what, "origin": under.origin, "size": under.size}
        session.out.document({**said, "private_values": proven.disclosed})
        return
    session.out.line("ok  1 the checkpoint is signed by a key of the log")
    session.out.line("ok  2 what it shows is in the log, unaltered and without a gap")
    session.out.line(f"ok  3 private values are those that were committed to: {proven.disclosed:,}")
    session.out.line(f"proven: {proven.what}")
    session.out.line(f"under the checkpoint of {text.counted(under.size, 'entry', 'entries')} of {under.origin}")


# -- what was found ------------------------------------------------------------------------------------------


def _show(session: Session, found: "Checked") -> None:
    from provenstore.domain.proofs.tree_check import ALL_STEPS

    if session.out.as_json:
        session.out.document(_as_json(found))
    else:
        broken = {finding.step for finding in found.findings}
        for number, step in enumerate(ALL_STEPS, start=1):
            if number in broken:
                session.out.line(f"BAD {step}")
            elif number in found.unchecked:
                session.out.line(f"--  {step}: not checked, {found.unchecked[number]}")
            else:
                session.out.line(f"ok  {step}")
    first = found.first
    if first is None:
        if not session.out.as_json:
            session.out.line(_in_a_sentence(found))
        return
    if not session.out.as_json:
        for finding in _sorted(found):
            place = (finding.stream, finding.event_id, finding.tile)
            session.out.line(finding.position, *place, finding.problem)
    session.out.say(
        f"integrity violated: first at position {first.position}, stream {first.stream or '-'}, "
        f"event {first.event_id or '-'}, tile {first.tile or '-'}: {first.problem}"
    )


def _in_a_sentence(found: "Checked") -> str:
    """Say what was checked where nothing is wrong, and no more than that."""
    from provenstore.domain.proofs.tree_check import ALL_STEPS

    if not found.checked and found.checkpoint is not None and found.checkpoint.size:
        return (
            f"checked tiles and checkpoint of {found.checkpoint.size:,}, and none of the events: "
            "a key that may read entries shows them (PROVENSTORE_URL and PROVENSTORE_KEY)"
        )
    later = f"; the newest {found.unsigned:,} are under no checkpoint yet" if found.unsigned else ""
    ask = " (`provenstore log checkpoint` signs one)" if found.unsigned else ""
    steps = (
        f"{len(ALL_STEPS) - len(found.unchecked)} of {len(ALL_STEPS)}" if found.unchecked else f"all {len(ALL_STEPS)}"
    )
    return f"checked {text.counted(found.checked, 'event')}: no violation found in {steps} steps{later}{ask}"


def _complete(found: "Checked") -> bool:
    """Tell whether every step was checked, on all events: `ok` says only that what was checked is right."""
    nothing = not found.checked and found.checkpoint is not None and found.checkpoint.size
    return not found.unchecked and not nothing


def _as_json(found: "Checked") -> dict[str, Any]:
    from provenstore.domain.proofs.tree_check import ALL_STEPS

    findings = [
        {
            "step": one.step,
            "position": one.position,
            "stream": one.stream,
            "event": one.event_id,
            "tile": one.tile,
            "problem": one.problem,
        }
        for one in _sorted(found)
    ]
    return {
        "ok": not found.findings,
        "complete": _complete(found),
        "checked": found.checked,
        "unsigned": found.unsigned,
        "steps": list(ALL_STEPS),
        "unchecked": {str(step): why for step, why in sorted(found.unchecked.items())},
        "findings": findings,
    }


def _sorted(found: "Checked") -> "list[Finding]":
    return sorted(found.findings, key=lambda one: (one.position, one.step))
