"""What the log's owner changed in functions, triggers, grants and policies is named before anything is recorded."""

import json
import re
from importlib.resources import files

import pytest

from provenstore.adapters.postgres import fingerprint, migrations
from provenstore.adapters.postgres.database import Database
from provenstore.domain.errors import Misconfigured
from store_database import WRITER, ScratchDatabase

OWNER = "provenstore_owner"

SWALLOW = "create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;"

ALTERED = {
    "a trigger that swallows": (
        f"{SWALLOW} create trigger swallow before insert on provenstore.event "
        "for each row execute function public.swallow()",
        "the trigger swallow on event is not of ours",
    ),
    "a trigger switched off": (
        "alter table provenstore.event disable trigger append_only",
        "the trigger append_only on event was altered",
    ),
    "a trigger that a session may switch off": (
        "alter table provenstore.event enable trigger append_only",
        "the trigger append_only on event was altered",
    ),
    "a trigger dropped": (
        "drop trigger no_truncate on provenstore.event",
        "the trigger no_truncate on event is missing",
    ),
    "a function": (
        "create or replace function provenstore.refuse_change() returns trigger language plpgsql "
        "set search_path = pg_catalog, pg_temp as $$ begin return old; end $$",
        "the function refuse_change was altered",
    ),
    "a function's settings": (
        "alter function provenstore.refuse_change() set search_path = public",
        "the function refuse_change was altered",
    ),
    "a function more": (
        "create function provenstore.more() returns int language sql as 'select 1'",
        "the function more is not of ours",
    ),
    "a grant": ("grant delete on provenstore.event to provenstore_writer", "the table event was altered"),
    "a grant of a column": (
        "grant update (state) on provenstore.event to provenstore_runner",
        "the table event was altered",
    ),
    "a grant to everybody": (
        "grant execute on function provenstore.append to public",
        "the function append was altered",
    ),
    "a policy": (
        "alter policy own_workspace on provenstore.event using (true)",
        "the policy own_workspace on event was altered",
    ),
    "row-level security off": (
        "alter table provenstore.quota no force row level security",
        "the table quota was altered",
    ),
    "a rule": (
        "create rule nothing as on insert to provenstore.idempotency do instead nothing",
        "the table idempotency was altered",
    ),
    "a constraint": ("alter table provenstore.quota drop constraint quota_bytes_check", "the table quota was altered"),
    "a check that says something else": (
        "alter table provenstore.quota drop constraint quota_bytes_check, "
        "add constraint quota_bytes_check check (bytes >= -1)",
        "the table quota was altered",
    ),
    "a key of other columns": (
        "alter table provenstore.event drop constraint event_stream_version_key, "
        "add constraint event_stream_version_key unique (stream, position)",
        "the table event was altered",
    ),
    "a key that waits": (
        "alter table provenstore.event drop constraint event_stream_version_key, "
        "add constraint event_stream_version_key unique (stream, version) deferrable initially deferred",
        "the table event was altered",
    ),
    "a foreign key": (
        "alter table provenstore.idempotency add constraint of_an_event foreign key (first_position) "
        "references provenstore.event",
        "the table idempotency was altered",
    ),
    "a default": (
        "alter table provenstore.checkpoint alter column time set default '2001-01-01'",
        "the table checkpoint was altered",
    ),
    "a column that is computed": (
        "alter table provenstore.quota drop column max_files, "
        "add column max_files bigint generated always as (7) stored",
        "the table quota was altered",
    ),
    "an index that allows one of each": (
        "create unique index on provenstore.private_value (workspace)",
        "the table private_value was altered",
    ),
    "an index that runs code": (
        "create index on provenstore.event (lower(stream))",
        "the table event was altered",
    ),
    "an index of ours dropped": (
        "drop index provenstore.private_value_erased_by_idx",
        "the table private_value was altered",
    ),
    "an operator": (
        "create operator provenstore.=== (leftarg = bytea, rightarg = bytea, function = byteaeq)",
        "the operator provenstore.===(bytea,bytea) is not of ours",
    ),
    "a type": ("create domain provenstore.other as text", "the type other is not of ours"),
    "a table more": ("create table provenstore.beside (x int)", "the table beside is not of ours"),
}


def test_the_file_is_of_a_freshly_migrated_database(database: ScratchDatabase) -> None:
    """`make fingerprint` writes it anew after a migration."""
    text = (files("provenstore.adapters.postgres") / "sql" / fingerprint.FILE).read_text("utf-8")
    with database.connect(OWNER) as connection:
        found = {"migration": migrations.available()[-1].number, "objects": dict(fingerprint.objects(connection))}
    assert json.loads(text) == found


