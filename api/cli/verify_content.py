"""`verify-content`: reading stored objects from end to end, the only proof that they are what was recorded."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from provenstore.api.cli import exits
from provenstore.api.cli.batch import to_each, worst
from provenstore.api.cli.jobs import every_job
from provenstore.api.cli.options import FileIds
from provenstore.api.cli.session import Session, command

_PAGE = 1_000
_WITH_CONTENT = ("stored", "soft_deleted", "expired")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "verify-content")
    def verify_content(
        session: Session,
        file_ids: FileIds = None,
        *,
        everything: Annotated[bool, typer.Option("--all", help="All files that have content.")] = False,
        unverified: Annotated[
            bool, typer.Option("--unverified", help="All files whose SHA-256 was never computed here.")
        ] = False,
        workspace: Annotated[str | None, typer.Option(help="With --all or --unverified: only this workspace.")] = None,
    ) -> None:
        """Re-read stored objects and verify their checksums.

        The result is recorded. Prints a line for each file that is altered, missing or unreadable. The exit code is 7
        if any file is altered or missing.
        """
        if [everything, unverified, bool(file_ids)].count(True) != 1:
            raise typer.BadParameter("name files, or say --all or --unverified")
        if workspace is not None and file_ids:
            raise typer.BadParameter("--workspace narrows --all and --unverified")
        within = {} if workspace is None else {"workspace": workspace}
        if unverified:
            ids = [job["file_id"] for job in every_job(session, {**within, "kind": ["verify"], "upcoming": True})]
        else:
            ids = list(_with_content(session, within)) if everything else [str(one) for one in file_ids or ()]
        _verify(session, ids)


def _verify(session: Session, ids: list[str]) -> None:
    found = to_each(session, "verifying", ids, session.custody.verify_content)
    damaged = [one for one in found.answers if one["outcome"] != "verified"]
    verified = len(found.answers) - len(damaged)
    if session.out.as_json:
        failed = found.failures_json()
        session.out.document({"verified": verified, "damaged": damaged, "failed": failed, "left": found.left})
    else:
        for one in damaged:
            session.out.line(one["file_id"], one["outcome"])
        found.say_failures(session.out)
        session.out.say(f"{verified:,} verified, {len(damaged):,} altered or missing, {len(found.failures):,} not read")
    code = worst([found.code, exits.INTEGRITY if damaged else exits.OK])
    if code:
        raise typer.Exit(code)


def _with_content(session: Session, within: dict[str, Any]) -> Iterator[str]:
    for status in _WITH_CONTENT:
        cursor: str | None = None
        while True:
            page = session.custody.files(
                {**within, "status": status, "fresh": cursor is None}, cursor=cursor, limit=_PAGE
            )
            yield from (one["id"] for one in page["files"] if one["stored_at"] is not None)
            if (cursor := page["next"]) is None:
                break
