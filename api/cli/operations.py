"""`operations`: how the object store does, seen from here."""

from typing import Annotated, Any

import typer

from provenstore.api.cli import text
from provenstore.api.cli.options import Outcome, StoreAct, instant
from provenstore.api.cli.rows import Size, Table
from provenstore.api.cli.session import Session, command

Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Calls that began at or after this time (default: one day ago).")
]
Before = Annotated[str | None, typer.Option(metavar="TIME", help="Calls that began before this time (default: now).")]
Provider = Annotated[str | None, typer.Option(help="Only this store: local or spaces.")]
OfKind = Annotated[StoreAct | None, typer.Option("--kind", help="Only this kind of call.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "operations", lists=True)
    def operations(
        session: Session,
        *,
        since: Since = None,
        before: Before = None,
        provider: Provider = None,
        kind: OfKind = None,
        calls: Annotated[bool, typer.Option("--calls", help="List single calls, newest first.")] = False,
        outcome: Annotated[Outcome | None, typer.Option(help="With --calls: only calls with this outcome.")] = None,
        request: Annotated[str | None, typer.Option(help="With --calls: only calls of this request (full ID).")] = None,
        limit: Annotated[int, typer.Option(min=1, max=1_000, help="With --calls: maximum number of calls.")] = 100,
    ) -> None:
        """Show calls to the object store: count, failures, duration.

        One line per store and kind of call, or with --calls one line per call.
        """
        if not calls and (outcome is not None or request is not None):
            raise typer.BadParameter("--outcome and --request narrow --calls")
        asked: dict[str, Any] = {
            "since": instant("--since", since),
            "before": instant("--before", before),
            "provider": provider,
            "kind": kind,
        }
        if calls:
            _list(session, {**_said(asked), **_said({"outcome": outcome, "request": request, "limit": limit})})
        else:
            _sum_up(session, _said(asked))


def _said(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _sum_up(session: Session, asked: dict[str, Any]) -> None:
    found = session.custody.operations(asked)
    if session.out.as_json:
        session.out.document(found)
        return
    table = Table(
        columns=("STORE", "KIND", "CALLS", "REFUSED", "FAILED", "SUCCESS", "P50 MS", "P95 MS", "BYTES"),
        rows=[
            (
                one["provider"],
                one["kind"],
                one["calls"],
                one["refused"],
                one["failed"],
                f"{one['success']:.2%}",
                f"{one['p50_ms']:.1f}",
                f"{one['p95_ms']:.1f}",
                Size(one["bytes"]),
            )
            for one in found["figures"]
        ],
        spare=("REFUSED",),
    )
    session.out.table(table, none="no calls match")
    if found["missing"]:
        session.out.say(f"{found['missing']} calls of this time were not kept")


def _list(session: Session, asked: dict[str, Any]) -> None:
    found = session.custody.store_calls(asked)
    table = Table(
        columns=("BEGUN", "STORE", "KIND", "MS", "BYTES", "STATUS", "STORE REQUEST", "REQUEST"),
        rows=[
            (
                text.moment(one["started_at"]),
                one["provider"],
                one["kind"],
                f"{one['microseconds'] / 1_000:.1f}",
                Size(one["bytes"]),
                one["status"],
                one["store_request"],
                one["request"],
            )
            for one in found["calls"]
        ],
        spare=("STORE REQUEST", "STORE"),
    )
    session.out.listing(found["calls"], table, none="no calls match")
