"""`link`: URLs by which somebody without a key may read one file for a while. They go to stdout and nowhere else."""

import re
from typing import Annotated, Literal
from uuid import UUID

import typer

from provenstore.api.cli import text
from provenstore.api.cli.help_pages import Group
from provenstore.api.cli.options import FileId, Reason, part_id
from provenstore.api.cli.session import Session, command

LinkId = Annotated[
    UUID,
    typer.Argument(
        metavar="LINK", help="ID of the link.", show_default=False, parser=part_id("link", within="file_id")
    ),
]

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _IssueUnlessNamed(Group):
    """`link FILE` issues a link, as it always has; what else can be done with links is a command below `link`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's own context
        """Read `FILE …` as `issue FILE …`."""
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["issue", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    links = typer.Typer(cls=_IssueUnlessNamed, no_args_is_help=True)
    app.add_typer(links, name="link", help="Issue or revoke a download link.")

    @command(links, "issue")
    def issue(
        session: Session,
        file_id: FileId,
        *,
        ttl: Annotated[
            str | None, typer.Option(metavar="TIME", help="Lifetime, for example 90s, 10m, 1h, 2d (default 10m).")
        ] = None,
        purpose: Annotated[str | None, typer.Option(help="Purpose, kept as an erasable private value.")] = None,
        recipient: Annotated[str | None, typer.Option(help="Recipient, kept as an erasable private value.")] = None,
        inline: Annotated[
            bool, typer.Option("--inline", help="Show the file in the browser instead of saving it.")
        ] = False,
        delivery: Annotated[
            Literal["redirect", "stream"] | None,
            typer.Option(help="Redirect to the bucket (for one minute), or stream through the server."),
        ] = None,
        unobserved: Annotated[
            bool,
            typer.Option(
                "--unobserved", help="Link directly to the bucket if the category allows it; uses are not recorded."
            ),
        ] = False,
    ) -> None:
        """Issue a link that downloads one file without an API key.

        `provenstore link FILE` is short for `provenstore link issue FILE`. Each use is recorded.
        """
        wish = {"ttl": _seconds(ttl), "purpose": purpose, "recipient": recipient, "delivery": delivery}
        given = {name: value for name, value in wish.items() if value is not None}
        shown = "inline" if inline else "attachment"
        issued = session.custody.issue_link(
            str(file_id), {**given, "disposition": shown, **({"observed": False} if unobserved else {})}
        )
        if session.out.as_json:
            session.out.document(issued)
            return
        session.out.line(issued["url"])
        seen = "each use is recorded" if issued["observed"] else "its uses are not recorded, and it cannot be revoked"
        session.out.say(f"link {issued['id']}, valid until {text.moment(issued['expires_at'])}; {seen}")
        if issued["observed"] and not session.remote:
            _say_server(session)

    @command(links, "revoke")
    def revoke(
        session: Session,
        file_id: FileId,
        link: LinkId,
        reason: Reason = None,
    ) -> None:
        """Revoke a link before it expires."""
        session.custody.revoke_link(str(file_id), str(link), reason)
        if session.out.as_json:
            session.out.document({"id": str(link), "revoked": True})
        else:
            session.out.say(f"revoked {link}")


def _say_server(session: Session) -> None:
    """Say which server a link leads to that was issued on a data directory, and whether it runs."""
    from provenstore.adapters.embedded.data_directory import DataDirectory
    from provenstore.adapters.embedded.serving import served_at
    from provenstore.api.settings import load_settings

    settings = load_settings(data_dir=session.data_dir)
    if settings.public_url is not None:
        session.out.say(f"it leads to {settings.public_url} (PROVENSTORE_PUBLIC_URL)")
    elif (running := served_at(DataDirectory(settings.data_dir).run)) is not None:
        session.out.say(f"it leads to {running}, the server that runs on this data directory")
    else:
        session.out.say("no server runs on this data directory: the link works after `provenstore serve` has started")


def _seconds(value: str | None) -> int | None:
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        raise typer.BadParameter(f"{value!r} is no time such as 90s, 10m, 1h or 2d", param_hint="--ttl")
    return int(found[1]) * _SECONDS[found[2]]
