"""The commands of `provenstore`, put together. Importing this stays cheap: commands import what is heavy."""

import sys
from typing import Annotated

import typer

from provenstore.api.cli import (
    administration,
    audit,
    bucket,
    category,
    change,
    disposal,
    erasing,
    files,
    get,
    help_pages,
    jobs,
    keeping,
    link,
    log,
    maintenance,
    operations,
    projections,
    prove,
    put,
    serve,
    store,
    usage,
    verify,
    verify_content,
)
from provenstore.api.cli.session import DataDir, Json, ProfileName, Url
from provenstore.api.cli.usage_errors import Commands

app = typer.Typer(
    cls=Commands,
    name="provenstore",
    help=(
        "A provable chain of custody for every file.\n\n"
        "Start with `provenstore put FILE`. Commands work on a server (--url, --profile) or directly on a data "
        "directory. `provenstore help COMMAND` explains a command.\n\n"
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 unavailable, 7 integrity violated."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes wrap what is wrapped already, and cannot be copied
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"provenstore {version('provenstore')}\n")
        raise typer.Exit


@app.callback()
def _common(
    *,
    url: Url = None,
    profile: ProfileName = None,
    data_dir: DataDir = None,
    as_json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the release and exit.")
    ] = False,
) -> None:
    """Take the options that every command takes, also before its name; `session` reads them."""
    del url, profile, data_dir, as_json, version


for part in (
    serve,
    put,
    get,
    link,
    files,
    change,
    erasing,
    keeping,
    administration,
    category,
    disposal,
    verify,
    maintenance,
    verify_content,
    audit,
    usage,
    jobs,
    operations,
    projections,
    log,
    prove,
    bucket,
    store,
    help_pages,
):
    part.register(app)
help_pages.arrange(app)
