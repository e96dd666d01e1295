"""What the log's owner changed in functions, triggers, grants and policies is named before anything is recorded."""

import json
from importlib.resources import files

import pytest

from provenstore.adapters import fingerprint, migrations
from provenstore.adapters.database import Database
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
    "a table more": ("create table provenstore.beside (x int)", "the table beside is not of ours"),
}


def test_the_file_is_of_a_freshly_migrated_database(database: ScratchDatabase) -> None:
    """`make fingerprint` writes it anew after a migration."""
    text = (files("provenstore.adapters") / "sql" / fingerprint.FILE).read_text("utf-8")
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
        with pytest.raises(Misconfigured, match=sentence):
            fingerprint.require(connection)


def test_a_role_above_the_law_is_named(database: ScratchDatabase) -> None:
    """Attributes of the four roles count, whoever gave them."""
    with database.connect() as superuser, superuser.transaction(force_rollback=True):
        superuser.execute("alter role provenstore_runner bypassrls")
        assert fingerprint.differences(superuser) == ["the role provenstore_runner was altered"]


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
