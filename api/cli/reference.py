"""The reference page of the command line, written from the commands themselves so that it cannot drift.

`python -m provenstore.api.cli.reference > docs/reference/cli.md` renews it; a test compares.
"""

import sys
from collections.abc import Iterator
from typing import Any

from provenstore.api.cli.help_pages import COMMON, argument

_HEAD = """\
# Command line

<!-- Written by `python -m provenstore.api.cli.reference`; edit the commands, not this page. -->

stdout carries the answer, stderr carries messages, and progress bars on a terminal only. After an error stdout is
empty, and stderr has one sentence, or with `--json` a problem as the HTTP API answers it; also where the command line
is wrong (`invalid-usage`, exit code 2). A sentence names options, a problem the fields of the API. Text from outside
never reaches a terminal raw. `provenstore help COMMAND` shows the help of a command, and `--install-completion` sets
up completion for your shell.

Lists are aligned tables on a terminal. On a pipe they are lines of fields separated by tabs, under one line with the
names of the columns; `--no-header` leaves that line out. The columns and their order are the same at every width.
`--csv` prints the same columns as CSV (RFC 4180), with exact numbers of bytes. `--json` prints one object per line;
if there are more, stderr has `{"next": CURSOR}`. All other answers are one JSON document; so are `usage`, the figures
of `operations`, `disposal list` and `due`, and `projections rows`, which say more than their rows.

On a terminal `history` and `audit` say in words what happened, who did it, from where and why; `--full` shows all
details. On a pipe they print the event's type and all of its details.

`put` and `get` of many files answer one line for each as it is finished, with `--json` one object: `{"path",
"result", "file"}` where result is `stored`, `written` or `unchanged`, `{"path", "result": "failed", "problem"}`,
`{"path", "result": "left_out", "reason"}`. A file that fails, or a path of several that cannot be read
(exit code 1), does not stop the others, unless all would fail.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused: the request cannot be carried out as it is |
| 2 | wrong usage; of `verify`, the check could not be made |
| 3 | unavailable: try later, or correct what the message says |
| 7 | integrity violated: stored data differs from the recorded data |
| 130 | interrupted; run the same command again to continue |

`--url URL`, `--profile NAME` and `--data-dir DIRECTORY` say where a command works. They stand before its name or after
it. The first that applies counts: one of these; `PROVENSTORE_PROFILE`; `PROVENSTORE_URL`; with `PROVENSTORE_KEY` set,
the server that runs on the data directory; the data directory `PROVENSTORE_DATA_DIR` itself. On a data directory the
caller is the system user, as one person `system-user-<uid>` with the role admin. On a server the key is that of
`PROVENSTORE_KEY`, or of the profile in `~/.config/provenstore/profiles.toml`, which nobody else may read (mode 0600):

```toml
[production]
url = "https://ledger.example.com"
key = "pvs_..."
```

An id that the ledger gave may be shortened to 8 or more of its first hexadecimal digits, if no other id of its kind
begins with them. Ids begin with the time: ids of the same minute share their first 8 digits. Ids that clients chose (of
actors, persons, sessions, business objects) are given whole, actors also as answers show them
(`bob@system`), and so is the id of a request in `operations`.

Times are RFC 3339, e.g. `2026-11-20T15:04:05Z`; a date is its first moment in UTC.
"""


def reference() -> str:
    """Return the page in Markdown."""
    import typer

    from provenstore.api.cli.app import app

    return _HEAD + "\n".join(_commands(typer.main.get_command(app), "provenstore"))


def _commands(command: Any, path: str) -> Iterator[str]:
    """Describe a command, or a group by its commands."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            if below.hidden:
                continue
            yield from _commands(below, f"{path} {name}")
        return
    shown = [parameter for parameter in command.params if parameter.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    usage = " ".join([path, *map(argument, arguments), "[OPTIONS]"])
    yield f"\n## `{usage}`\n"
    yield command.help.strip() + "\n"
    if said := [one for one in arguments if one.help]:
        yield "| argument | meaning |\n|---|---|"
        yield from (f"| `{argument(one)}` | {one.help} |" for one in said)
        yield ""
    options = [one for one in shown if one.param_type_name == "option"]
    if own := [one for one in options if one.name not in COMMON]:
        yield "| option | meaning |\n|---|---|"
        yield from (_option(one) for one in own)
        yield ""
    if shared := [f"`{one.opts[0]}`" for one in options if one.name in COMMON]:
        yield "Also " + ", ".join(shared) + ".\n"
    if command.epilog:
        yield f"```text\n{command.epilog}\n```"


def _option(option: Any) -> str:
    spelled = [
        f"{name} {option.metavar}" if option.metavar else name for name in (*option.opts, *option.secondary_opts)
    ]
    names = ", ".join(f"`{name}`" for name in spelled)
    facts = [option.help or ""]
    if option.required:
        facts.append("Required.")
    elif isinstance(option.default, str | int) and not isinstance(option.default, bool) and option.default != "":
        facts.append(f"Default `{option.default}`.")
    if option.multiple and "repeated" not in facts[0]:
        facts.append("May be repeated.")
    return f"| {names} | {' '.join(filter(None, facts))} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
