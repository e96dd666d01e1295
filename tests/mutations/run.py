"""Switch each rule off, one at a time, and see the suite turn red: proof that the rules' tests can fail.

`rules.toml` holds one small patch per rule: the file, the text to find (exactly once), what stands there instead, and
the tests that must notice. Patches are applied to a copy of the sources; the working tree is never touched.

    python tests/mutations/run.py [RULE …]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "projections", "adapters", "api")
TIMEOUT = 300  # seconds for the tests of one rule


@dataclass(frozen=True)
class Mutation:
    """One rule, and how to switch it off."""

    rule: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


def load() -> list[Mutation]:
    """Return the mutations of rules.toml."""
    table = tomllib.loads((Path(__file__).parent / "rules.toml").read_text())
    return [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in table["rule"]]


def run_tests(copy: Path, tests: tuple[str, ...]) -> int:
    """Run the tests against the sources in `copy`; return pytest's exit code."""
    links = copy / "links" / "provenstore"
    links.mkdir(parents=True, exist_ok=True)
    for floor in FLOORS:
        if not (links / floor).exists():
            (links / floor).symlink_to(copy / floor)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    environment = {**os.environ, "PYTHONPATH": str(links.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # our own command line
        command, cwd=copy, env=environment, capture_output=True, timeout=TIMEOUT, check=False
    ).returncode


def copy_sources(to: Path) -> Path:
    """Copy what the tests need to a fresh folder."""
    for name in (*FLOORS, "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def survives(mutation: Mutation) -> str | None:
    """Return what is wrong if the suite stays green without the rule, else None."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = copy_sources(Path(folder))
        target = copy / mutation.file
        text = target.read_text()
        if text.count(mutation.find) != 1:
            return f"the text to patch stands {text.count(mutation.find)} times in {mutation.file}"
        target.write_text(text.replace(mutation.find, mutation.replace))
        code = run_tests(copy, mutation.tests)
        return None if code == 1 else f"pytest ended with {code} instead of a failing test"


def main(wanted: list[str]) -> int:
    """Run all mutations, or those of the wanted rules; 1 if any survives."""
    mutations = [one for one in load() if not wanted or one.rule in wanted]
    tests = tuple(sorted({test for one in mutations for test in one.tests}))
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        if run_tests(copy_sources(Path(folder)), tests) != 0:
            print("the tests are red without any patch; nothing can be concluded")  # noqa: T201
            return 1
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for mutation, problem in zip(mutations, pool.map(survives, mutations), strict=True):
            print(f"{'red  ' if problem is None else 'GREEN'} {mutation.rule}{': ' + problem if problem else ''}")  # noqa: T201
            failed += problem is not None
    print(f"{len(mutations) - failed} passed, {failed} failed")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
