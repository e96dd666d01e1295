"""Exit codes and streams of real processes, which scripts branch on."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg

from guards import GUARDS_ON
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import SUPERUSER
from provenstore.adapters.embedded.server import EmbeddedPostgres

from .conftest import ON_A_TERMINAL, PROVENSTORE, READY, Provenstore, Served

TAMPER = f"""
alter table provenstore.event disable trigger all;
update provenstore.event set state = overlay(state placing '\\x58'::bytea from 40) where position = 3;
{GUARDS_ON}""".encode()


def test_what_was_altered_is_exit_code_7(tmp_path: Path) -> None:
    """Verify names the first bad event, get leaves no file; what is sound is exit code 0."""
    provenstore = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    (tmp_path / "report.pdf").write_bytes(b"a report")
    with EmbeddedPostgres(DataDirectory(tmp_path / "data")) as running:
        put = provenstore.process("put", tmp_path / "report.pdf")
        assert (put.code, put.err.count("\x1b")) == (0, 0)
        assert provenstore("verify", "--json").json["findings"] == []
        (stored,) = (path for path in (tmp_path / "data" / "objects").rglob("*.pdf") if path.is_file())
        stored.chmod(0o600)
        stored.write_bytes(b"A report")
        got = provenstore.process("get", put.text.strip(), "-o", tmp_path / "out")
        assert (got.code, got.out, (tmp_path / "out").exists()) == (7, b"", False)
        with psycopg.connect(running.conninfo(SUPERUSER), autocommit=True) as connection:
            connection.execute(TAMPER)
            found = connection.execute("select id, stream from provenstore.event where position = 3").fetchone()
        assert found is not None
        said = provenstore.process("verify")
        assert said.code == 7
        assert f"first at position 3, stream {found[1]}, event {found[0]}" in said.err
        report = provenstore("verify", "--json", code=7).json
        assert (report["ok"], report["findings"][0]["position"]) == (False, 3)


def test_refused_is_exit_code_1(served: Served) -> None:
    """stdout is empty and stderr has one sentence."""
    ran = served.server.process("show", "0199f4a6-0000-7000-8000-000000000000")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "provenstore: there is no such file\n"


def test_an_unreachable_server_is_exit_code_3() -> None:
    """After a few attempts, since nothing was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ran = Provenstore({}).process("ls", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}", "--json")
    assert (ran.code, ran.out) == (3, b"")
    assert json.loads(ran.err)["code"] == "not-reached"


def test_a_foreign_data_directory_is_exit_code_3(tmp_path: Path) -> None:
    """What was made by another version, or by something else, is left alone."""
    (tmp_path / "VERSION").write_text("99\n")
    ran = Provenstore({}).process("ls", "--data-dir", tmp_path)
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, b"", 1)


def test_a_port_in_use_is_exit_code_3(tmp_path: Path) -> None:
    """Said before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = Provenstore({}).process("serve", "--port", str(port), "--data-dir", tmp_path / "data")
    assert (ran.code, ran.out) == (3, b"")
    assert ran.err == f"provenstore: port {port} on 127.0.0.1 is in use; choose another with --port\n"
    assert not (tmp_path / "data").exists()


def _piped(command: list[str], provenstore: Provenstore) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    whole = [*ON_A_TERMINAL, *command]
    return subprocess.Popen(whole, env=provenstore.whole_env, stdin=pipe, stdout=pipe, stderr=pipe)


def test_a_reader_that_leaves_is_no_error(served: Served, tmp_path: Path) -> None:
    """As in `provenstore get … | head -c 1`: quiet, with the shell's own exit code."""
    (tmp_path / "large.pdf").write_bytes(b"x" * (1 << 20))
    file = served.server("put", tmp_path / "large.pdf").text.strip()
    command = [PROVENSTORE, "get", file, "-o", "-"]
    with _piped(command, served.server) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=30)) == (b"", 141)


@contextmanager
def _serving(data_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [PROVENSTORE, "serve", "--port", "0", "--data-dir", str(data_dir), *options]
    with subprocess.Popen(command, env=Provenstore({}).whole_env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = READY.match(process.stderr.readline())
            assert found
            yield process, found[1]
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_several_workers_serve_one_directory_until_they_are_asked_to_stop(served: Served) -> None:
    """Beside another server; they answer for the same ledger, end with exit code 0, and leave no process."""
    with _serving(served.data_dir, "--workers", "2") as (process, url):
        elsewhere = Provenstore({**served.server.env, "PROVENSTORE_URL": url})
        assert "default" in elsewhere("workspace", "list", "--limit", "1000").text
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in said
        assert not psutil.wait_procs(children, timeout=10)[1]


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """Killed in a way that it cannot see, the parent leaves no process behind, and the restart finds its port free."""
    with _serving(tmp_path / "data", "--workers", "2") as (process, url):
        port = urlsplit(url).port
        httpx.get(f"{url}/healthz", timeout=60)
        left = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or [])]
        left += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(timeout=10)
        began = time.monotonic()
        assert not psutil.wait_procs([one for one in left if one.pid != process.pid], timeout=60)[1]
        took = time.monotonic() - began
    assert took < 20  # two seconds on a machine that has nothing else to do
    with _serving(tmp_path / "data", "--port", str(port)) as (_, again):
        assert httpx.get(f"{again}/healthz", timeout=30).status_code == 200


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """The others serve meanwhile; it is not the parent's end."""
    with _serving(tmp_path / "data", "--workers", "2") as (process, url):
        httpx.get(f"{url}/healthz", timeout=60)
        before = _workers(process)
        assert len(before) == 2
        before[0].kill()
        deadline = time.monotonic() + 60
        while len({one.pid for one in _workers(process)} - {one.pid for one in before}) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        assert process.poll() is None


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the live worker processes below a server."""
    found = []
    for one in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, too
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def test_a_server_stops_its_database_with_itself(tmp_path: Path) -> None:
    """The last one to leave turns off the light; what it served is there the next time."""
    with _serving(tmp_path / "data") as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_interrupting_a_command_is_quiet(served: Served) -> None:
    """Ctrl-C while stdin is awaited: no traceback, the shell's own exit code, and the upload is given up."""
    command = [PROVENSTORE, "put", "-", "--name", "never.txt"]
    before = {one["id"] for one in served.direct("ls", "--limit", "1000", "--json").documents}
    with _piped(command, served.direct) as process:
        begun: set[str] = set()
        while not begun and process.poll() is None:
            listed = served.direct("ls", "--name", "never", "--json").documents
            begun = {one["id"] for one in listed} - before
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert served.direct("show", begun.pop(), "--json").json["status"] == "aborted"


