"""What the database itself refuses, whoever asks."""

import subprocess
from importlib.resources import files
from threading import Thread

import psycopg
import pytest
from psycopg import errors as pg

from provenstore.adapters.postgres import migrations
from provenstore.adapters.postgres.database import check_server
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import Migration, available, migrate
from provenstore.domain.errors import Misconfigured
from provenstore.domain.eventlog.event_log import Erasure
from provenstore.domain.eventlog.quota import QuotaChange
from store_commands import command, happened
from store_database import PROGRAMS, WRITER, ScratchDatabase

OWNER, RUNNER, READER = "provenstore_owner", "provenstore_runner", "provenstore_reader"
TABLES = ["event", "private_value", "quota", "idempotency", "head", "migration"]


@pytest.fixture
def filled(log: PostgresEventLog, database: ScratchDatabase) -> ScratchDatabase:
    """Two workspaces with an event, a private value and a counter each."""
    for workspace in ("acme", "other"):
        draft = happened(f"file:{workspace}", workspace=workspace, private={"reason": "because"})
        log.append(command(draft, quota=[QuotaChange(workspace, bytes=1)]))
    return database


@pytest.mark.parametrize("role", [OWNER, "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "update provenstore.event set type = type",
        "delete from provenstore.event",
        "truncate provenstore.event",
        "delete from provenstore.private_value",
        "truncate provenstore.private_value",
        "update provenstore.private_value set value = 'x', salt = salt",
        "update provenstore.private_value set erased_by = event_id, salt = null, value = null, field = 'other'",
    ],
)
def test_the_log_is_append_only(filled: ScratchDatabase, role: str, statement: str) -> None:
    """Not even owner and superuser change it without switching the triggers off."""
    with filled.connect(role) as connection, pytest.raises(pg.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_value_is_erased_once(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """What erased a value stays on record; a second erasure is nothing."""
    value = happened("file:1", private={"reason": "because"})
    log.append(command(value))
    first, second = happened("file:1"), happened("file:1")
    for draft in (first, second):
        log.append(command(draft, erase=[Erasure(value.id, "reason")]))
    found = log.disclosures([value.id])[value.id]["reason"]
    assert (found.erased_by, found.salt, found.value) == (first.id, None, None)
    with database.connect(OWNER) as connection, pytest.raises(pg.InsufficientPrivilege):
        connection.execute("update provenstore.private_value set erased_by = event_id")


@pytest.mark.parametrize("role", [WRITER, RUNNER, READER])
@pytest.mark.parametrize("table", TABLES)
def test_nobody_writes_past_append(filled: ScratchDatabase, role: str, table: str) -> None:
    """The three working roles have no right to write, in any table."""
    with filled.connect(role) as connection:
        for right in ("insert", "update", "delete", "truncate"):
            row = connection.execute(
                "select has_any_column_privilege(%(t)s, %(r)s) where %(r)s in ('insert', 'update') "
                "union all select has_table_privilege(%(t)s, %(r)s)",
                {"t": f"provenstore.{table}", "r": right},
            ).fetchall()
            assert {held for (held,) in row} == {False}


@pytest.mark.parametrize(("role", "may"), [(WRITER, True), (RUNNER, False), (READER, False)])
def test_only_the_writer_appends(database: ScratchDatabase, role: str, may: bool) -> None:
    """EXECUTE on append() is the writer's alone."""
    query = "select has_function_privilege(%s, oid, 'execute') from pg_proc where proname = 'append'"
    with database.connect() as connection:
        assert connection.execute(query, (role,)).fetchall() == [(may,)]


def test_the_reader_sees_one_workspace(filled: ScratchDatabase) -> None:
    """Rows of other workspaces do not exist for it, nor any while it has named none."""
    with filled.connect(READER) as connection:
        for table in ("event", "private_value", "quota"):
            query = f"select workspace from provenstore.{table}".encode()
            connection.execute("reset provenstore.workspace")
            assert connection.execute(query).fetchall() == []
            connection.execute("set provenstore.workspace = 'other'")
            assert connection.execute(query).fetchall() == [("other",)]


def test_the_runner_reads_all_and_makes_read_models(filled: ScratchDatabase) -> None:
    """It sees every workspace, and its schema is its own to fill."""
    with filled.connect(RUNNER) as connection:
        assert connection.execute("select count(*) from provenstore.event").fetchone() == (2,)
        connection.execute("create table provenstore_read.file_index (id uuid)")


def test_a_safe_server_passes(database: ScratchDatabase) -> None:
    """The writer on a durable, migrated database may start."""
    with database.connect(WRITER) as connection:
        check_server(connection)
        migrations.check(connection)


@pytest.mark.parametrize("role", [OWNER, "postgres", "member"])
def test_owner_and_superuser_do_not_start(database: ScratchDatabase, role: str) -> None:
    """Who could change the log, also by membership, may not serve it."""
    if role == "member":
        role = f"member_{database.name[-8:]}"
        database.server.run(f"create role {role} login in role {OWNER}")
    with database.connect(role) as connection, pytest.raises(Misconfigured, match=r"superuser|owner"):
        check_server(connection)
    if role.startswith("member"):
        database.server.run(f"drop role {role}")


@pytest.mark.parametrize("setting", ["synchronous_commit = off", "default_transaction_isolation = 'repeatable read'"])
def test_unsafe_settings_do_not_start(database: ScratchDatabase, setting: str) -> None:
    """A session that could lose acknowledged events is refused."""
    with database.connect(WRITER) as connection:
        connection.execute(f"set {setting}".encode())
        with pytest.raises(Misconfigured, match=setting.split(" ", maxsplit=1)[0]):
            check_server(connection)


def test_schema_file_equals_the_migrations(database: ScratchDatabase, empty_database: ScratchDatabase) -> None:
    """schema.sql says what the migrations do."""
    with empty_database.connect(OWNER) as connection:
        connection.execute((files("provenstore.adapters.postgres") / "sql" / "schema.sql").read_bytes())
    assert dump(empty_database) == dump(database)


def dump(database: ScratchDatabase) -> str:
    """Return the whole catalogue as pg_dump says it."""
    program = [str(PROGRAMS / "pg_dump"), "--schema-only", "--restrict-key=test", "-d", database.conninfo("postgres")]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout


def test_two_processes_migrate_at_once(empty_database: ScratchDatabase) -> None:
    """Each migration is applied by one of them, and the other finds nothing to do."""
    applied: list[int] = []

    def work() -> None:
        applied.extend(step.number for step in migrate(empty_database.conninfo(OWNER)))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == [step.number for step in available()]


def test_a_failed_migration_leaves_nothing(empty_database: ScratchDatabase) -> None:
    """It is undone as a whole, and those before it stay."""
    broken = Migration(len(available()) + 1, "broken", "create table provenstore.x (); select no_such_function()")
    with pytest.raises(Misconfigured):
        migrate(empty_database.conninfo(OWNER), [*available(), broken])
    assert not migrate(empty_database.conninfo(OWNER))
    with empty_database.connect() as connection:
        migrations.check(connection)
        assert connection.execute("select to_regclass('provenstore.x')").fetchone() == (None,)


def test_altered_and_newer_databases_are_refused(database: ScratchDatabase) -> None:
    """A release neither runs on a newer database nor on one whose past differs from its own."""
    first, *rest = available()
    for other in ([Migration(1, first.name, "select 1"), *rest], [first]):
        with pytest.raises(Misconfigured):
            migrate(database.conninfo(OWNER), other)


def test_superusers_do_not_migrate(empty_database: ScratchDatabase) -> None:
    """append() would run with the rights of a superuser."""
    with pytest.raises(Misconfigured):
        migrate(empty_database.conninfo("postgres"))


def test_errors_quote_no_private_value(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """The database's message about a row that it refuses does not show what is in it."""
    with database.connect(OWNER) as connection, pytest.raises(psycopg.errors.CheckViolation) as caught:
        connection.execute(
            "insert into provenstore.private_value values (gen_random_uuid(), 'f', 'acme', 'short', 'hush')"
        )
    assert "hush" not in str(caught.value)
