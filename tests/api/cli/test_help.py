"""Help: whole plain sentences in groups, and examples that are valid commands."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from provenstore.api.cli.app import app
from provenstore.api.cli.examples import EXAMPLES
from provenstore.api.cli.help_pages import PANELS

MOST = 60
"""Characters of a command's sentence on the list: with the longest name it fills a line of 80."""

BANNED = re.compile(
    r"\b(whoever|whatever|whichever|what is|what are|anew|of theirs|of ours|there is none|none of|in vain|"
    r"for ever|so many|such as it|call it so|good until|go(es)? on|gone on|until then|or later|because of whom|"
    r"it is so|not be there|is there already|all of it|by another road|take back)\b",
    re.IGNORECASE,
)
"""Riddles and inversions: they leave the reader to guess who does what."""


@cache
def root() -> Any:
    return typer.main.get_command(app)


def below(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command and group under the root that the help lists."""
    for name, one in command.commands.items():
        if not one.hidden:
            yield f"{path}{name}", one
            if hasattr(one, "commands"):
                yield from below(one, f"{path}{name} ")


EVERY = dict(below(root()))
LEAVES = {path: one for path, one in EVERY.items() if not hasattr(one, "commands")}


def texts(command: Any) -> list[str]:
    return [command.help or "", *(one.help or "" for one in command.params)]


@pytest.mark.parametrize("path", ["", *EVERY])
def test_help_is_plain_english(path: str) -> None:
    """The reader learns who does what, in the field's words."""
    found = [said for text in texts(EVERY[path] if path else root()) for said in BANNED.findall(text)]
    assert not found


@pytest.mark.parametrize("path", EVERY)
def test_a_command_says_what_it_does_in_one_line(path: str) -> None:
    """The list of commands is read at 80 columns."""
    first = str(EVERY[path].help).strip().split("\n\n")[0]
    assert "\n" not in first
    assert first == EVERY[path].get_short_help_str(1_000)
    assert len(first) <= MOST
    assert first[0].isupper()
    assert first.endswith(".")
    assert not re.match(r"\w+ing ", first), "begin with a verb"


@pytest.mark.parametrize("path", EVERY)
def test_every_option_and_argument_is_described(path: str) -> None:
    """A sentence with a full stop each."""
    for one in EVERY[path].params:
        if one.name != "help" and not getattr(one, "hidden", False):
            assert one.help, one.name
            assert one.help.endswith("."), one.help


def test_every_command_has_a_group_and_its_examples() -> None:
    """A new command is put into both tables; a removed one leaves them."""
    assert sorted(name for names in PANELS.values() for name in names) == sorted(
        name for name, one in root().commands.items() if not one.hidden
    )
    assert EXAMPLES.keys() == LEAVES.keys()


@pytest.mark.parametrize(("path", "example"), [(path, one) for path, many in EXAMPLES.items() for one in many])
def test_an_example_is_a_valid_command(path: str, example: str) -> None:
    """It is read by the real commands, and belongs to the command that shows it."""
    arguments = shlex.split(example.split(" > ", maxsplit=1)[0])
    context: Any = root().make_context("provenstore", arguments)
    while hasattr(context.command, "commands"):
        words: list[str] = context._protected_args + context.args
        context = context.command.commands[words[0]].make_context(words[0], words[1:], parent=context)
    assert context.command_path == f"provenstore {path}"


@pytest.mark.parametrize("path", LEAVES)
def test_the_examples_are_different(path: str) -> None:
    """The second one shows something more."""
    assert len(set(EXAMPLES[path])) == 2


def helped(*arguments: str, code: int = 0) -> str:
    found = CliRunner().invoke(app, arguments, env={"COLUMNS": "80", "_TYPER_FORCE_DISABLE_TERMINAL": "1"})
    assert found.exit_code == code, found.output
    return found.output


def test_the_list_of_commands_is_in_groups_and_fits() -> None:
    """Nothing is cut with dots, and nothing is wrapped."""
    shown = helped("--help")
    titles = [line[:-1] for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options", *PANELS]
    for name, one in root().commands.items():
        assert f"  {name.ljust(14)}  {one.get_short_help_str(1_000)}\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("names", [(), ("put",), ("purge",), ("purge", "request"), ("link",)], ids=" ".join)
def test_help_is_a_command_too(names: tuple[str, ...]) -> None:
    """`provenstore help put` shows what `provenstore put --help` shows."""
    assert helped("help", *names) == helped(*names, "--help")


def test_help_for_an_unknown_command_is_wrong_usage() -> None:
    """It names what was asked for."""
    shown = " ".join(helped("help", "purge", "nothing", code=2).split())
    assert "no command 'purge nothing'" in shown


def test_examples_are_shown_as_they_are_typed() -> None:
    """A wrapped line could not be copied."""
    shown = helped("category", "add", "--help").splitlines()
    start = shown.index("Examples:")
    assert shown[start + 1 :] == [f"  provenstore {one}" for one in EXAMPLES["category add"]]


def test_a_renamed_command_keeps_its_old_name_unlisted() -> None:
    """Scripts of the last release keep working."""
    new = helped("log", "restart", "--help").partition("\n\n")[2].partition("\n\nExamples")[0]
    assert new in helped("log", "begin-anew", "--help")
    assert "begin-anew" not in helped("log", "--help")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    """The script of a shell asks the program itself, which answers with commands and options."""

    def asked(instruction: str, typed: str = "") -> str:
        env = {"_PROVENSTORE_COMPLETE": f"{instruction}_{shell}", "_TYPER_COMPLETE_ARGS": typed}
        env |= {
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        return CliRunner().invoke(app, [], env=env, prog_name="provenstore").stdout

    assert "_PROVENSTORE_COMPLETE" in asked("source")
    assert re.findall(r"pu\w+", asked("complete", "provenstore pu"))[:2] == ["put", "purge"]
    assert "--workspace" in asked("complete", "provenstore ls --work")
    assert "begin-anew" not in asked("complete", "provenstore log be")
