"""Every block of the README and the tutorial runs, in order, as a newcomer would paste it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from warm_provenstore import warm

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh(?P<serve> serve)?\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """Return the blocks of a page that a reader pastes, without the one that serves."""
    return [found["text"] for found in _BLOCK.finditer((ROOT / page).read_text()) if not found["serve"]]


@pytest.fixture
def port() -> int:
    """A free port, in the place of 8080."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture(scope="module")
def provenstore() -> Iterator[Path]:
    """The command line, its modules loaded."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, warm(Path(folder)) as program:
        yield program


@pytest.fixture
def environment(tmp_path: Path, port: int) -> dict[str, str]:
    """A newcomer's environment: nothing of Provenstore is set but where this test may write and listen."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVENSTORE_")}
    return {**kept, "PROVENSTORE_DATA_DIR": str(tmp_path / "data"), "PROVENSTORE_PORT": str(port)}


@pytest.fixture
def server(environment: dict[str, str], port: int) -> Iterator[None]:
    """`make run`, as the README says, until it is ready."""
    process = subprocess.Popen(
        ["make", "run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                break
            time.sleep(0.05)
        else:
            raise TimeoutError("the server did not become ready")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("README.md", ["refused", "no violation found"]),
        ("docs/tutorial/first-file.md", ["refused", "no violation found"]),
        ("docs/how-to/upload.md", ["verified"]),
        ("docs/how-to/links.md", ["the quarterly report", "refused"]),
        ("docs/how-to/second-person.md", ["a second person must agree", "yes, until", "no violation found"]),
        ("docs/how-to/disposal.md", ["misc/1", "refused"]),
        ("docs/how-to/erasure.md", ["completed", "no violation found"]),
        ("docs/how-to/prove.md", ["the history of file", "no violation found"]),
    ],
)
def test_every_block_runs(
    page: str, said: list[str], tmp_path: Path, environment: dict[str, str], provenstore: Path
) -> None:
    """In one shell, stopping at the first command that fails. The README's commands are started as a newcomer does."""
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "LICENSE").symlink_to(ROOT / "LICENSE")
    if page == "README.md":
        (folder / ".venv").symlink_to(ROOT / ".venv")
    else:
        _with_another_program(folder / ".venv", provenstore)
    script = "\n".join(blocks(page)).replace("127.0.0.1:8080", f"127.0.0.1:{environment['PROVENSTORE_PORT']}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one for one in said if one not in done.stdout + done.stderr] == []


def _with_another_program(folder: Path, program: Path) -> None:
    """Make an environment that is ours but for one program."""
    (folder / "bin").mkdir(parents=True)
    for one in (*(ROOT / ".venv").iterdir(), *(ROOT / ".venv" / "bin").iterdir()):
        place = folder / one.relative_to(ROOT / ".venv")
        if not place.exists():
            place.symlink_to(program if one.name == program.name and place.parent.name == "bin" else one)


def test_the_readme_is_short() -> None:
    """A newcomer reads it in a minute."""
    assert len((ROOT / "README.md").read_text().split()) <= 600


def test_links_lead_somewhere() -> None:
    """Every relative link of every page."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
