"""Help: commands in groups, each on one line, with two examples below each command.

Plain text without boxes: boxes wrap lines that are wrapped already, cannot be copied, and would load rich.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import DefaultPlaceholder

from provenstore.api.cli.examples import EXAMPLES

PROGRAM: Final = "provenstore"

PANELS: Final[Mapping[str, tuple[str, ...]]] = {
    "Files": ("put", "get", "ls", "show", "change", "rm", "restore", "link", "category"),
    "Custody": ("hold", "retention", "purge", "disposal", "erase"),
    "Audit and proof": ("history", "audit", "verify", "verify-content", "receipt", "prove", "log"),
    "Operate": (
        "serve", "workspace", "keys", "usage", "jobs", "operations", "projections", "bucket", "store", "db", "help",
    ),
}  # fmt: skip
"""The groups of the list of commands, in the order in which they are shown."""

COMMON: Final = ("url", "profile", "data_dir", "as_json", "as_csv", "no_header", "help")
"""Options that every command takes where they apply."""

_COMMANDS: Final = "Commands"
_EVERYTHING: Final = 10_000


class Command(TyperCommand):
    """A command with examples below its help, and the options that all commands take after its own."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Name the arguments as the reference does, before the options."""
        return [*(argument(one) for one in self.get_params(ctx) if one.param_type_name == "argument"), "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """List arguments, the command's own options, and the common ones."""
        listed: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Common options": []}
        parameters: list[Any] = self.get_params(ctx)
        for one in parameters:
            record = one.get_help_record(ctx)
            if one.param_type_name == "argument":
                listed["Arguments"].append((one.metavar or one.name.upper(), one.help or ""))
            elif record is not None:
                title = "Common options" if one.name in COMMON else "Options"
                listed[title].append((record[0], _in_words(record[1])))
        for title, rows in listed.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # the signature is typer's
        """Write the examples as they are typed: a wrapped line could not be copied."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(TyperGroup):
    """Commands in groups, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # the signature is typer's
        """List the commands that are not hidden."""
        shown = {name: one for name, one in self.commands.items() if not one.hidden}
        if not shown:
            return
        width = max(map(len, shown))
        for title, names in self._panels(shown):
            with formatter.section(title):
                rows = [(name.ljust(width), shown[name].get_short_help_str(_EVERYTHING)) for name in names]
                formatter.write_dl(rows)

    def _panels(self, shown: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
        """Yield the groups with their commands, in the order of `PANELS`."""
        yielded = False
        for title, order in PANELS.items():
            if names := [name for name in order if name in shown and shown[name].rich_help_panel == title]:
                yielded = True
                yield title, names
        if not yielded:
            yield _COMMANDS, list(shown)


def argument(one: Any) -> str:
    """Return an argument as usage lines show it: `[NAME]` where it may be left out."""
    name: str = one.metavar or one.name.upper()
    return name if one.required else f"[{name}]"


def _in_words(described: str) -> str:
    """Return limits of a number in words: `1<=x<=64` is `1 to 64`; that a size is not negative goes without saying."""
    between = re.sub(r"(-?\d+)<=x<=(-?\d+)", r"\1 to \2", described)
    return re.sub(r"x>=(-?\d+)", r"at least \1", between.removesuffix("  [x>=0]"))


def arrange(app: typer.Typer) -> None:
    """Give every command its group, its examples and the form of its help; after all are registered."""
    panel_of = {name: title for title, names in PANELS.items() for name in names}
    _arrange(app, "")
    listed: list[Any] = [*app.registered_commands, *app.registered_groups]
    for one in listed:
        one.rich_help_panel = panel_of.get(str(one.name))


def _arrange(app: typer.Typer, path: str) -> None:
    for command in app.registered_commands:
        command.cls = Command
        examples = EXAMPLES.get(f"{path}{command.name}", ())
        command.epilog = "\n".join(f"{PROGRAM} {one}" for one in examples)
    for group in app.registered_groups:
        inner = group.typer_instance
        if inner is not None:
            if isinstance(inner.info.cls, DefaultPlaceholder):
                inner.info.cls = Group
            _arrange(inner, f"{path}{group.name} ")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("help")
    def show_help(
        context: typer.Context,
        names: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="COMMAND", help="Command to explain, for example `purge request`.", show_default=False
            ),
        ] = None,
    ) -> None:
        """Show help for a command."""
        found: Any = context.find_root()
        for name in names or ():
            below = found.command.get_command(found, name) if isinstance(found.command, TyperGroup) else None
            if below is None:
                raise typer.BadParameter(f"{PROGRAM} has no command {' '.join(names or ())!r}", param_hint="COMMAND")
            found = below.make_context(name, [], parent=found, resilient_parsing=True)
        typer.echo(found.get_help())
