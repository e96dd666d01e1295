"""What somebody meets on the first day: answers that can be given back, true refusals, plain sentences."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from .conftest import Provenstore, Served


def _file(tmp_path: Path, name: str = "report.txt") -> Path:
    path = tmp_path / name
    path.write_text(f"content of {uuid4()}")
    return path


def _workspace(served: Served) -> str:
    name = f"w-{uuid4().hex[:20]}"
    served.direct("workspace", "create", name)
    return name


def _as(served: Served, actor: str, *more: str, role: str = "admin") -> Provenstore:
    issue = ("keys", "issue", "--role", role, "--kind", "person", "--actor", actor, "--json", *more)
    return Provenstore({"PROVENSTORE_URL": served.url, "PROVENSTORE_KEY": served.direct(*issue).json["key"]})


def _carols(served: Served, tmp_path: Path) -> tuple[str, str, str, str]:
    """Let two persons of one id store a file each; return the workspace, the id and the files, `system` first."""
    workspace, carol = _workspace(served), f"carol-{uuid4().hex[:8]}"
    files = [
        _as(served, carol, *more)("put", _file(tmp_path), "--workspace", workspace, "--again").text.strip()
        for more in ((), ("--workspace", workspace))
    ]
    return workspace, carol, files[0], files[1]


def test_an_actor_is_found_as_it_is_printed(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """`carol@system` is the carol of the whole ledger, and a bare id everybody of this id."""
    workspace, carol, wide, narrow = _carols(served, tmp_path)

    def files_of(*asked: str) -> set[str]:
        found = both("audit", "--workspace", workspace, "--type", "file.stored.v1", *asked, "--json").documents
        return {one["file_id"] for one in found}

    printed = {row[3] for row in both("audit", "--file", wide).rows}
    assert f"{carol}@system" in printed
    assert files_of("--actor", f"{carol}@system") == {wide}
    assert files_of("--actor", f"{carol}@{workspace}") == {narrow}
    assert files_of("--actor", carol) == {wide, narrow}
    assert files_of("--not-actor", f"{carol}@system") == {narrow}
    assert files_of("--not-actor", f"{carol}@system", "--not-actor", f"{carol}@{workspace}") == set()
    assert "no events match" in both("audit", "--actor", f"{carol}@nowhere").err


def test_an_owner_is_found_as_it_is_printed(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """Likewise in lists of files."""
    workspace, carol, wide, narrow = _carols(served, tmp_path)

    def files_of(owner: str) -> set[str]:
        return {one["id"] for one in both("ls", "--workspace", workspace, "--owner", owner, "--json").documents}

    assert files_of(f"{carol}@system") == {wide}
    assert files_of(f"{carol}@{workspace}") == {narrow}
    assert files_of(carol) == {wide, narrow}


def test_who_acts_without_a_key_is_found_with_its_reach(served: Served, tmp_path: Path) -> None:
    """Lists show the system user of a data directory as one who reaches everything."""
    workspace = _workspace(served)
    file = served.direct("put", _file(tmp_path), "--workspace", workspace).text.strip()
    owner = served.direct("show", file, "--json").json["owner"]
    for command in (("ls", "--owner"), ("audit", "--type", "file.stored.v1", "--actor")):
        assert file in served.direct(*command, f"{owner}@system", "--workspace", workspace).text


def test_an_id_that_looks_like_a_printed_actor_is_found_too(served: Served, tmp_path: Path) -> None:
    """Nobody hides behind such an id, nor hides another by it."""
    workspace, carol, wide, _ = _carols(served, tmp_path)
    twin = f"{carol}@system"
    file = _as(served, twin)("put", _file(tmp_path), "--workspace", workspace, "--again").text.strip()
    asked = ("audit", "--workspace", workspace, "--type", "file.stored.v1", "--actor", twin, "--json")
    assert {one["file_id"] for one in served.direct(*asked).documents} == {wide, file}


@pytest.mark.parametrize(
    ("option", "missing"), [("workspace", "workspace"), ("credential", "key"), ("hold", "hold"), ("cause", "event")]
)
def test_nothing_that_is_not_there_is_left_out(both: Provenstore, option: str, missing: str) -> None:
    """A mistyped name would leave out nothing, in silence."""
    value = "nosuch" if option == "workspace" else str(uuid4())
    ran = both("audit", f"--not-{option}", value, code=1)
    assert (ran.out, ran.err) == (b"", f"provenstore: there is no such {missing}\n")


def test_a_foreign_workspace_is_left_out_as_one_that_is_not_there(served: Served) -> None:
    """The answer tells a key of one workspace nothing about others."""
    ours, foreign = _workspace(served), _workspace(served)
    narrow = _as(served, f"dora-{uuid4().hex[:8]}", "--workspace", ours)
    assert (
        narrow("audit", "--not-workspace", foreign, code=1).err
        == narrow("audit", "--not-workspace", "nosuch", code=1).err
    )
    narrow("audit", "--not-workspace", ours)


def test_what_is_refused_is_what_was_asked(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """A release, a revocation and a look at a purge, not the look-up before them."""
    file = both("put", _file(tmp_path)).text.strip()
    both("hold", "release", file, "00000000", code=1)
    both("link", "revoke", file, "00000000", code=1)
    both("purge", "show", file, code=1)
    refused = both("audit", "--file", file, "--outcome", "denied", "--json").documents
    assert [one["details"]["operation"] for one in refused] == ["file.purge_get", "file.link_revoke", "file.release"]
    unknown = str(uuid4())
    both("purge", "show", unknown, code=1)
    both("hold", "release", unknown, "00000000", code=1)
    asked = ("audit", "--type", "request.refused.v1", "--limit", "20", "--json")
    found = [one for one in served.direct(*asked).documents if unknown in (one["file_id"], one["details"].get("file"))]
    assert {one["details"]["operation"] for one in found} == {"file.purge_get", "file.release"}


def test_the_first_put_leaves_no_refusal(tmp_path: Path) -> None:
    """The default workspace is made before the file is begun, also where many begin at once."""
    fresh = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    fresh("put", *(_file(tmp_path, f"{number}.txt") for number in range(4)))
    assert "no events match" in fresh("audit", "--outcome", "denied").err


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls", "--nosuch", "--json"),
        ("--json", "nosuch"),
        ("show", "--json"),
        ("ls", "--json", "--limit", "many"),
        ("audit", "--json", "--from", "yesterday"),
        ("erase", "file", "--json"),
    ],
)
def test_a_wrong_command_line_is_a_problem_in_json(both: Provenstore, arguments: tuple[str, ...]) -> None:
    """On stderr, as all problems; stdout stays empty, and the exit code is 2 as it is without --json."""
    ran = both(*arguments, code=2)
    problem = json.loads(ran.err)
    assert (ran.out, problem["code"], problem["type"]) == (
        b"",
        "invalid-usage",
        "urn:provenstore:problem:invalid-usage",
    )
    assert problem["detail"]
    plain = both(*(one for one in arguments if one != "--json"), code=2)
    assert problem["detail"] in plain.err


def test_a_path_that_cannot_be_read_does_not_stop_the_others(both: Provenstore, tmp_path: Path) -> None:
    """It has a line of its own, and decides the exit code."""
    good = [_file(tmp_path, f"{number}.txt") for number in range(2)]
    ran = both("put", good[0], tmp_path / "missing.txt", good[1], code=1)
    assert {line.split("\t")[1] for line in ran.text.splitlines()} == {str(one) for one in good}
    assert f"not stored: {tmp_path / 'missing.txt'}: " in ran.err
    assert "1 not stored" in ran.err
    both("put", tmp_path / "missing.txt", code=2)


def test_a_name_that_turns_text_round_is_no_local_name(
    both: Provenstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`get` of one file names it as `get -r` does."""
    file = both("put", _file(tmp_path), "--name", "r\u202efdp.exe\u200e").text.strip()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    both("get", file)
    assert [one.name for one in Path().iterdir()] == ["r_fdp.exe_"]
    both("get", file, "-r", "many")
    assert [one.name for one in Path("many").iterdir()] == ["r_fdp.exe_"]


