"""One run of a command: what it works on, where it answers, and what becomes of its errors.

A command is written once, against `Backend`; whether that is a server or a data directory is decided here.
"""

import inspect
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Concatenate, NoReturn, ParamSpec, cast, get_args
from uuid import UUID

import typer
from typer.models import OptionInfo

from provenstore.api.cli import exits
from provenstore.api.cli.backend import Backend
from provenstore.api.cli.options import ShortId
from provenstore.api.cli.output import Output, quietly_close_stdout
from provenstore.domain.errors import Misconfigured, ProvenstoreError, Refused, StorageFull

P = ParamSpec("P")

_DISK_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT

_KINDS = {int: "NUMBER", Path: "PATH", UUID: "ID", str: "TEXT"}


def _folder(value: str) -> Path:
    """Return a folder; a usage error for an empty one, as an unset variable of a script leaves it behind."""
    if not value:
        raise typer.BadParameter("is empty")
    return Path(value)


Url = Annotated[str | None, typer.Option(help="Work on this server, with the API key in PROVENSTORE_KEY.")]
ProfileName = Annotated[str | None, typer.Option(help="Work on the server of this profile, with its API key.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Work on this data directory directly, as the system user.", parser=_folder, metavar="DIRECTORY"),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON; lists have one object per line.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the list as CSV.")]
NoHeader = Annotated[bool, typer.Option("--no-header", help="Leave out the line with the names of the columns.")]

PLACES = ("url", "profile", "data_dir")
"""Options that say where a command works; they exclude each other."""

_SHARED: dict[str, tuple[Any, Any]] = {"url": (Url, None), "profile": (ProfileName, None)}
_LOCAL: dict[str, tuple[Any, Any]] = {"data_dir": (DataDir, None)}
_ANSWER: dict[str, tuple[Any, Any]] = {"as_json": (Json, False)}
_ROWS: dict[str, tuple[Any, Any]] = {"as_csv": (Csv, False), "no_header": (NoHeader, False)}


@dataclass(slots=True)
class Session:
    """What a command is given. `custody` is opened when it is first asked for, and closed after the command."""

    out: Output
    url: str | None = None
    profile: str | None = None
    data_dir: Path | None = None
    makes: bool = False
    """Whether a data directory that is not there yet is made: not by a command that could only read nothing."""
    stack: ExitStack = field(default_factory=ExitStack)
    _custody: Backend | None = None

    @property
    def custody(self) -> Backend:
        """The ledger to work on."""
        if self._custody is None:
            self._custody = self._open()
        return self._custody

    def _open(self) -> Backend:
        from provenstore.api.client.connection import by_profile, by_url, client_settings

        settings = client_settings()
        profile = self.profile or (None if self.url or self.data_dir else settings.profile)
        url = self.url or (None if profile or self.data_dir else settings.url)
        if profile or url:
            from provenstore.api.client.client import Client

            connection = by_profile(profile, settings) if profile else by_url(str(url), settings)
            return self.stack.enter_context(Client(connection))
        if settings.key is not None and self.data_dir is None:
            from provenstore.api.client.client import Client

            return self.stack.enter_context(Client(by_url(_running_server(), settings)))
        from provenstore.api.cli.local_backend import open_local

        return self.stack.enter_context(open_local(self.data_dir, make=self.makes))

    @property
    def remote(self) -> bool:
        """Whether the environment or an option names a server."""
        from provenstore.api.client.connection import client_settings

        settings = client_settings()
        named = settings.url or settings.profile or settings.key is not None
        return bool(self.url or self.profile or (not self.data_dir and named))


def _running_server() -> str:
    """Return where the server of this system user's data directory is; Misconfigured if none runs.

    A key says who asks. Working on the data directory instead would ask as the system user, in silence.
    """
    from provenstore.adapters.embedded.data_directory import DataDirectory
    from provenstore.adapters.embedded.serving import served_at
    from provenstore.api.settings import load_settings

    directory = DataDirectory(load_settings().data_dir)
    found = served_at(directory.run)
    if found is None:
        raise Misconfigured(
            f"PROVENSTORE_KEY is set, and no server runs on the data directory {directory.path}: name one with --url, "
            "or give --data-dir to work on a data directory as the system user"
        )
    return found


def command(
    app: typer.Typer, name: str, *, makes: bool = False, lists: bool = False
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Register a command that works on a ledger; adds --url, --profile, --data-dir and --json.

    One that `lists` rows takes --csv and --no-header as well.
    """
    return _register(app, name, {**_SHARED, **_LOCAL, **_ANSWER, **(_ROWS if lists else {})}, makes=makes)


def local_command(
    app: typer.Typer, name: str, *, old_name: str | None = None, lists: bool = False
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Register a command that only makes sense where the data directory is; adds --data-dir and --json.

    Under its `old_name` it works too, without being listed.
    """
    return _register(app, name, {**_LOCAL, **_ANSWER, **(_ROWS if lists else {})}, old_name=old_name)


def plain_command(
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Register a command that needs no ledger at all; adds --json, --csv and --no-header."""
    return _register(app, name, {**_ANSWER, **_ROWS})


def _register(
    app: typer.Typer,
    name: str,
    added: dict[str, tuple[Any, Any]],
    *,
    makes: bool = False,
    old_name: str | None = None,
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    def register(body: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
        own = list(inspect.signature(body).parameters.values())[1:]
        more = [
            inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for one, (annotation, default) in added.items()
        ]

        def run(**arguments: Any) -> None:
            context = arguments.pop("context")
            given = _with_common(context, {one: arguments.pop(one) for one in added})
            session = Session(_output(given), makes=makes, **given)
            session.out.options = _options_of(context)
            _run(session, lambda: cast(Any, body)(session, **_completed(session, arguments)))

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        for one in (*own, *more):
            _name_kind(one.annotation)
        more.append(context)
        cast(Any, run).__signature__ = inspect.Signature([*own, *more])
        run.__annotations__ = {one.name: one.annotation for one in (*own, *more)}
        run.__name__, run.__doc__ = body.__name__, body.__doc__
        app.command(name)(run)
        if old_name is not None:
            app.command(old_name, hidden=True)(run)
        return run

    return register


def _output(given: dict[str, Any]) -> Output:
    """Take the options that say how to answer; a usage error for two that exclude each other."""
    as_json, as_csv, no_header = (given.pop(one, False) for one in ("as_json", "as_csv", "no_header"))
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return Output(as_json=as_json, as_csv=as_csv, header=not no_header)


def _with_common(context: typer.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Add the options that stand before the command; a usage error for one that the command does not take.

    A place that is named after the command counts instead of one that is named before it.
    """
    common = {name: value for name, value in context.find_root().params.items() if value}
    common.pop("version", None)
    for name in common.keys() - given.keys():
        raise typer.BadParameter("does not apply to this command", param_hint=f"--{name.replace('_', '-')}")
    if any(given.get(one) is not None for one in PLACES):
        common = {name: value for name, value in common.items() if name not in PLACES}
    return {**given, **common}


_BY_FIELD = {"filename_contains": "name", "related_id": "related", "metadata_key": "metadata", "fields": "field"}
"""Fields of the API that an option of another name fills, with the parameter of the command."""


def _options_of(context: typer.Context) -> dict[str, str]:
    """Return the command's options by the fields of the API that they fill."""
    options = {
        one.name: next((name for name in one.opts if name.startswith("--")), None) for one in context.command.params
    }
    found = {str(name): option for name, option in options.items() if option is not None}
    return {**{field: found[name] for field, name in _BY_FIELD.items() if name in found}, **found}


def _completed(session: Session, arguments: dict[str, Any]) -> dict[str, Any]:
    """Complete short ids by asking the ledger."""

    def whole(value: Any, known: dict[str, Any]) -> Any:
        if isinstance(value, list | tuple):
            return [whole(one, known) for one in value]
        if not isinstance(value, ShortId):
            return value
        within = None if value.within is None else str(known[value.within])
        found = session.custody.find_id(value.kind, value.digits, within)
        return found if value.as_text else UUID(found)

    # What others are looked for in is completed before them: it has no `within` itself.
    inner = {name for name, value in arguments.items() if isinstance(value, ShortId) and value.within is not None}
    outer = {name: whole(value, {}) for name, value in arguments.items() if name not in inner}
    return {name: outer[name] if name in outer else whole(value, outer) for name, value in arguments.items()}


def _name_kind(annotation: Any) -> None:
    """Name the kind of value of an option that does not do so itself: help would show Python's types."""
    values, *said = get_args(annotation)
    kinds = {found for one in (values, *get_args(values)) for found in (one, *get_args(one))}
    for one in said:
        if isinstance(one, OptionInfo) and one.metavar is None:
            one.metavar = next((name for kind, name in _KINDS.items() if kind in kinds), None)


def _run(session: Session, body: Callable[[], None]) -> None:
    """Run a command to its exit code; an error of ours leaves stdout as it was and one sentence on stderr."""
    if [session.url, session.profile, session.data_dir].count(None) < 2:
        raise typer.BadParameter("--url, --profile and --data-dir exclude each other")
    from provenstore.api.log_output import log_to_stderr

    log_to_stderr(logging.ERROR)
    try:
        with session.stack:
            body()
            sys.stdout.flush()
    except ProvenstoreError as error:
        _fail(session.out, error)
    except BrokenPipeError:
        quietly_close_stdout()
        raise typer.Exit(exits.BROKEN_PIPE) from None
    except OSError as error:
        _fail(session.out, of_this_machine(error))
    except KeyboardInterrupt:
        raise typer.Exit(exits.INTERRUPTED) from None


def _fail(out: Output, error: ProvenstoreError) -> NoReturn:
    out.problem(error)
    raise typer.Exit(exits.exit_code(error)) from error


def of_this_machine(error: OSError) -> ProvenstoreError:
    """Say what a file of the caller's own did not allow."""
    where = f"{error.filename}: " if error.filename else ""
    kind = StorageFull if error.errno in _DISK_FULL else Refused
    return kind(f"{where}{error.strerror or type(error).__name__}")
