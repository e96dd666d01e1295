"""`link`: a URL by which somebody without a key may read one file for a while. It goes to stdout and nowhere else."""

import re
from typing import Annotated

import typer

from provenstore.api.cli import text
from provenstore.api.cli.options import FileId
from provenstore.api.cli.session import Session, command

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "link")
    def link(
        session: Session,
        file_id: FileId,
        *,
        ttl: Annotated[
            str | None, typer.Option(metavar="TIME", help="How long it lives: 90s, 10m, 1h, 2d. By default 10m.")
        ] = None,
        purpose: Annotated[
            str | None, typer.Option(help="What for; kept with the event as an erasable private value.")
        ] = None,
        recipient: Annotated[
            str | None, typer.Option(help="For whom; kept with the event as an erasable private value.")
        ] = None,
        inline: Annotated[bool, typer.Option("--inline", help="To be shown in a browser instead of saved.")] = False,
    ) -> None:
        """Issue a link to a file's content; whoever has it may read until it expires."""
        wish = {"ttl": _seconds(ttl), "purpose": purpose, "recipient": recipient}
        given = {name: value for name, value in wish.items() if value is not None}
        issued = session.custody.issue_link(
            str(file_id), {**given, "disposition": "inline" if inline else "attachment"}
        )
        if session.out.as_json:
            session.out.document(issued)
            return
        session.out.line(issued["url"])
        seen = "each use is recorded" if issued["observed"] else "it leads to the bucket, so its uses are not recorded"
        session.out.say(f"good until {text.moment(issued['expires_at'])}; {seen}")


def _seconds(value: str | None) -> int | None:
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        raise typer.BadParameter(f"{value!r} is no time such as 90s, 10m, 1h or 2d", param_hint="--ttl")
    return int(found[1]) * _SECONDS[found[2]]
