"""`workspace` and `keys`: tenants and their policies, and keys for whoever works in them."""

from typing import Annotated, Literal, get_args
from uuid import UUID

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.log import register_rotation
from provenstore.api.cli.options import KeyId, Reason, instant, key_id, one_of
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command

_NO_LIMIT = -1

WorkspaceId = Annotated[str, typer.Argument(metavar="WORKSPACE", help="ID of the workspace.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    workspace, keys = (typer.Typer(no_args_is_help=True) for _ in range(2))
    app.add_typer(workspace, name="workspace", help="Manage workspaces, their quotas and policies.")
    app.add_typer(keys, name="keys", help="Manage API keys and rotate the log's signing key.")
    _register_workspaces(workspace)
    _register_keys(keys)
    register_rotation(keys)


def _register_workspaces(app: typer.Typer) -> None:
    @command(app, "create", makes=True)
    def create(
        session: Session,
        workspace: WorkspaceId,
        *,
        name: Annotated[str | None, typer.Option(help="Display name.")] = None,
        max_bytes: Annotated[int | None, typer.Option(min=0, help="Quota in bytes (default: no limit).")] = None,
        max_files: Annotated[int | None, typer.Option(min=0, help="Quota in files (default: no limit).")] = None,
        four_eyes: Annotated[
            bool, typer.Option("--four-eyes/--no-four-eyes", help="Whether a purge takes a second person.")
        ] = True,
    ) -> None:
        """Create a workspace."""
        new: Document = {"id": workspace, "four_eyes": four_eyes, "max_bytes": max_bytes, "max_files": max_files}
        _show(session, session.custody.create_workspace(new if name is None else {**new, "name": name}))

    @command(app, "show")
    def show(session: Session, workspace: WorkspaceId) -> None:
        """Show a workspace's policies, quota and usage."""
        _show(session, session.custody.workspace(workspace))

    @command(app, "list", lists=True)
    def list_workspaces(
        session: Session,
        after: Annotated[str, typer.Option(help="Start after this workspace.")] = "",
        limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of workspaces.")] = 100,
    ) -> None:
        """List the workspaces that the caller may see."""
        page = session.custody.workspaces(after=after, limit=limit)
        table = Table(columns=("WORKSPACE",), rows=[(one["id"],) for one in page["workspaces"]])
        session.out.listing(page["workspaces"], table, none="no workspaces", more=("--after", page["next"]))

    @command(app, "set")
    def change(
        session: Session,
        workspace: WorkspaceId,
        *,
        max_bytes: Annotated[int | None, typer.Option(min=-1, help="Quota in bytes; -1 removes the limit.")] = None,
        max_files: Annotated[int | None, typer.Option(min=-1, help="Quota in files; -1 removes the limit.")] = None,
        four_eyes: Annotated[
            bool | None, typer.Option("--four-eyes/--no-four-eyes", help="Whether a purge takes a second person.")
        ] = None,
        max_retention_years: Annotated[
            int | None, typer.Option(min=1, max=100, help="Longest compliance retention that one person may set.")
        ] = None,
        reason: Reason = None,
    ) -> None:
        """Change a workspace's quota or policies.

        Changing four eyes requires --reason. Two persons switch them off; this takes effect 24 hours later. Two persons
        raise --max-retention-years; lowering it takes effect at once.
        """
        asked = {
            "max_bytes": max_bytes,
            "max_files": max_files,
            "four_eyes": four_eyes,
            "max_retention_years": max_retention_years,
        }
        changes: Document = {name: value for name, value in asked.items() if value is not None}
        if not changes:
            raise typer.BadParameter(
                "nothing to change: give --max-bytes, --max-files, --four-eyes or --max-retention-years"
            )
        for name in ("max_bytes", "max_files"):
            if changes.get(name) == _NO_LIMIT:
                changes[name] = None
        if reason is not None:
            changes["reason"] = reason
        changed = session.custody.change_workspace(workspace, changes)
        _show(session, changed)
        if not session.out.as_json and "max_retention_years" in changes:
            _say_replaced(session, changed)


def _register_keys(app: typer.Typer) -> None:
    @command(app, "issue", makes=True)
    def issue(
        session: Session,
        *,
        role: Annotated[list[str], typer.Option(help="Role of the API key.", show_default=False)],
        actor: Annotated[
            str, typer.Option(help="ID of the person or service that uses the API key.", show_default=False)
        ],
        kind: Annotated[
            Literal["service", "person"], typer.Option(help="Kind of actor: service or person.", show_default=False)
        ],
        workspace: Annotated[
            str | None, typer.Option(help="Limit the API key to this workspace (default: the whole ledger).")
        ] = None,
        expires_at: Annotated[str | None, typer.Option(metavar="TIME", help="Expiry time.")] = None,
    ) -> None:
        """Issue an API key and print it once.

        The API key cannot be shown again. Repeat --role to give several roles.
        """
        new: Document = {"actor": actor, "kind": kind, "roles": _roles(role)}
        if workspace is not None:
            new["workspace"] = workspace
        if expires_at is not None:
            new["expires_at"] = instant("--expires-at", expires_at)
        issued = session.custody.issue_key(new)
        if session.out.as_json:
            session.out.document({"id": issued["id"], "key": issued["key"]})
        else:
            session.out.line(issued["key"])
            session.out.say(f"issued {issued['id']}; the key is kept nowhere, so keep it now")

    @command(app, "list", lists=True)
    def list_keys(
        session: Session,
        *,
        workspace: Annotated[str | None, typer.Option(help="Only keys of this workspace.")] = None,
        after: Annotated[
            UUID | None, typer.Option(metavar="ID", help="Start after this API key.", parser=key_id)
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of API keys.")] = 100,
    ) -> None:
        """List API keys without secrets (the access is logged)."""
        page = session.custody.keys(workspace, after=None if after is None else str(after), limit=limit)
        columns = ("ID", "ACTOR", "KIND", "ROLES", "WORKSPACE", "STATUS", "ISSUED", "EXPIRES")
        rows = [_key_row(one) for one in page["keys"]]
        table = Table(columns=columns, rows=rows, spare=("KIND", "ISSUED", "WORKSPACE"))
        session.out.listing(page["keys"], table, none="no keys", more=("--after", page["next"]))

    @command(app, "show")
    def show_key(session: Session, key: KeyId) -> None:
        """Show an API key without its secret (the access is logged)."""
        found = session.custody.key(str(key))
        if session.out.as_json:
            session.out.document(found)
            return
        session.out.fields({**found, "roles": ", ".join(found["roles"])})

    @command(app, "revoke")
    def revoke(
        session: Session,
        key: KeyId,
        reason: Reason = None,
    ) -> None:
        """Revoke an API key."""
        session.custody.revoke_key(str(key), reason)
        if session.out.as_json:
            session.out.document({"id": str(key), "revoked": True})
        else:
            session.out.say(f"revoked {key}")


def _key_row(one: Document) -> tuple[object, ...]:
    return (
        one["id"],
        one["actor"],
        one["kind"],
        ",".join(one["roles"]),
        one["workspace"],
        one["status"],
        text.moment(one["issued_at"]),
        text.moment(one["expires_at"]) if one["expires_at"] else None,
    )


def _roles(given: list[str]) -> list[str]:
    """Return the roles if all exist; a usage error otherwise."""
    from provenstore.domain.eventlog.caller import Role

    return one_of("--role", given, get_args(Role))


def _show(session: Session, workspace: Document) -> None:
    if session.out.as_json:
        session.out.document(workspace)
        return
    quota, used = workspace["quota"], workspace["used"]
    session.out.fields(
        {
            "workspace": workspace["id"],
            "name": workspace["name"],
            "second person at purges": _four_eyes(workspace),
            "compliance retention by one person": _bound(workspace),
            "bytes": f"{text.size(used['bytes'])} of {_limit(text.size(quota['max_bytes']))}",
            "files": f"{used['files']} of {_limit(text.safe(quota['max_files']))}",
        }
    )


def _say_replaced(session: Session, workspace: Document) -> None:
    """Say whose request for another bound this one took the place of."""
    replaced = (workspace["pending_retention"] or {}).get("replaced")
    if replaced is None:
        return
    by = text.named(replaced["requested_by"], replaced["requested_by_reach"], workspace["id"])
    years = text.counted(replaced["max_retention_years"], "year")
    asked = f"{by} asked at {text.moment(replaced['requested_at'])} for {years}"
    session.out.say(f"the waiting request replaces another one: {asked}")


def _four_eyes(workspace: Document) -> str:
    if not workspace["four_eyes"]:
        return "no"
    pending = workspace["pending"]
    if pending is None:
        return "yes"
    if pending["effective_at"] is not None:
        agreed = text.named(pending["approved_by"], pending["approved_by_reach"], workspace["id"])
        return f"yes, until {text.moment(pending['effective_at'])}; {_asked(workspace)}, and {agreed} agreed"
    return f"yes; {_asked(workspace)}, and a second person must agree"


def _asked(workspace: Document) -> str:
    """Return who asks to switch four eyes off, when and why."""
    pending = workspace["pending"]
    by = text.named(pending["requested_by"], pending["requested_by_reach"], workspace["id"])
    because = "" if pending["reason"] is None else f" ({text.safe(pending['reason'])})"
    return f"{by} asked at {text.moment(pending['requested_at'])} to switch it off{because}"


def _bound(workspace: Document) -> str:
    years, pending = workspace["max_retention_years"], workspace["pending_retention"]
    ahead = f"up to {text.counted(years, 'year')} ahead"
    if pending is None:
        return ahead
    by = text.named(pending["requested_by"], pending["requested_by_reach"], workspace["id"])
    because = "" if pending["reason"] is None else f" ({text.safe(pending['reason'])})"
    asked = f"{by} asked at {text.moment(pending['requested_at'])} for {pending['max_retention_years']}{because}"
    return f"{ahead}; {asked}, and a second person must agree"


def _limit(shown: str) -> str:
    return "any number" if shown == "-" else shown
