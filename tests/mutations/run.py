"""Switch each rule off, one at a time, and see its test turn red: proof that the rules' tests can fail.

`rules.toml` holds one small patch per rule: the file, the text to find (exactly once), what stands there instead, and
the test that must notice. Patches are applied to a copy of the sources; the working tree is never touched.

    python tests/mutations/run.py [RULE …]
"""

import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "projections", "adapters", "api")
AT_ONCE = 2
SHARED_SERVER = "TEST_SHARED_SERVER"  # as in tests/conftest.py

# Loading what is not patched takes longer than most of these tests; processes begin with it. Plugins that nothing here
# needs are not even looked for, and tests run in the order of their files.
LOADED = (
    *("pytest", "pytest_timeout", "_pytest.junitxml", "pdb", "hypothesis", "psutil", "structlog", "stamina"),
    *("eventsourcing.persistence", "psycopg_pool", "pydantic_settings", "fastapi", "uvicorn", "httpx", "typer.testing"),
)
OPTIONS = ("-q", "-x", "-Wignore::pytest.PytestAssertRewriteWarning", "-pno:cacheprovider", "-ppytest_timeout")


@dataclass(frozen=True)
class Mutation:
    """One rule, and how to switch it off."""

    rule: str
    file: str
    find: str
    replace: str
    test: str


def load() -> list[Mutation]:
    """Return the mutations of rules.toml."""
    table = tomllib.loads((Path(__file__).parent / "rules.toml").read_text())
    return [Mutation(**entry) for entry in table["rule"]]


def run_tests(copy: Path, *tests: str) -> int:
    """Run the tests against the sources in `copy`, in a process that does nothing else; return pytest's exit code."""
    os.chdir(copy)
    links = str(copy / "links")
    os.environ["PYTHONPATH"] = links  # for processes that a test starts
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.path.insert(0, links)
    with Path(os.devnull).open("w") as nowhere:
        for descriptor in (1, 2):
            os.dup2(nowhere.fileno(), descriptor)
    return int(pytest.main([*OPTIONS, *tests]))


def copy_sources(to: Path) -> Path:
    """Copy what the tests need to a fresh folder."""
    for name in (*FLOORS, "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    (links := to / "links" / "provenstore").mkdir(parents=True)
    for floor in FLOORS:
        (links / floor).symlink_to(Path("../..") / floor)
    return to


def survives(sound: Path, mutation: Mutation) -> str | None:
    """Return what is wrong if the test stays green without the rule, else None; `sound` is copied, bytecode and all."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(shutil.copytree(sound, Path(folder) / "sources", symlinks=True, copy_function=os.link))
        target = copy / mutation.file
        text = target.read_text()
        if text.count(mutation.find) != 1:
            return f"the text to patch stands {text.count(mutation.find)} times in {mutation.file}"
        target.unlink()  # it is the sound one's
        target.write_text(text.replace(mutation.find, mutation.replace))
        code = run_tests(copy, mutation.test)
        return None if code == 1 else f"pytest ended with {code} instead of a failing test"


@contextmanager
def servers(folder: Path) -> Iterator[None]:
    """Keep the servers that tests start, for all of them; processes started meanwhile find them by the environment."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import store_servers
    from provenstore.adapters.embedded.data_directory import DataDirectory
    from provenstore.adapters.embedded.server import EmbeddedPostgres

    shared = folder / "server"
    with ExitStack() as stack, EmbeddedPostgres(DataDirectory(shared), durable=False):
        store_servers.start([], stack)
        os.environ[SHARED_SERVER] = str(shared)
        yield


def main(wanted: list[str]) -> int:
    """Run all mutations, or those of the wanted rules; 1 if any survives."""
    mutations = [one for one in load() if not wanted or one.rule in wanted]
    processes = get_context("forkserver")
    processes.set_forkserver_preload(list(LOADED))
    with (
        tempfile.TemporaryDirectory(prefix="mutation-") as folder,
        servers(Path(folder)),
        ProcessPoolExecutor(AT_ONCE, processes, max_tasks_per_child=1) as pool,
    ):
        sound = copy_sources(Path(folder) / "sound")
        tests = sorted({one.test for one in mutations})
        halves = [pool.submit(run_tests, sound, *half) for half in (tests[::2], tests[1::2]) if half]
        if any(half.result() != 0 for half in halves):
            print("the tests are red without any patch; nothing can be concluded")  # noqa: T201
            return 1
        failed = 0
        for mutation, problem in zip(mutations, pool.map(partial(survives, sound), mutations), strict=True):
            print(f"{'red  ' if problem is None else 'GREEN'} {mutation.rule}{': ' + problem if problem else ''}")  # noqa: T201
            failed += problem is not None
    print(f"{len(mutations) - failed} passed, {failed} failed")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
