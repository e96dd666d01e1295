"""What is wrong with a command line, as JSON where --json is given: a problem like all others, and exit code 2."""

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.exceptions import TyperException

from provenstore.api.cli.help_pages import Group
from provenstore.domain.errors import Refused


class InvalidUsage(Refused):
    """Invalid command line."""

    code = "invalid-usage"


class Commands(Group):
    """The root of all commands."""

    _as_json = False

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options before the command's name."""
        self._as_json = asks_json(args)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except TyperException as error:
            self._fail(error)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; its own options are read here."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            self._fail(error)

    def _fail(self, error: TyperException) -> NoReturn:
        if not self._as_json:
            raise error
        from provenstore.api.contract.views import error_json

        sys.stderr.write(json.dumps(error_json(InvalidUsage(error.format_message()))) + "\n")
        raise typer.Exit(error.exit_code) from error


def asks_json(arguments: Sequence[str]) -> bool:
    """Tell whether a command line, which may be wrong, asks for JSON; after `--` nothing is an option."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]
