"""The table of rules says everything that the code says, and nothing that cannot be pointed to."""

import re
import tomllib
from pathlib import Path

from provenstore.domain.files.decided import KEPT

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/reference/rules.md").read_text()
ROWS: list[tuple[str, str, str]] = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", TABLE, re.M)
LISTED = {code for code, _, _ in ROWS}
DECISIONS = dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| `([a-z0-9-]+)` \|$", TABLE, re.M))
PATCHES = tomllib.loads((ROOT / "tests/mutations/rules.toml").read_text())["rule"]


def test_every_code_in_the_domain_has_a_row() -> None:
    """What errors and events carry can be looked up."""
    source = "\n".join(path.read_text() for path in (ROOT / "domain").rglob("*.py"))
    carried = set(re.findall(r'(?:rule|decision)=f?"([^"]+)"', source)) - {"{rule}/1"}
    cancelled = {"hold-cancels-purge", "restore-cancels-purge"}
    codes = {code.partition("/")[0] for code in carried} - {"{by}-cancels-purge"} | cancelled
    assert len(codes) > 15
    assert codes - LISTED - DECISIONS.keys() == set()


def test_every_decision_of_a_success_names_the_rule_that_was_kept() -> None:
    """The table is the one by which older events are read."""
    assert dict(KEPT) == DECISIONS
    assert set(DECISIONS.values()) <= LISTED


def test_every_rule_has_a_row_and_a_patch() -> None:
    """Each row can be switched off, and each patch says which row it switches off."""
    patched = {patch["rule"].partition(" (")[0] for patch in PATCHES}
    assert patched == LISTED
    assert len(ROWS) == len(LISTED)


def test_every_place_exists() -> None:
    """Each file that a row or a patch names is there."""
    named = {place for _, code, test in ROWS for place in re.findall(r"`([^`]+)`", f"{code} {test}")}
    named |= {place for patch in PATCHES for place in (patch["file"], patch["test"].partition("::")[0])}
    assert len(named) > 10
    assert {place for place in named if not (ROOT / place).is_file()} == set()


def test_the_row_names_the_tests_of_its_patches() -> None:
    """What the table calls the test of a rule is what turns red without it."""
    for patch in PATCHES:
        code = patch["rule"].partition(" (")[0]
        (test,) = {test for row, _, test in ROWS if row == code}
        assert patch["test"].partition("::")[0] in test, patch["rule"]


def test_every_patch_finds_its_line() -> None:
    """Code that moves takes its patch along: found here in a second, not only when all rules are switched off."""
    found = {patch["rule"]: (ROOT / patch["file"]).read_text().count(patch["find"]) for patch in PATCHES}
    assert {rule: times for rule, times in found.items() if times != 1} == {}
