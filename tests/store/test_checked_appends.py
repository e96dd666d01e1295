"""What append() refuses to record, and what it does not call recorded."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from provenstore.adapters import migrations
from provenstore.adapters.event_store import PostgresEventLog
from provenstore.adapters.sealing import Batch
from provenstore.domain.envelope import Draft
from provenstore.domain.errors import IntegrityViolated, InvalidInput, Misconfigured
from provenstore.domain.event_log import Append, Erasure, IdempotencyKey, QuotaChange
from store_commands import closed, command, happened
from store_database import WRITER, ScratchDatabase

OWNER = "provenstore_owner"


def altered(one: Draft, **fragments: tuple[bytes, bytes]) -> Draft:
    """Return a draft in which a fragment says something else: `f1=(old, new)`."""
    found = list(one.fragments)
    for name, (old, new) in fragments.items():
        index = int(name[1])
        assert old in found[index]
        found[index] = found[index].replace(old, new, 1)
    return replace(one, fragments=tuple(found))  # type: ignore[arg-type]  # six again


FORGED: dict[str, Any] = {
    "no JSON": {"f1": (b'"it"', b"it")},
    "an open text": {"f1": (b'"what":"it"', b'"what":"it')},
    "another stream": {"f3": (b"file:1", b"file:2")},
    "another type": {"f4": (b"test.happened.v1", b"test.happened.v2")},
    "another workspace": {"f5": (b'"acme"', b'"other"')},
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED.keys())
def test_bytes_that_are_not_what_they_are_recorded_as(log: PostgresEventLog, forgery: Any) -> None:
    """Who may call append() cannot have bytes sealed that are no JSON, or say another place than their row."""
    with pytest.raises(InvalidInput):
        log.append(command(altered(happened("file:1"), **forgery)))
    assert log.position() == 0


def test_another_id_and_an_unknown_type(log: PostgresEventLog) -> None:
    """The columns are compared with the bytes, and the type with those that the owner's release knows."""
    for forged in (
        replace(happened("file:1"), id=uuid4()),
        altered(replace(happened("file:1"), type="test.happened.v2"), f4=(b"happened.v1", b"happened.v2")),
    ):
        with pytest.raises(InvalidInput):
            log.append(command(forged))
    assert log.position() == 0


@pytest.mark.parametrize(
    "what", ["it", "with space", 'a "quote"', "umlaut ä", "{brace}", "tab\t", "1.5", "back\\slash"]
)
def test_every_text_is_taken(log: PostgresEventLog, what: str) -> None:
    """Flat and plain or not, canonical bytes are recorded as they come."""
    log.append(command(happened("file:1", what), happened("file:ä b", what)))
    log.append(command(closed("file:1", "file:2")))
    assert [event.version for event in log.events(["file:1"])] == [1, 2]


SWALLOWED = {
    "event": "events",
    "private_value": "values",
    "quota": "counters",
    "idempotency": "keys",
}


@pytest.mark.parametrize("table", SWALLOWED)
def test_a_row_that_a_trigger_swallows(log: PostgresEventLog, database: ScratchDatabase, table: str) -> None:
    """Nothing is answered as recorded that is not there, and nothing of the batch is."""
    with database.connect(OWNER) as owner:
        owner.execute(
            "create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
            f"create trigger swallow before insert on provenstore.{table} for each row "
            "execute function public.swallow()".encode()
        )
    one = happened("file:1", private={"reason": "because"})
    with pytest.raises(IntegrityViolated):
        log.append(command(one, quota=[QuotaChange("acme", bytes=1)], key=IdempotencyKey("p", "k", b"f")))
    assert log.position() == 0


def test_an_erasure_that_a_trigger_swallows(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """A value that is still there was not erased."""
    one = happened("file:1", private={"reason": "because"})
    log.append(command(one))
    with database.connect(OWNER) as owner:
        owner.execute(
            "create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
            "create trigger aa_swallow before update on provenstore.private_value for each row "
            "execute function public.swallow()"
        )
    with pytest.raises(IntegrityViolated):
        log.append(command(happened("file:1"), erase=[Erasure(one.id, "reason")]))


def test_without_the_row_that_orders_nothing_is_recorded(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """Two appends at once would have no order."""
    with database.connect(OWNER) as owner:
        owner.execute("delete from provenstore.head")
    with pytest.raises(IntegrityViolated):
        log.append(command(happened("file:1")))


def test_an_answer_about_other_events() -> None:
    """The client believes an answer only about the events that it asked for."""
    one, other = happened("file:1"), happened("file:1")

    def answer(*ids: Any) -> Any:
        rows = [
            (1, "sealed", 1, None, None, None, each, n, "file:1", n, n, None, b"", b"") for n, each in enumerate(ids)
        ]
        return Batch([Append([one])]).answers(rows)[0]

    assert not isinstance(answer(one.id), Exception)
    for ids in ((other.id,), (), (one.id, other.id)):
        assert isinstance(answer(*ids), IntegrityViolated)


def test_the_database_knows_the_types_of_the_release(database: ScratchDatabase) -> None:
    """A server does not start on a database whose owner has not said which types this release writes."""
    with database.connect(OWNER) as owner, database.connect(WRITER) as writer:
        migrations.check(writer)
        owner.execute("delete from provenstore.event_type where type = 'file.stored.v1'")
        with pytest.raises(Misconfigured, match=r"file\.stored\.v1"):
            migrations.check(writer)
    migrations.migrate(database.conninfo(OWNER))
    with database.connect(WRITER) as writer:
        migrations.check(writer)
