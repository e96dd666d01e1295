"""The commands of `provenstore`, put together. Importing this stays cheap: commands import what is heavy."""

import typer

from provenstore.api.cli import administration, change, files, get, keeping, maintenance, put, serve

app = typer.Typer(
    name="provenstore",
    help=(
        "A provable chain of custody for every file. Commands work on a server (--url, --profile) or directly on a "
        "data directory. Exit codes: 0 done, 1 refused, 2 usage, 3 unavailable, 7 integrity violated."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for part in (serve, put, get, files, change, keeping, administration, maintenance):
    part.register(app)