def test_another_bound_says_which_request_it_replaces(served: Served) -> None:
    """Who had asked for what, in text and in JSON; the one that waits alone replaces nothing."""
    workspace = _workspace(served)
    change = ("workspace", "set", workspace, "--max-retention-years")
    assert "replaces" not in served.server(*change, "30").err
    ran = served.second(*change, "40")
    assert "replaces another one: alice@system asked at " in ran.err
    assert "for 30 years" in ran.err
    replaced = served.server(*change, "50", "--json").json["pending_retention"]["replaced"]
    assert (replaced["requested_by"], replaced["max_retention_years"]) == ("bea", 40)


def test_another_retention_says_which_request_it_replaces(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """Likewise of one file."""
    file = served.direct("put", _file(tmp_path)).text.strip()
    change = ("retention", "set", file, "--reason", "law", "--until")
    both(*change, "2031-01-01")
    assert "replaces" not in served.second(*change, "2030-01-01").err
    ran = both(*change, "2029-01-01")
    assert "it replaces a request: bea@system asked at " in ran.err
    assert "for governance until 2030-01-01 00:00:00Z" in ran.err
    assert served.server("show", file, "--json").json["retention"]["pending"]["replaced"] is None


def test_a_file_is_shown_as_text(both: Provenstore, tmp_path: Path) -> None:
    """Nothing of it is JSON: retention, business objects, metadata."""
    more = ("--related", "case:7", "--metadata", "k=v", "--subject", "s-1")
    file = both("put", _file(tmp_path), *more).text.strip()
    both("retention", "set", file, "--until", "2031-01-01", "--reason", "law")
    shown = dict(line.split(maxsplit=1) for line in both("show", file).text.splitlines())
    assert shown["retention"].startswith("governance until 2031-01-01 00:00:00Z, set by ")
    assert shown["retention"].endswith(" (law)")
    assert (shown["related"], shown["metadata"], shown["subjects"]) == ("type=case id=7", "k=v", "s-1")
    assert not [line for line in shown.values() if "{" in line or "[" in line]


def test_counts_agree_with_their_nouns_and_ids_are_given(both: Provenstore, tmp_path: Path) -> None:
    """One value; and the command that comes next can be pasted."""
    file = both("put", _file(tmp_path), "--subject", (subject := f"s-{uuid4()}")).text.strip()
    ran = both("erase", file, "--field", "subjects", "--reason", "asked")
    erasure = ran.text.strip()
    assert f"asked for 1 value; another person approves it: provenstore erase approve {erasure}" in ran.err
    assert "requested: 1 value was found" in both("erase", "show", erasure).err
    assert "1 value, of 1 file" in both("erase", "preview", "--subject", subject).err


def test_a_sentence_names_the_option(both: Provenstore, tmp_path: Path) -> None:
    """The field of the API stays in the problem of --json."""
    file = both("put", _file(tmp_path)).text.strip()
    wrong = ("retention", "set", file, "--until", "2001-01-01", "--reason", "law")
    assert both(*wrong, code=1).err == "provenstore: --until: lies in the past\n"
    assert json.loads(both(*wrong, "--json", code=1).err)["detail"] == "until: lies in the past"
    named = both("ls", "--name", "a\x00b", code=1).err
    assert named.startswith("provenstore: --name: ")
    shortens = both("audit", "--related", "a:b", "--before", "2020-01-01", "--from", "2021-01-01", code=1).err
    assert shortens.startswith("provenstore: --before: ")


def test_json_says_what_was_not_verified(tmp_path: Path) -> None:
    """`ok` is about what was checked; `complete` says whether that was everything."""
    fresh = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    fresh("put", _file(tmp_path))
    found = fresh("verify", "--json").json
    assert found["unchecked"]
    assert (found["ok"], found["complete"]) == (True, False)
