"""`receipt` and `prove`: documents that somebody keeps, and checks without this ledger.

They leave as they are, in a file or as JSON on stdout; checking them is `verify`, or `provenstore-verify` elsewhere.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from provenstore.api.cli.backend import Document
from provenstore.api.cli.options import EventId, FileId
from provenstore.api.cli.session import Session, command

Into = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Output file (must not exist).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _register_receipt(app)
    prove = typer.Typer(no_args_is_help=True)
    app.add_typer(prove, name="prove", help="Export proofs that a history or the log is complete.")
    _register_proofs(prove)


def _register_receipt(app: typer.Typer) -> None:
    @command(app, "receipt")
    def receipt(
        session: Session,
        file_id: FileId,
        *,
        event: EventId = None,
        output: Into = None,
        tlog_proof: Annotated[
            bool, typer.Option("--tlog-proof", help="Use the format c2sp.org/tlog-proof@v1, without private values.")
        ] = False,
    ) -> None:
        """Export a receipt: proof that an event is in the log.

        The receipt contains a signed checkpoint and verifies without this ledger.
        """
        wanted = None if event is None else str(event)
        found = session.custody.receipt(str(file_id), event_id=wanted, tlog_proof=tlog_proof)
        if output is not None or not tlog_proof:
            _answer(session, found, output)
        elif session.out.as_json:
            session.out.document({"tlog_proof": found.decode()})
        else:
            for line in found.decode().removesuffix("\n").split("\n"):
                session.out.line(line)


def _register_proofs(prove: typer.Typer) -> None:
    @command(prove, "history")
    def history(session: Session, file_id: FileId, output: Into = None) -> None:
        """Prove a file's complete history (the access is logged).

        The proof covers lifecycle, parts and accesses up to the latest checkpoint.
        """
        _answer(session, session.custody.history_proof(str(file_id)), output)

    @command(prove, "workspace")
    def workspace(
        session: Session,
        workspace: Annotated[str, typer.Argument(metavar="WORKSPACE", help="ID of the workspace.", show_default=False)],
        *,
        through: Annotated[int | None, typer.Option(min=1, help="Number of the last event to prove.")] = None,
        output: Into = None,
    ) -> None:
        """Prove that a workspace's list of events is complete.

        The proof covers the events up to the latest checkpoint. The access is logged.
        """
        from provenstore.api.acts.proofs import whole_list

        _answer(session, whole_list(_pages(session, workspace, through)), output)

    @command(prove, "range")
    def log_range(
        session: Session,
        begin: Annotated[
            int, typer.Argument(metavar="FROM", min=0, help="Position before the first event.", show_default=False)
        ],
        end: Annotated[
            int | None, typer.Argument(metavar="TO", min=1, help="Last position, at most FROM + 1,000.")
        ] = None,
        *,
        output: Into = None,
    ) -> None:
        """Prove that a range of the log is complete.

        The range is FROM + 1 to TO. Requires an auditor's API key for the whole ledger.
        """
        _answer(session, session.custody.range_proof(begin, end), output)

    @command(prove, "consistency")
    def consistency(
        session: Session,
        old: Annotated[int, typer.Argument(metavar="FROM", min=0, help="Size of the older log.", show_default=False)],
        new: Annotated[
            int | None,
            typer.Argument(metavar="TO", min=0, help="Size of the newer log (default: the latest checkpoint)."),
        ] = None,
        *,
        output: Into = None,
    ) -> None:
        """Prove that a newer log extends an older one.

        `provenstore verify` checks the proof with the checkpoints of both sizes.
        """
        document = json.dumps(session.custody.consistency_proof(old, new)).encode()
        _answer(session, document, output, beside=" --checkpoint OLDER --checkpoint NEWER")


def _pages(session: Session, workspace: str, through: int | None) -> Iterator[Document]:
    after: int | None = 0
    while after is not None:
        page = session.custody.workspace_proof(workspace, through=through, after=after)
        yield page
        through, after = page["through"], page["next"]


def _answer(session: Session, document: bytes, output: Path | None, *, beside: str = "") -> None:
    if output is None:
        session.out.document(json.loads(document))
        return
    with output.open("xb") as file:
        file.write(document)
    if session.out.as_json:
        session.out.document({"file": str(output), "size": len(document)})
    else:
        session.out.say(f"{len(document):,} bytes in {output}; `provenstore verify {output}{beside}` checks them")