@pytest.mark.parametrize("role", ["postgres", OWNER, WRITER, "provenstore_runner"])
def test_every_role_sees_the_same(database: ScratchDatabase, role: str) -> None:
    """The server compares as the writer, whom no table needs to be readable for that."""
    with database.connect(role) as connection:
        assert fingerprint.differences(connection) == []


@pytest.mark.parametrize(("change", "sentence"), ALTERED.values(), ids=ALTERED.keys())
def test_what_was_changed_is_named(database: ScratchDatabase, change: str, sentence: str) -> None:
    """Each alone, by the sentence that an operator reads."""
    with database.connect(OWNER) as owner:
        owner.execute(change.encode())
    with database.connect(WRITER) as connection:
        assert fingerprint.differences(connection) == [sentence]
        with pytest.raises(Misconfigured, match=re.escape(sentence)):
            fingerprint.require(connection)


def test_a_role_above_the_law_is_named(database: ScratchDatabase) -> None:
    """Attributes of the four roles count, whoever gave them."""
    with database.connect() as superuser, superuser.transaction(force_rollback=True):
        superuser.execute("alter role provenstore_runner bypassrls")
        assert fingerprint.differences(superuser) == ["the role provenstore_runner was altered"]


def test_a_trigger_that_fires_at_times(database: ScratchDatabase) -> None:
    """The condition of a trigger counts, not only that it has one."""
    with database.connect(OWNER) as owner, owner.transaction(force_rollback=True):
        found = []
        for condition in ("", "when (old.position > 0)", "when (old.position > 1000)"):
            owner.execute(
                "create or replace trigger append_only before update or delete on provenstore.event for each row "
                f"{condition} execute function provenstore.refuse_change()".encode()
            )
            owner.execute("alter table provenstore.event enable always trigger append_only")
            found.append(fingerprint.objects(owner)["trigger append_only on event"])
        assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("grant provenstore_owner to provenstore_writer", "membership of provenstore_writer in provenstore_owner"),
        ("grant pg_write_all_data to provenstore_runner", "membership of provenstore_runner in pg_write_all_data"),
        ("create role app; grant provenstore_owner to app", "membership of app in provenstore_owner"),
        ("alter role provenstore_writer set role provenstore_owner", "setting role of provenstore_writer"),
        (
            "alter role provenstore_writer set synchronous_commit = off",
            "setting synchronous_commit of provenstore_writer",
        ),
        ("alter role all set session_replication_role = replica", "setting session_replication_role of the database"),
        (
            "alter role provenstore_runner in database {} set search_path = public, pg_catalog",
            "setting search_path of provenstore_runner",
        ),
        ("alter database {} set row_security = off", "setting row_security of the database"),
    ],
)
def test_rights_and_settings_of_roles(database: ScratchDatabase, change: str, sentence: str) -> None:
    """Who holds the owner's rights, and what makes sessions of ours mean something else."""
    with database.connect() as superuser, superuser.transaction(force_rollback=True):
        superuser.execute(change.format(database.name).encode())
        assert fingerprint.differences(superuser) == [f"the {sentence} is not of ours"]


@pytest.mark.parametrize(
    "change",
    [
        "create role app login; grant provenstore_writer to app; grant provenstore_runner to app",
        "create role dba login createrole; grant provenstore_owner to dba",
        "alter role provenstore_writer set work_mem = '64MB'",
        "alter role provenstore_writer nologin",
        "alter database {} set search_path = public",
        "create index on provenstore.event (time)",
        "create index erased_ccnew on provenstore.private_value (erased_by) where erased_by is not null",
        "reindex table provenstore.event",
        "create publication everything for all tables",
        "set local search_path = provenstore; set local quote_all_identifiers = on",
    ],
)
def test_what_administrators_do_is_no_difference(database: ScratchDatabase, change: str) -> None:
    """Login roles of an installation's own, tuning, indexes for its questions, and the settings of a session."""
    with database.connect() as superuser, superuser.transaction(force_rollback=True):
        superuser.execute(change.format(database.name).encode())
        assert fingerprint.differences(superuser) == []


def test_a_health_check_compares_once_in_a_while(database: ScratchDatabase) -> None:
    """What was good is good for some seconds; what was altered is said each time."""
    now = 0.0
    with Database(database.conninfo(WRITER)) as connections, database.connect(OWNER) as owner:
        check = fingerprint.SchemaCheck(connections, lambda: now)
        check()
        owner.execute("grant delete on provenstore.event to provenstore_writer")
        check()
        now = fingerprint.CHECKED_FOR
        for _ in range(2):
            with pytest.raises(Misconfigured, match="the table event was altered"):
                check()
        owner.execute("revoke delete on provenstore.event from provenstore_writer")
        check()