def test_db_migrate_can_be_repeated(served: Served) -> None:
    """The second time there is nothing left to do."""
    assert served.direct.process("db", "migrate", "--json").json == {"migrations": 0}


def test_a_key_is_in_no_output(served: Served) -> None:
    """Neither in an error nor in what a process shows of itself."""
    key = served.server.env["PROVENSTORE_KEY"]
    wrong = key[:-2] + ("AA" if key[-2:] != "AA" else "BB")
    ran = Provenstore({**served.server.env, "PROVENSTORE_KEY": wrong}).process("ls")
    assert (ran.code, ran.out) == (1, b"")
    assert not re.search(r"pvs_[0-9a-f]", ran.err)
    assert os.environ.get("PROVENSTORE_KEY") is None


def test_a_key_alone_finds_the_server_of_the_data_directory(served: Served, tmp_path: Path) -> None:
    """Who shows a key is asked for by it, never as the system user; links lead to where the server really is."""
    key = served.server.env["PROVENSTORE_KEY"]
    alice = Provenstore({"PROVENSTORE_KEY": key, "PROVENSTORE_DATA_DIR": str(served.data_dir)})
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7 a report")
    file = alice("put", tmp_path / "report.pdf").text.strip()
    assert alice("history", file, "--json").documents[0]["event"]["actor"]["id"] == "alice"
    assert served.direct("link", file).text.startswith(f"{served.url}/")
    alone = Provenstore({"PROVENSTORE_KEY": key, "PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    assert "no server runs" in alone("ls", code=3).err
    assert not (tmp_path / "data").exists()
    own = Provenstore({"PROVENSTORE_KEY": key})
    assert own("history", file, "--data-dir", served.data_dir, "--json").documents


def test_options_of_every_command_may_come_first(served: Served) -> None:
    """Before the command's name or after it; the place that is named after it counts."""
    bare = Provenstore({"PROVENSTORE_KEY": served.server.env["PROVENSTORE_KEY"]})
    assert bare("--url", served.url, "--json", "ls").documents is not None
    assert bare("--url", "http://127.0.0.1:1", "ls", "--url", served.url, "--json").documents is not None
    assert bare("--data-dir", served.data_dir, "ls", "--url", served.url, "--json").documents is not None
    assert "does not apply" in bare("--url", served.url, "db", "migrate", code=2).err
    assert "exclude each other" in bare("--url", served.url, "--data-dir", served.data_dir, "ls", code=2).err


def test_output_in_a_locale_without_the_characters(served: Served, tmp_path: Path) -> None:
    """What the stream cannot say is shown escaped, and a name on disk is the UTF-8 that it is."""
    name = "Prüfung-\u05e9.pdf"
    (tmp_path / name).write_bytes(b"%PDF-1.7 odd")
    latin = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    odd = Provenstore({**served.server.env, **latin})
    command: list[str | bytes] = [PROVENSTORE, "put", os.fsencode(tmp_path / name), "--again"]
    ran = subprocess.run(command, env=odd.whole_env, capture_output=True, check=False, timeout=60)
    assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False), ran.stderr
    shown = odd.process("show", ran.stdout.decode().strip())
    assert (shown.code, "Traceback" in shown.err, rb"Pr\xfcfung" in shown.out) == (0, False, True), shown
    assert served.server("show", ran.stdout.decode().strip(), "--json").json["filename"] == name


def test_a_device_or_a_pipe_is_written_to_and_stays(served: Served, tmp_path: Path) -> None:
    """With --force and without; what it was it still is."""
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7 piped")
    file = served.direct("put", tmp_path / "report.pdf").text.strip()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for force in ([], ["--force"]):
        with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
            assert served.direct.process("get", file, "-o", pipe, *force).code == 0
            assert reader.communicate()[0] == b"%PDF-1.7 piped"
        assert pipe.is_fifo()
        assert served.direct.process("get", file, "-o", "/dev/null", *force).code == 0
        assert Path("/dev/null").is_char_device()
    (tmp_path / "into").mkdir()
    os.mkfifo(tmp_path / "into" / "report.pdf")
    served.direct("get", file, "--into", tmp_path / "into", "--force")
    assert (tmp_path / "into" / "report.pdf").is_fifo()
    assert len(list((tmp_path / "into").iterdir())) == 2
